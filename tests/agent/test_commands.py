"""`undo`, `log` and `doctor` on a real repository with real past runs."""

import io
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from agent.commands import log, undo
from agent.doctor import doctor
from agent.edits import Edit
from agent.errors import RepositoryError
from agent.run import RunOptions, run
from agent.scripted import ScriptedProposer
from agent.workspace import Repository
from memory.errors import UserError
from memory.home import MemoryHome
from memory.records import Task
from memory.runs import Begun, Run

FIRST = [Edit("calc.py", "    return a - b", "    return a + b")]
SECOND = [Edit("calc.py", "    return a * 2", "    return a + a")]


def solved(
    repo: Path, edits: Sequence[Edit], delivery: Literal["apply", "commit", "none"] = "apply", request: str = "fix it"
) -> str:
    """A past run; returns its id."""
    options = RunOptions(request, repo=repo, test_command="", sandbox="none", delivery=delivery, as_json=True)
    out = io.StringIO()
    run(options, ScriptedProposer([edits]), Console(file=out), Console(file=io.StringIO()))
    found: str = json.loads(out.getvalue())["experience_id"]
    return found


def call(command: click.Command, repo: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--repo", str(repo)], catch_exceptions=False, standalone_mode=False)


def git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout


def test_undo_takes_back_what_was_applied(repo: Path) -> None:
    (repo / "README.md").write_text("mine\n")
    before = git(repo, "diff")
    solved(repo, FIRST)
    assert "Taken back: fix it" in call(undo, repo).output
    assert git(repo, "diff") == before


def test_undo_goes_back_one_at_a_time(repo: Path) -> None:
    solved(repo, FIRST)
    solved(repo, SECOND)
    call(undo, repo)
    assert "a + b" in (repo / "calc.py").read_text() and "a * 2" in (repo / "calc.py").read_text()
    call(undo, repo)
    assert git(repo, "status", "--porcelain") == ""


def test_undo_of_a_commit_is_a_commit(repo: Path) -> None:
    solved(repo, FIRST, "commit")
    call(undo, repo)
    assert git(repo, "rev-list", "--count", "HEAD") == "3\n" and "a - b" in git(repo, "show", "HEAD:calc.py")


def test_undo_with_nothing_applied_says_so(repo: Path) -> None:
    solved(repo, FIRST, "none")
    with pytest.raises(RepositoryError, match="Nothing is applied"):
        call(undo, repo)


def test_undo_is_refused_where_the_file_has_changed_since_and_can_be_tried_again(repo: Path) -> None:
    solved(repo, FIRST)
    applied = (repo / "calc.py").read_text()
    (repo / "calc.py").write_text(applied.replace("a + b", "b + a"))
    with pytest.raises(RepositoryError):
        call(undo, repo)
    (repo / "calc.py").write_text(applied)
    call(undo, repo)
    assert git(repo, "status", "--porcelain") == ""


def test_undo_passes_over_a_commit_that_was_reset_away(repo: Path) -> None:
    solved(repo, FIRST)
    git(repo, "stash", "--quiet")
    solved(repo, SECOND, "commit")
    git(repo, "reset", "--quiet", "--hard", "HEAD~1")
    git(repo, "stash", "pop", "--quiet")

    call(undo, repo)

    assert git(repo, "status", "--porcelain") == ""


def test_undo_does_not_pass_over_a_commit_that_was_amended_or_is_on_another_branch(repo: Path) -> None:
    solved(repo, FIRST)
    git(repo, "stash", "--quiet")
    solved(repo, SECOND, "commit")
    git(repo, "switch", "--quiet", "--create", "other", "HEAD~1")
    with pytest.raises(RepositoryError, match="not the latest commit any more"):
        call(undo, repo)
    git(repo, "switch", "--quiet", "main")
    git(repo, "branch", "--quiet", "--delete", "--force", "other")
    git(repo, "commit", "--quiet", "--amend", "--message", "in my words")
    with pytest.raises(RepositoryError, match="not the latest commit any more"):
        call(undo, repo)


def test_undo_finds_what_was_applied_before_the_repository_was_moved(repo: Path, tmp_path: Path) -> None:
    solved(repo, FIRST)
    moved = repo.rename(tmp_path / "moved")

    call(undo, moved)

    assert git(moved, "status", "--porcelain") == ""


def test_undo_leaves_another_work_tree_of_the_repository_alone(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "other"))
    solved(repo, FIRST)
    with pytest.raises(RepositoryError, match="Nothing is applied"):
        call(undo, tmp_path / "other")


