"""`sleepwright daemon ...` and `sleepwright status` as a user types them."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Tokens
from sleeptime.control import DaemonFolder, stop
from tests.memory.test_experiences import experience


def sleepwright(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


def test_help_imports_nothing_heavy() -> None:
    program = """
import sys, agent.cli
try:
    agent.cli.main(["daemon", "start", "--help"])
finally:
    print(sorted(set(sys.modules) & {"pydantic", "psutil", "git", "numpy", "sqlite3", "rich"}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_start_watches_the_repository_here_and_outlives_who_started_it(repo: Path) -> None:
    try:
        started = sleepwright("daemon", "start", cwd=repo / "tests")
        assert started.returncode == 0 and f"Watching {repo}." in started.stdout
        again = sleepwright("daemon", "start", cwd=repo)
        assert again.returncode == 0 and "runs already" in again.stdout
        said = json.loads(sleepwright("daemon", "status", "--json", cwd=repo).stdout)
        assert said["running"] and said["watched"] == [str(repo)]
        assert "The daemon begins" in sleepwright("daemon", "logs", "-n", "5", cwd=repo).stdout
        assert "has ended" in sleepwright("daemon", "stop", cwd=repo).stdout
        assert sleepwright("daemon", "status", cwd=repo).returncode == 1
        assert "No daemon runs" in sleepwright("daemon", "stop", cwd=repo).stdout
    finally:
        stop(DaemonFolder.open())


def test_with_nothing_to_watch_it_does_not_start(tmp_path: Path) -> None:
    done = sleepwright("daemon", "start", cwd=tmp_path)
    assert done.returncode == 2 and "There is nothing to watch" in done.stderr


def test_repositories_are_added_and_removed_without_a_daemon(repo: Path, tmp_path: Path) -> None:
    assert f"Watching {repo}." in sleepwright("daemon", "add", "repo", cwd=tmp_path).stdout
    assert "Already watching" in sleepwright("daemon", "add", cwd=repo).stdout
    assert str(repo) in sleepwright("daemon", "status", cwd=tmp_path).stdout
    moved = repo.rename(tmp_path / "moved")
    assert sleepwright("daemon", "remove", str(repo), cwd=tmp_path).returncode == 0
    done = sleepwright("daemon", "remove", str(moved), cwd=tmp_path)
    assert done.returncode == 2 and "is not watched" in done.stderr


def test_a_directory_that_is_no_repository_is_not_added(tmp_path: Path) -> None:
    done = sleepwright("daemon", "add", cwd=tmp_path)
    assert done.returncode == 2 and "cannot be watched" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemctl is asked on Linux only")
def test_install_asks_the_service_manager_and_uninstall_takes_it_back(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    fake = tmp_path / "bin" / "systemctl"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    written = sleepwright("daemon", "install", "--no-start", cwd=repo)
    assert written.returncode == 0 and "systemctl --user enable --now" in written.stdout and not asked.exists()
    assert sleepwright("daemon", "install", cwd=repo).returncode == 0
    (unit,) = (tmp_path / "config" / "systemd" / "user").iterdir()
    assert asked.read_text().splitlines()[-2:] == ["--user daemon-reload", f"--user enable --now {unit.name}"]
    assert sleepwright("daemon", "uninstall", cwd=repo).returncode == 0
    assert not unit.exists() and asked.read_text().splitlines()[-1] == f"--user disable --now {unit.name}"


def test_what_can_be_set_is_shown_with_the_file_that_sets_it(repo: Path, surroundings: Path) -> None:
    (surroundings / "sleep.toml").write_text("quiet_seconds = 7\n")
    shown = sleepwright("daemon", "settings", cwd=repo).stdout
    assert shown.startswith(f"# {surroundings}/sleep.toml") and "\nquiet_seconds = 7.0\n" in shown
    (surroundings / "sleep.toml").write_text(shown)
    assert json.loads(sleepwright("daemon", "settings", "--json", cwd=repo).stdout)["quiet_seconds"] == 7


def test_status_says_what_is_known_before_anything_has_happened(repo: Path) -> None:
    done = sleepwright("status", cwd=repo)
    assert done.returncode == 0
    assert "none runs" in done.stdout and "never to its end" in done.stdout and "too few tasks" in done.stdout


def test_status_counts_notes_recalls_and_what_they_saved(repo: Path) -> None:
    home = MemoryHome.for_repository(Repository.open(repo).common_dir)
    with NoteStore.open(repo, MemoryConfig()) as store, ExperienceLog(home.experiences) as log:
        cost = Tokens(prompt=900, completion=100, calls=1)
        live = store.add("add adds", ["calc.py"], origin="inferred", source="m", cost=cost)
        store.add("the readme", ["README.md"], origin="observed")
        for number in range(3):
            alone = experience(f"alone{number}").model_copy(update={"tokens": Tokens(prompt=1_000)})
            helped = experience(f"helped{number}").model_copy(
                update={"tokens": Tokens(prompt=600), "notes": (live.id,)}
            )
            log.append(alone)
            log.append(helped)
            store.mark_used([live.id], helped.id)
    (repo / "README.md").write_text("changed\n")
    found = json.loads(sleepwright("status", "--json", cwd=repo).stdout)
    assert found["notes"] == {"live": 1, "stale": 1, "dormant": 0}
    assert found["recall_rate"] == 0.5
    assert found["payoff"]["saved_per_task"] == 400
    assert found["payoff"]["notes"] == [{"note": live.id, "cost": 1_000, "uses": 3, "break_even": 1}]
    assert "took 400 tokens less" in sleepwright("status", cwd=repo).stdout
