"""Is the user away: what a tree shows without being read, runs under way, load and battery."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from agent.workspace import Repository
from memory.home import MemoryHome, all_homes
from memory.records import Task
from memory.runs import Begun, Run
from sleeptime.idle import Surroundings, TreeWatch, active_run, busy_machine, on_battery, surroundings
from sleeptime.settings import SleepSettings


def git(repo: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True)


@pytest.fixture
def watch(repo: Path) -> TreeWatch:
    return TreeWatch(Repository.open(repo))


def test_a_tree_that_is_left_alone_does_not_change(watch: TreeWatch) -> None:
    assert not any(watch.look() for _ in range(3))


def test_what_changed_before_is_known_by_its_time(repo: Path) -> None:
    long_ago = time.time() - 10_000
    for path in [repo, *repo.rglob("*")]:
        os.utime(path, (long_ago, long_ago))
    assert abs(TreeWatch(Repository.open(repo)).changed_at - long_ago) < 1
    os.utime(repo / "calc.py", (long_ago + 500, long_ago + 500))
    assert abs(TreeWatch(Repository.open(repo)).changed_at - long_ago - 500) < 1


@pytest.mark.parametrize(
    "change",
    [
        lambda repo: (repo / "calc.py").write_text("x = 1\n"),
        lambda repo: (repo / "tests" / "new.py").write_text(""),
        lambda repo: (repo / "README.md").unlink(),
        lambda repo: git(repo, "commit", "--allow-empty", "--quiet", "--message", "nothing"),
        lambda repo: git(repo, "checkout", "--quiet", "-b", "other"),
        lambda repo: git(repo, "rm", "--quiet", "--cached", "calc.py"),
    ],
    ids=["edit", "new file", "deleted file", "commit", "checkout", "index"],
)
def test_each_kind_of_change_is_seen_once(repo: Path, watch: TreeWatch, change: object) -> None:
    before = time.time()
    change(repo)  # type: ignore[operator]
    assert watch.look()
    assert watch.changed_at >= before and watch.changed_path
    assert not watch.look()


def test_a_change_in_place_that_keeps_the_time_is_seen(repo: Path, watch: TreeWatch) -> None:
    file = repo / "calc.py"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text("longer than it was before, and by much: " * 10)
    os.utime(file, ns=times)
    assert watch.look() and watch.changed_path == "calc.py"


def test_what_is_staged_after_the_beginning_is_watched_from_then_on(repo: Path, watch: TreeWatch) -> None:
    (repo / "late").mkdir()
    (repo / "late" / "file.py").write_text("a = 1\n")
    git(repo, "add", "--all")
    assert watch.look()
    (repo / "late" / "file.py").write_text("a = 2222\n")
    assert watch.look() and watch.changed_path == "late/file.py"


def test_a_large_tree_is_looked_at_in_turns(repo: Path) -> None:
    for number in range(2_500):
        (repo / f"file{number}.txt").write_text("")
    git(repo, "add", "--all")
    watch = TreeWatch(Repository.open(repo))
    (repo / "file1700.txt").write_text("changed")
    assert any(watch.look() for _ in range(3))


def test_our_own_snapshots_and_worktrees_are_no_change(repo: Path, watch: TreeWatch) -> None:
    home = MemoryHome.for_repository(watch.repository.common_dir)
    with watch.repository.worktree(watch.repository.snapshot(), home.worktrees) as worktree:
        (worktree / "calc.py").write_text("x = 1\n")
        assert not watch.look()
    assert not watch.look()


def test_a_tree_that_is_gone_is_a_change_and_no_error(repo: Path, watch: TreeWatch) -> None:
    repo.rename(repo.with_name("moved"))
    assert watch.look()
    assert not watch.look()


def test_a_run_is_active_for_as_long_as_its_process_has_it(repo: Path) -> None:
    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    task = Task(request="fix", repo=str(repo), base_commit=None, snapshot=repository.snapshot())
    begun = Begun(id="r1", task=task, model=None, base_url=None, strategy="auto", candidates=None, seed=0)
    assert active_run(all_homes()) is None
    with Run.begin(home.runs, begun):
        assert active_run(all_homes()) == home.path.name
    assert active_run(all_homes()) is None


def test_load_and_battery_have_limits() -> None:
    settings = SleepSettings(highest_load=0.5, lowest_battery=60)
    assert busy_machine(Surroundings(load=0.4, charge=None), settings) is None
    assert busy_machine(Surroundings(load=0.4, charge=80.0), settings) is None
    assert "load of 0.70" in str(busy_machine(Surroundings(load=0.7, charge=None), settings))
    assert "battery, at 59 %" in str(busy_machine(Surroundings(load=0.1, charge=59.0), settings))
    assert on_battery(Surroundings(load=9.0, charge=None), settings) is None


def test_the_surroundings_of_this_machine_are_found() -> None:
    assert surroundings().load >= 0