def test_log_lists_the_newest_first(repo: Path) -> None:
    ids = [solved(repo, FIRST, "apply", "one\nthing"), solved(repo, SECOND, "none")]
    lines = call(log, repo).output.splitlines()
    assert [line.split()[0] for line in lines] == ids[::-1]
    assert "applied" in lines[1] and "one thing" in lines[1]


def test_log_as_json_is_a_list(repo: Path) -> None:
    solved(repo, FIRST)
    (found,) = json.loads(call(log, repo, "list", "--json").output)
    assert (found["status"], found["outcome"], found["votes"]) == ("unchecked", "applied", 1)


def test_log_show_shows_one_run_by_the_beginning_of_its_id(repo: Path) -> None:
    id = solved(repo, FIRST)
    output = call(log, repo, "show", id[:14]).output
    assert "fix it" in output and "+    return a + b" in output and "unchecked, then applied" in output


def test_log_show_as_json_is_the_whole_record(repo: Path) -> None:
    id = solved(repo, FIRST)
    found = json.loads(call(log, repo, "show", id, "--json").output)
    assert found["task"]["request"] == "fix it" and found["outcomes"][0]["kind"] == "applied"


def test_log_show_of_an_unknown_id_is_an_error(repo: Path) -> None:
    with pytest.raises(UserError, match="No experience"):
        call(log, repo, "show", "zzz")


def test_log_show_of_a_beginning_that_two_interrupted_runs_have_says_so(repo: Path) -> None:
    repository = Repository.open(repo)
    task = Task(request="r", repo=str(repo), base_commit=None, snapshot=repository.snapshot())
    for id in ("1aa", "1ab"):
        begun = Begun(id=id, task=task, model=None, base_url=None, strategy="auto", candidates=None, seed=0)
        Run.begin(MemoryHome.for_repository(repository.common_dir).runs, begun).__exit__(None, None, None)
    with pytest.raises(UserError, match="Several interrupted runs"):
        call(log, repo, "show", "1a")


@pytest.mark.parametrize("finished", [1, 2])
def test_log_show_of_a_beginning_that_finished_and_interrupted_runs_have_says_so(repo: Path, finished: int) -> None:
    ids = [solved(repo, FIRST, "none") for _ in range(finished)]
    shared = os.path.commonprefix([*ids, "0"]) or ids[0][0]
    repository = Repository.open(repo)
    task = Task(request="r", repo=str(repo), base_commit=None, snapshot=repository.snapshot())
    cut = Begun(id=f"{shared}zz", task=task, model=None, base_url=None, strategy="auto", candidates=None, seed=0)
    Run.begin(MemoryHome.for_repository(repository.common_dir).runs, cut).__exit__(None, None, None)

    with pytest.raises(UserError, match="Several"):
        call(log, repo, "show", shared)
    assert json.loads(call(log, repo, "show", ids[0], "--json").output)["id"] == ids[0]


def test_an_empty_log_lists_nothing(repo: Path) -> None:
    assert call(log, repo).output == ""


def test_doctor_finds_every_needed_part(repo: Path) -> None:
    found = call(doctor, repo, "--json")
    parts = {finding["part"]: finding["works"] for finding in json.loads(found.output)}
    assert found.return_value == 0
    assert parts["git"] and parts["repository"] and parts["memory"] and parts["model"]


def test_doctor_works_outside_of_a_repository(tmp_path: Path) -> None:
    found = call(doctor, tmp_path)
    assert found.return_value == 0 and "not in a git repository" in found.output


def test_doctor_says_what_is_wrong_with_the_memory(repo: Path, surroundings: Path) -> None:
    (surroundings / "home").write_text("in the way")
    found = call(doctor, repo)
    assert found.return_value == 1
    assert any(line.startswith("memory      MISSING") for line in found.output.splitlines())
