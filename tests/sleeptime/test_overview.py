"""Which files will be asked about, and what the history says."""

import os
from pathlib import Path

import pytest

from agent.workspace import Repository
from memory.home import MemoryHome
from memory.records import Candidate, Experience, Task, Vote
from sleeptime.expected_use import Signs, file_use
from sleeptime.history import read_history
from sleeptime.study import Stopped
from sleeptime.study_cache import StudyCache
from tests.sleeptime.desk import commit, git, open_desk


def test_the_chances_sum_up_to_one_and_follow_the_signs() -> None:
    use = file_use(Signs(failing={"a": 0.7}, churn={"b": 5.0, "gone": 9.0}), ["a", "b", "c"])
    assert sum(use.values()) == pytest.approx(1.0) and use["a"] > use["b"] > use["c"] > 0


def test_without_signs_all_are_equal() -> None:
    assert file_use(Signs(), ["a", "b"]) == {"a": 0.5, "b": 0.5}
    assert file_use(Signs(), []) == {}


def test_what_is_changed_on_the_branch_comes_first(repo: Path) -> None:
    commit(repo, "other.py", "def other():\n    return 1\n")
    git(repo, "checkout", "--quiet", "-b", "feature")
    for name in ("one", "two"):
        commit(repo, f"{name}.py", f"def {name}():\n    return 1\n")
    with open_desk(repo) as study:
        assert set(study.overview.signs.branch) == {"one.py", "two.py"}
        assert study.overview.use["two.py"] > study.overview.use["other.py"]


def test_what_is_not_committed_yet_is_open_work_on_the_trunk(repo: Path) -> None:
    (repo / "calc.py").write_text("x = 1\n")
    with open_desk(repo) as study:
        assert set(study.overview.signs.branch) == {"calc.py"}


def test_a_branch_that_shares_nothing_with_the_trunk_has_no_open_work(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--orphan", "alone")
    git(repo, "commit", "--quiet", "--message", "alone")
    with open_desk(repo) as study:
        assert study.overview.signs.branch == {}


def test_what_was_asked_before_will_be_asked_again(repo: Path) -> None:
    task = Task(request="mend `calc.py`", repo=str(repo), base_commit=None, snapshot="0" * 40)
    patch = "--- a/lib.py\n+++ b/lib.py\n@@ -1 +1 @@\n-x\n+y\n"
    commit(repo, "lib.py", "def lib():\n    return 1\n")
    with open_desk(repo) as study:
        vote = Vote(winner=0, votes=1, agreement=1.0, abstentions=0)
        candidate = Candidate(index=0, patch=patch)
        done = Experience(id="abcdef", task=task, status="unchecked", candidates=(candidate,), vote=vote, model="m")
        study.experiences.append(done)
        assert set(study.overview.signs.asked) == {"calc.py", "lib.py"}


def test_what_a_stale_note_was_recalled_for_is_thought_about_first(repo: Path) -> None:
    commit(repo, "lib.py", "def lib():\n    return 1\n")
    with open_desk(repo) as study:
        note = study.notes.add("It adds.", ["calc.py"], origin="observed")
        study.notes.mark_used([note.id], "a run")
    (repo / "calc.py").write_text("def add(a, b):\n    return b + a\n")
    commit(repo, "lib.py", "def lib():\n    return 2\n")
    with open_desk(repo) as study:
        assert set(study.overview.signs.asked) == {"calc.py"}
        assert study.overview.use["calc.py"] > study.overview.use["lib.py"]


def test_commits_are_asked_of_git_once(repo: Path) -> None:
    commit(repo, "calc.py", "x = 1\n")
    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    asked: list[int] = []
    with StudyCache(home) as cache:
        first = read_history(repository, cache, lambda: asked.append(1))
        again = read_history(repository, cache, lambda: asked.append(2))
        commit(repo, "calc.py", "x = 2\n")
        more = read_history(repository, cache, lambda: asked.append(3))
    assert asked == [1, 3] and first == again
    assert first.commits["calc.py"] == 2 and more.commits["calc.py"] == 3 and more.changes[1:] == first.changes


def test_the_history_is_that_of_the_branch(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "-b", "feature")
    commit(repo, "calc.py", "x = 1\n")
    with open_desk(repo) as study:
        assert study.overview.history.commits["calc.py"] == 2
    git(repo, "checkout", "--quiet", "main")
    with open_desk(repo) as study:
        assert study.overview.history.commits["calc.py"] == 1


def test_a_large_change_ties_nothing_together(repo: Path) -> None:
    for number in range(4):
        for name in range(40):
            (repo / f"f{name}.py").write_text(f"x = {number}\n")
        commit(repo, "calc.py", f"x = {number}\n")
    with open_desk(repo) as study:
        assert study.overview.history.together("calc.py", study.blobs, 5) == []


def test_names_of_all_bytes_are_read(repo: Path) -> None:
    (repo / os.fsdecode(b"caf\xe9 \x01.py")).write_text("x = 1\n")
    commit(repo, "with\nbreak.py", "x = 1\n")
    with open_desk(repo) as study:
        assert {os.fsdecode(b"caf\xe9 \x01.py"), "with\nbreak.py"} <= set(study.overview.history.commits)


def test_looking_around_gives_way_between_two_files(repo: Path) -> None:
    for number in range(20):
        (repo / f"f{number}.py").write_text(f"def function_{number}():\n    return 1\n")
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 5

    with open_desk(repo, stop=stop) as study, pytest.raises(Stopped):
        _ = study.overview
    assert len(asked) == 6
