"""The daemon with the real sleep on a real repository: edits, commits and kill -9 while it works."""

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psutil
import pytest

from agent.scripted_server import Scripted, ScriptedServer
from memory.config import MemoryConfig
from memory.note_store import NoteStore
from sleeptime.caps import Caps, SpendingLedger
from sleeptime.control import DaemonFolder, daemon_pid, read_state, start, stop
from sleeptime.daemon_record import DaemonRecord, Nap
from tests.sleeptime.test_daemon import is_alive, until


@pytest.fixture
def repo(repo: Path, surroundings: Path) -> Iterator[Path]:
    """Some modules and no tests, which take longest, watched by no daemon yet."""
    settings = "quiet_seconds = 0.3\nhighest_load = 1000\nlowest_battery = 0\n"
    (surroundings / "sleep.toml").write_text(settings)
    git(repo, "rm", "--quiet", "-r", "tests")
    for number in range(12):
        (repo / f"module{number}.py").write_text(f"import calc\n\n\ndef f{number}(a):\n    return calc.double(a)\n")
    commit(repo, "modules")
    with DaemonRecord(DaemonFolder.open().record) as record:
        record.watch(repo)
    yield repo
    stop(DaemonFolder.open())


def git(repo: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repo, check=True)


def commit(repo: Path, message: str) -> None:
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", message)


def naps(repo: Path) -> list[Nap]:
    with DaemonRecord(DaemonFolder.open().record) as record:
        return record.naps(repo)


def all_is_done(repo: Path) -> bool:
    """Whether the daemon waits for something new, having finished since the tree has changed."""
    state = read_state(DaemonFolder.open())
    return state is not None and "nothing new" in state.waiting_for.get(str(repo), "")


def texts(repo: Path) -> Counter[str]:
    """What is known and true of this tree."""
    with NoteStore.open(repo, MemoryConfig()) as store:
        broken = store.broken()
        return Counter(note.text for note in store.log.notes() if note.id not in broken)


def slept_in_peace(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counter[str]:
    """What a sleep that nothing disturbs knows of the same tree."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SLEEPWRIGHT_HOME", str(tmp_path / "elsewhere"))
        command = [sys.executable, "-m", "agent.cli", "sleep", "--once", "--repo", str(repo)]
        subprocess.run(command, check=True, capture_output=True)
        return texts(repo)


@pytest.mark.timeout(600)
def test_edits_commits_and_kills_lose_and_double_nothing(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    folder = DaemonFolder.open()
    for round in range(3):
        pid = start(folder)
        until(lambda: any(nap.ending is None for nap in naps(repo)), "it sleeps")
        (repo / f"module{round}.py").write_text(f"def changed{round}(a):\n    return a\n")
        if round % 2:
            commit(repo, "an edit")
        everybody = [psutil.Process(pid), *psutil.Process(pid).children()]
        victim = chance.choice(everybody)
        if is_alive(victim):
            victim.kill()
        if victim.pid == pid:
            until(lambda: daemon_pid(folder) is None, "the daemon is dead")
        stop(folder)
        until(lambda all=everybody: not any(map(is_alive, all)), "all has ended")  # type: ignore[misc]
    start(folder)
    # A sleep that was killed under a living daemon has failed, and is tried again after a minute.
    until(lambda: all_is_done(repo), "it has thought about everything", seconds=240)
    assert texts(repo) == slept_in_peace(repo, monkeypatch, tmp_path)
    (latest, *_) = naps(repo)
    assert latest.run and latest.run.problem is None


def test_a_real_run_makes_the_sleep_give_way(repo: Path, tmp_path: Path) -> None:
    start(DaemonFolder.open())
    until(lambda: any(nap.ending is None for nap in naps(repo)) or all_is_done(repo), "it sleeps")
    # A run that lasts until it is told to end.
    command = [sys.executable, "-m", "agent.cli", "run", "double is wrong", "--no-apply", "--sandbox", "none"]
    process = subprocess.Popen([*command, "--test", "sleep 60"], cwd=repo, stderr=subprocess.DEVNULL)
    edits = count()

    def waits() -> bool:
        if all_is_done(repo):  # before the run began: it only waits where there is something new
            (repo / "module0.py").write_text(f"changed = {next(edits)}\n")
        return "a run is under way" in str(read_state(DaemonFolder.open()))

    try:
        until(waits, "it waits for the run")
        assert all(nap.ending is not None for nap in naps(repo))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def test_a_request_under_way_is_given_up_and_counted(repo: Path, surroundings: Path) -> None:
    with ScriptedServer([Scripted(stalls_after=3)]) as server, (surroundings / "sleep.toml").open("a") as settings:
        settings.write(f'base_url = "{server.url}"\n')
        settings.flush()
        start(DaemonFolder.open())
        until(lambda: server.requests, "the model is asked")
        (repo / "calc.py").write_text("x = 1\n")
        until(lambda: any(nap.ending == "yielded" for nap in naps(repo)), "it gives way")
        stop(DaemonFolder.open())
    with SpendingLedger(DaemonFolder.open().spending, Caps(), "any") as ledger:
        spent = ledger.spent()
    assert spent.requests == len(server.requests) and spent.tokens > 0 and spent.gpu_seconds > 0


def test_a_commit_is_studied_by_itself_and_what_was_learned_survives_the_daemon(repo: Path) -> None:
    start(DaemonFolder.open())
    until(lambda: all_is_done(repo), "it has thought about everything")
    (repo / "late.py").write_text("def much_later(a):\n    return a\n")
    commit(repo, "late")
    until(lambda: any("much_later" in text for text in texts(repo)), "the new file is known")
    until(lambda: all_is_done(repo), "it has thought about everything again")
    stop(DaemonFolder.open())
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "status", "--json", "--repo", str(repo)], capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    assert found["last_success"] and not found["failures"] and found["daemon"] is None
    assert found["notes"]["live"] > 12 and found["spent_here"]["cpu_seconds"] > 0
    assert "waiting" not in found["backlog"]["survey"]
