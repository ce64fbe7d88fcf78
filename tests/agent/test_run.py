"""One run from options to exit code, with a scripted model: what is shown, applied and remembered."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.edits import Edit
from agent.errors import ConfigError, RepositoryError
from agent.localise import Localisation
from agent.run import RunOptions, run
from agent.scripted import ScriptedProposer
from agent.state import Proposal
from agent.workspace import Repository
from memory.errors import StoreError, UserError
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from memory.records import Task
from memory.runs import Begun, Run

PASSES = f"{sys.executable} -c 'from calc import add; assert add(2, 3) == 5'"
RIGHT = [Edit("calc.py", "    return a - b", "    return a + b")]
WRONG = [Edit("calc.py", "    return a - b", "    return a * b")]


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture
def options(repo: Path) -> RunOptions:
    return RunOptions("add is wrong", repo=repo, test_command=PASSES, sandbox="none", as_json=True)


def ran(
    options: RunOptions,
    *script: list[Edit],
    proposer: ScriptedProposer | None = None,
    confirm: Callable[[str], bool] | None = None,
    terminal: bool = False,
) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    shown, told = (Console(file=file, force_terminal=terminal, width=20) for file in (out, err))
    code = run(options, proposer or ScriptedProposer(script), shown, told, confirm)
    return Ran(code, out.getvalue(), err.getvalue())


def log_of(repo: Path) -> ExperienceLog:
    return ExperienceLog(MemoryHome.for_repository(Repository.open(repo).common_dir).experiences)


def git(repo: Path, *arguments: str, input: bytes = b"") -> str:
    run = subprocess.run(["git", *arguments], cwd=repo, check=True, stdout=subprocess.PIPE, input=input)
    return run.stdout.decode()


def test_json_has_exactly_the_documented_keys(options: RunOptions) -> None:
    found = ran(options, WRONG, RIGHT, []).json
    documented = "status patch candidates vote tokens seconds notes skipped passed_before adapter experience_id applied"
    assert list(found) == [*documented.split(), "cost", "limit"]
    assert set(found["vote"]) == {"winner", "votes", "agreement", "abstentions"}
    assert set(found["tokens"]) == {"prompt", "completion", "calls"}
    assert all(
        {"patch", "fingerprint", "abstained", "check", "tokens", "seconds"} <= set(candidate)
        for candidate in found["candidates"]
    )
    assert [candidate["check"] and candidate["check"]["passed"] for candidate in found["candidates"]] == [
        False,
        True,
        None,
    ]


def test_a_check_that_passed_before_any_change_is_said_to_have_done_so(options: RunOptions) -> None:
    passes = replace(options, test_command="true")
    assert ran(passes, RIGHT).json["passed_before"] is True and ran(options, RIGHT).json["passed_before"] is False
    shown, told = ran(replace(passes, as_json=False), RIGHT).out, ran(replace(options, as_json=False), RIGHT).out
    assert "as the tree did before" in shown and "as the tree did before" not in told


def test_json_is_one_line_and_the_rest_goes_to_stderr(options: RunOptions) -> None:
    found = ran(options, RIGHT)
    assert found.out.count("\n") == 1 and "checking" in found.err


def test_git_applies_the_patch_in_the_json(options: RunOptions, repo: Path) -> None:
    new = Edit("sub dir/é.py", "", "x = 1")
    patch = ran(options, [*RIGHT, new]).json["patch"]
    git(repo, "apply", "-", input=patch.encode("utf-8", "surrogateescape"))
    assert "a + b" in (repo / "calc.py").read_text() and (repo / "sub dir" / "é.py").exists()


def test_a_patch_of_other_bytes_than_utf8_survives_the_json(options: RunOptions, repo: Path) -> None:
    (repo / "calc.py").write_bytes((repo / "calc.py").read_bytes().replace(b"\n\n\n", b"  # caf\xe9\n\n\n", 1))
    edit = Edit("calc.py", "    return a - b  # caf\udce9", "    return a + b  # caf\udce9")
    patch = ran(replace(options, test_command=""), [edit]).json["patch"]
    git(repo, "apply", "-", input=patch.encode("utf-8", "surrogateescape"))
    assert b"a + b  # caf\xe9\n" in (repo / "calc.py").read_bytes()


@pytest.mark.parametrize(("script", "code"), [((RIGHT,), 0), ((WRONG,), 1), (([],), 1), ((), 1)])
def test_the_exit_code_says_whether_there_is_an_acceptable_patch(
    options: RunOptions, script: tuple[list[Edit], ...], code: int
) -> None:
    assert ran(options, *script).code == code


def test_a_patch_that_nothing_can_check_is_acceptable(options: RunOptions) -> None:
    assert ran(replace(options, test_command=""), WRONG).code == 0


def test_nothing_is_changed_unless_asked_for(options: RunOptions, repo: Path) -> None:
    assert not ran(options, RIGHT).json["applied"]
    assert git(repo, "status", "--porcelain") == ""


def test_apply_changes_the_work_tree_and_is_remembered(options: RunOptions, repo: Path) -> None:
    found = ran(replace(options, delivery="apply"), RIGHT).json
    assert found["applied"] and git(repo, "status", "--porcelain") == " M calc.py\n"
    with log_of(repo) as log:
        assert [outcome.kind for outcome in log.outcomes(found["experience_id"])] == ["applied"]


def test_commit_makes_a_commit_and_is_remembered(options: RunOptions, repo: Path) -> None:
    found = ran(replace(options, delivery="commit", request="add\nis wrong " * 20), RIGHT).json
    assert found["applied"] and git(repo, "status", "--porcelain") == ""
    with log_of(repo) as log:
        assert log.outcomes(found["experience_id"])[-1].commit == git(repo, "rev-parse", "HEAD").strip()
    assert len(git(repo, "log", "-1", "--format=%s").strip()) <= 72


@pytest.mark.parametrize("delivery", ["apply", "commit"])
def test_a_failing_candidate_is_never_applied(options: RunOptions, repo: Path, delivery: Any) -> None:
    found = ran(replace(options, delivery=delivery), WRONG)
    assert not found.json["applied"] and "nothing is applied" in found.err
    assert git(repo, "status", "--porcelain") == ""


@pytest.mark.parametrize("answer", [True, False])
def test_who_can_answer_is_asked(options: RunOptions, repo: Path, answer: bool) -> None:
    ran(replace(options, as_json=False), RIGHT, confirm=lambda question: answer)
    assert bool(git(repo, "status", "--porcelain")) == answer


def test_nobody_is_asked_about_a_failing_candidate(options: RunOptions) -> None:
    def confirm(question: str) -> bool:
        raise AssertionError(question)

    assert ran(replace(options, as_json=False), WRONG, confirm=confirm).code == 1


class Meddler(ScriptedProposer):
    """Its user works on while it works."""

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        (Path(task.repo) / "calc.py").write_text("def add(a, b): return a\n")
        return super().propose(task, worktree, localisation, n, seed, progress)


def test_a_patch_that_does_not_apply_any_more_is_kept_in_the_log(options: RunOptions, repo: Path) -> None:
    with pytest.raises(RepositoryError, match="sleepwright log show"):
        ran(replace(options, delivery="apply", as_json=False), proposer=Meddler([RIGHT]))
    with log_of(repo) as log:
        assert "a + b" in log.latest(1)[0].patch
    assert (repo / "calc.py").read_text() == "def add(a, b): return a\n"


def test_a_patch_that_does_not_apply_any_more_is_in_the_json(options: RunOptions) -> None:
    found = ran(replace(options, delivery="apply"), proposer=Meddler([RIGHT]))
    assert (found.code, found.json["status"], found.json["applied"]) == (2, "passed", False)
    assert "a + b" in found.json["patch"] and "has changed" in found.json["error"]


def test_a_log_that_cannot_be_used_is_told_before_the_work(options: RunOptions, repo: Path) -> None:
    with log_of(repo) as log:
        log.path.write_text("no log")
    with pytest.raises(StoreError):
        ran(options, proposer=Meddler([RIGHT]))
    assert git(repo, "status", "--porcelain") == ""


def test_a_folder_of_the_repository_is_as_good_as_its_root(options: RunOptions, repo: Path) -> None:
    assert ran(replace(options, repo=repo / "tests"), RIGHT).code == 0


def test_a_run_goes_on_where_its_repository_was_moved_to(options: RunOptions, repo: Path, tmp_path: Path) -> None:
    repository = Repository.open(repo)
    task = Task(
        request="add is wrong", repo=str(repo), base_commit=repository.head, snapshot=repository.snapshot(),
        test_command=PASSES,
    )  # fmt: skip
    begun = Begun(id="1abc", task=task, model=None, base_url=None, strategy="auto", candidates=None, seed=0)
    Run.begin(MemoryHome.for_repository(repository.common_dir).runs, begun).__exit__(None, None, None)
    moved = repo.rename(tmp_path / "moved")

    assert ran(replace(options, repo=moved, resume="1abc"), RIGHT).code == 0
    with log_of(moved) as log:
        assert log.latest(1)[0].task.repo == str(moved)


def test_an_empty_id_is_that_of_no_run(options: RunOptions) -> None:
    with pytest.raises(UserError, match="No experience has the id ''"):
        ran(replace(options, resume=""), RIGHT)


def test_plain_output_is_a_diff_and_a_summary_without_colour_or_wrapping(options: RunOptions) -> None:
    out = ran(replace(options, as_json=False), RIGHT, RIGHT, []).out
    assert "\x1b" not in out
    assert "\n-    return a - b\n+    return a + b\n" in out
    assert f"passes: {PASSES}" in out and "2/3, 1 without a vote" in out


class Refused(ScriptedProposer):
    """One answer that fits, and one that nobody could use."""

    def propose(self, *asked: Any) -> list[Proposal]:
        return [Proposal(tuple(RIGHT)), Proposal(problem="The text is not there. The nearest lines are:\n2\tx = 1")]


def test_why_a_candidate_has_no_vote_is_one_line_in_the_summary(options: RunOptions) -> None:
    out = ran(replace(options, as_json=False), proposer=Refused([])).out
    assert "1/2, 1 without a vote (The text is not there 1)\n" in out


def test_the_diff_is_coloured_in_a_terminal(options: RunOptions) -> None:
    assert "\x1b[32m+    return a + b" in ran(replace(options, as_json=False), RIGHT, terminal=True).out


def test_control_characters_of_a_patch_do_not_reach_the_terminal(options: RunOptions) -> None:
    edit = Edit("evil.txt", "", "\x1b]0;title\x07 \x9b2J [red]x[/red]")
    out = ran(replace(options, as_json=False), [*RIGHT, edit], terminal=True).out
    assert "\\x1b]0;title\\x07 \\x9b2J [red]x[/red]" in out


def test_a_failing_check_shows_the_end_of_its_output(options: RunOptions) -> None:
    failing = replace(options, as_json=False, test_command="seq 100; exit 3")
    out = ran(failing, RIGHT).out
    assert "exit 3" in out and "    100\n" in out and "    50\n" not in out


@pytest.mark.parametrize("wrong", [{"strategy": "rollout"}, {"base_url": "localhost:8000"}])
def test_what_is_not_there_is_a_configuration_error(options: RunOptions, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        run(replace(options, **wrong), None, Console(file=io.StringIO()), Console(file=io.StringIO()))
