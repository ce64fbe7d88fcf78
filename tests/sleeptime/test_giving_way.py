"""A sleep in the foreground gives way in the middle of a command without end; what it had begun is ended."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memory.home import MemoryHome
from memory.journal import Journal
from sleeptime.work_queue import WorkQueue

PATIENCE = 100.0


def until(happens: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def endless_tests(place: Path) -> str:
    """A test command that never ends the first time, and says its process; the second time it passes."""
    started, told = shlex.quote(str(place / "started")), shlex.quote(str(place / "started.tmp"))
    return f"test -e {started} && exit 0; echo $$ > {told}; mv {told} {started}; while true; do sleep 1; done"


def asleep(repo: Path, place: Path) -> subprocess.Popen[str]:
    """A sleep whose tests have just begun."""
    options = ["--once", "--json", "--sandbox", "none", "--passes", "survey,tests", "--test", endless_tests(place)]
    command = [sys.executable, "-m", "agent.cli", "sleep", "--repo", str(repo), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: (place / "started").exists() or process.poll() is not None)
    assert process.poll() is None
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_sleep_and_the_tests_that_it_runs(repo: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = asleep(repo, tmp_path)
    tests = int((tmp_path / "started").read_text())
    assert is_alive(tests)
    process.send_signal(number)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and json.loads(said)["stopped"] is True
    assert not is_alive(tests)
    assert list(MemoryHome.for_repository(repo / ".git").worktrees.glob("sleepwright-*")) == []


def test_a_signal_while_it_looks_around_ends_a_dry_run(repo: Path, tmp_path: Path) -> None:
    started, go = shlex.quote(str(tmp_path / "started")), shlex.quote(str(tmp_path / "go"))
    clean = f"touch {started}; until test -e {go}; do sleep 0.05; done; cat"
    subprocess.run(["git", "config", "filter.slow.clean", clean], cwd=repo, check=True)
    (repo / ".gitattributes").write_text("*.slow filter=slow\n")
    (repo / "data.slow").write_text("1\n")
    command = [sys.executable, "-m", "agent.cli", "sleep", "--dry-run", "--repo", str(repo), "--passes", "survey"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until((tmp_path / "started").exists)
    process.send_signal(signal.SIGINT)
    (tmp_path / "go").touch()
    _, problem = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "Error" not in problem


def test_a_sleep_gives_way_to_a_run_and_goes_on_after_it(repo: Path, tmp_path: Path) -> None:
    process = asleep(repo, tmp_path)
    tests = int((tmp_path / "started").read_text())
    home = MemoryHome.for_repository(repo / ".git")
    (home.runs / "a-run").mkdir(parents=True)
    with Journal(home.runs / "a-run" / "run.jsonl") as journal:
        journal.append({"begun": True})
        until(lambda: not is_alive(tests))
        with WorkQueue(home) as queue:
            until(lambda: queue.runs(1)[0].stopped)
        assert process.poll() is None
    said, problem = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, problem
    first, second = map(json.loads, said.splitlines())
    assert first["stopped"] and not second["stopped"] and second["passes"]["tests"]["finished"] > 0
    assert "a run is under way" in problem
    assert not os.path.exists(home.worktrees) or not list(home.worktrees.glob("sleepwright-*"))


def test_a_sleep_that_waits_for_a_run_can_be_ended(repo: Path) -> None:
    home = MemoryHome.for_repository(repo / ".git")
    (home.runs / "a-run").mkdir(parents=True)
    with Journal(home.runs / "a-run" / "run.jsonl") as journal:
        journal.append({"begun": True})
        options = ["--once", "--test", "", "--sandbox", "none"]  # where there is none, that would be said first
        command = [sys.executable, "-m", "agent.cli", "sleep", "--repo", str(repo), *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        assert "a run is under way" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    with WorkQueue(home) as queue:
        assert queue.runs(1) == []
