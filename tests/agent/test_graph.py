"""The graph with a scripted model: what wins, what abstains, what is left unchecked, and what stays behind."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.deadline import Deadline
from agent.edits import Edit
from agent.errors import ModelError
from agent.graph import run_task, solve
from agent.localise import Localisation
from agent.sandbox import Sandbox
from agent.scripted import ScriptedProposer
from agent.state import AgentContext, OutOfTime, Proposal, Proposer, Stage
from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog
from memory.note_store import NoteStore
from memory.records import Experience, Task
from memory.runs import Begun, Run

PASSES = f"{sys.executable} -c 'from calc import add; assert add(2, 3) == 5'"


def returning(expression: str) -> list[Edit]:
    return [Edit("calc.py", "    return a - b", f"    return {expression}")]


RIGHT, WRONG, WORSE = returning("a + b"), returning("a * b"), returning("a")


@dataclass
class Said:
    """A progress that remembers."""

    steps: list[tuple[Stage, int, int]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def step(self, stage: Stage, done: int, total: int) -> None:
        self.steps.append((stage, done, total))

    def notice(self, text: str) -> None:
        self.notices.append(text)


@dataclass
class Desk:
    """What a test needs to solve tasks in `root`."""

    root: Path
    worktrees: Path
    said: Said = field(default_factory=Said)

    def context(self, proposer: Proposer) -> AgentContext:
        return AgentContext(
            Repository.open(self.root), self.worktrees, proposer, Sandbox("none"), self.said, candidates=64
        )

    def task(self, test_command: str | None = PASSES) -> Task:
        repository = Repository.open(self.root)
        return Task(
            request="add is wrong",
            repo=str(repository.root),
            base_commit=repository.head,
            snapshot=repository.snapshot(),
            test_command=test_command,
        )

    def solve(self, script: Sequence[Sequence[Edit]], test_command: str | None = PASSES) -> Experience:
        return solve(self.task(test_command), self.context(ScriptedProposer(script)))


@pytest.fixture
def desk(repo: Path, tmp_path: Path) -> Desk:
    return Desk(repo, tmp_path / "worktrees")


def test_a_passing_candidate_beats_one_with_more_votes(desk: Desk) -> None:
    found = desk.solve([WRONG, WRONG, RIGHT])
    assert (found.status, found.vote.winner, found.vote.votes) == ("passed", 2, 1)


def test_equal_candidates_vote_together(desk: Desk) -> None:
    found = desk.solve([WRONG, RIGHT, returning("a  +  b  # sum"), WRONG])
    assert (found.vote.winner, found.vote.votes, found.vote.agreement) == (1, 2, 0.5)


def test_every_candidate_of_a_group_has_its_check(desk: Desk) -> None:
    found = desk.solve([RIGHT, returning("(a + b)")])
    assert found.candidates[0].check is not None and found.candidates[0].check == found.candidates[1].check


def test_a_group_is_checked_once(desk: Desk, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    desk.solve([WRONG, WORSE, WRONG, WRONG, WORSE], f"echo run >> {runs}; exit 1")
    assert runs.read_text().count("run") == 3  # before the change, and two groups


def test_without_a_passing_candidate_the_most_votes_win_and_the_status_is_failed(desk: Desk) -> None:
    found = desk.solve([WORSE, WRONG, WRONG])
    assert (found.status, found.vote.winner) == ("failed", 1)


def test_without_candidates_there_is_no_winner(desk: Desk) -> None:
    found = desk.solve([])
    assert (found.status, found.vote.winner, found.patch) == ("no_candidate", None, "")


TOUCHED = [Edit("tests/test_calc.py", "    assert add(2, 3) == 5", "    assert add(2, 3) == -1")]


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([], "empty"),
        (returning("a - b"), "no-op"),
        (returning("a - b  # the difference"), None),
        (returning("a  -  b"), "no-op"),
        ([Edit("calc.py", "    return nothing", "    return 1")], "does not apply"),
        ([Edit("../calc.py", "", "x = 1")], "does not apply"),
        (returning("(a + b"), "does not parse"),
        ([*RIGHT, *TOUCHED], "touches tests"),
        ([*RIGHT, Edit("tests/test_more.py", "", "def test_more(): pass\n")], None),
    ],
)
def test_abstentions_have_their_reason(desk: Desk, edits: list[Edit], reason: str | None) -> None:
    found = desk.solve([edits])
    assert found.candidates[0].abstained == reason
    assert found.vote.abstentions == (reason is not None)


def test_a_candidate_does_not_see_the_one_before(desk: Desk) -> None:
    new = [Edit("extra.py", "", "x = 1\n")]
    found = desk.solve([[*WRONG, *new], [*RIGHT, *new]])
    assert "a * b" not in found.patch and "+++ b/extra.py" in found.patch
    assert found.status == "passed"


def test_a_new_undefined_name_fails_the_check(desk: Desk) -> None:
    found = desk.solve([returning("a + c")], None)
    check = found.candidates[0].check
    assert check is not None and check.problems and found.status == "failed"


def test_without_a_test_command_the_winner_is_unchecked(desk: Desk) -> None:
    found = desk.solve([WRONG], None)
    assert found.status == "unchecked"
    assert any("no test command" in notice for notice in desk.said.notices)


def test_tests_that_pass_before_the_change_are_mentioned(desk: Desk) -> None:
    desk.solve([RIGHT], "true")
    assert any("passes before any change" in notice for notice in desk.said.notices)


def test_a_test_command_that_cannot_be_run_is_mentioned(desk: Desk) -> None:
    desk.solve([RIGHT], "no-such-command")
    assert any("cannot be run" in notice for notice in desk.said.notices)


def test_a_group_that_can_no_longer_win_is_left_unchecked(desk: Desk) -> None:
    context = desk.context(ScriptedProposer([WRONG, WRONG, RIGHT]))
    context.race.finish(0, passed=True)
    found = solve(desk.task(), context)
    assert [candidate.check is None for candidate in found.candidates] == [False, False, True]


def test_tokens_and_seconds_add_up(desk: Desk) -> None:
    found = desk.solve([WRONG, RIGHT])
    assert (found.tokens.prompt, found.tokens.calls) == (2, 2)
    stages = {"recall", "localise", "reuse", "propose", "check"}
    assert set(found.seconds) == stages | {"total"}
    assert sum(found.seconds[stage] for stage in stages) <= found.seconds["total"]


def test_progress_tells_every_stage(desk: Desk) -> None:
    desk.solve([WRONG, RIGHT])
    assert {("recall", 0, 1), ("localise", 0, 1), ("propose", 2, 64), ("check", 2, 2)} <= set(desk.said.steps)


def test_changes_that_are_not_committed_are_the_ground_of_the_patch(desk: Desk, repo: Path) -> None:
    (repo / "calc.py").write_text("# mine\n" + (repo / "calc.py").read_text())
    (repo / "untracked.py").write_text("from calc import add\n")
    found = desk.solve([RIGHT])
    assert found.status == "passed"
    assert "+# mine" not in found.patch and "untracked" not in found.patch


def state_of(repo: Path) -> list[bytes]:
    questions = (["status", "--porcelain", "--ignored"], ["diff"], ["worktree", "list"], ["for-each-ref"])
    return [
        subprocess.run(["git", *question], cwd=repo, check=True, capture_output=True).stdout for question in questions
    ]


def test_the_users_tree_is_untouched_and_no_worktree_is_left(desk: Desk, repo: Path) -> None:
    (repo / "calc.py").write_text((repo / "calc.py").read_text() + "\n# mine\n")
    before = state_of(repo)
    desk.solve([WRONG, RIGHT, [], TOUCHED])
    assert state_of(repo) == before
    assert not [path for path in desk.worktrees.iterdir() if path.is_dir()]


@dataclass
class Failing:
    name: str = "failing"

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        raise ModelError("the model is out")


def test_a_failing_model_is_an_error_and_leaves_no_worktree(desk: Desk) -> None:
    with pytest.raises(ModelError):
        solve(desk.task(), desk.context(Failing()))
    assert not [path for path in desk.worktrees.iterdir() if path.is_dir()]


class Switch(Deadline):
    """Passes when it is told to."""

    is_over = False

    def left(self) -> float:
        return 0.0 if self.is_over else super().left()


@dataclass
class Impatient(Said):
    """Ends the run when a stage has come that far."""

    at: tuple[Stage, int] = ("propose", 1)
    end: Callable[[], None] = lambda: None

    def step(self, stage: Stage, done: int, total: int) -> None:
        if (stage, done) == self.at:
            self.end()


def solve_until(desk: Desk, stage: Stage, done: int, script: Sequence[Sequence[Edit]]) -> Experience:
    deadline = Switch()
    impatient = Impatient(at=(stage, done), end=lambda: setattr(deadline, "is_over", True))
    context = replace(desk.context(ScriptedProposer(script)), progress=impatient, deadline=deadline)
    found = solve(desk.task(), context)
    assert any("ended by its time limit" in notice for notice in impatient.notices)
    return found


def test_a_run_out_of_time_before_a_proposal_has_no_candidate(desk: Desk) -> None:
    assert solve_until(desk, "localise", 0, [RIGHT]).status == "no_candidate"


def test_a_run_out_of_time_before_the_checks_has_the_most_votes(desk: Desk) -> None:
    found = solve_until(desk, "check", 0, [WRONG, RIGHT, RIGHT])
    assert (found.status, found.vote.winner) == ("failed", 1)
    assert all(candidate.check is None for candidate in found.candidates)


def test_a_run_out_of_time_between_the_checks_has_the_best_so_far(desk: Desk) -> None:
    found = solve_until(desk, "check", 1, [RIGHT, *(returning(f"a * {n}") for n in range(20))])
    assert (found.status, found.vote.winner) == ("passed", 0)
    assert found.candidates[-1].check is None


class Dwindling(Deadline):
    """A tenth of a second less whenever it is asked for."""

    seconds = 10.0

    def left(self) -> float:
        self.seconds -= 0.1
        return max(0.0, self.seconds)


class Endless:
    """Gives what it has when its time is up."""

    name = "endless"

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        with suppress(OutOfTime):
            while True:
                progress(0)
        return [Proposal(tuple(RIGHT))]


def test_a_model_that_takes_all_the_time_leaves_enough_for_a_check(desk: Desk) -> None:
    context = replace(desk.context(Endless()), deadline=Dwindling())
    assert solve(desk.task(), context).status == "passed"


@pytest.mark.parametrize("stage", ["localise", "propose", "check"])
def test_an_interrupted_run_leaves_no_worktree(desk: Desk, stage: Stage) -> None:
    deadline = Deadline()
    impatient = Impatient(at=(stage, 0), end=deadline.interrupt)
    context = replace(desk.context(ScriptedProposer([WRONG, RIGHT])), progress=impatient, deadline=deadline)
    with pytest.raises(KeyboardInterrupt):
        solve(desk.task(), context)
    assert not [path for path in desk.worktrees.iterdir() if path.is_dir()]


def test_a_resumed_run_repeats_no_stage_and_no_check(desk: Desk, tmp_path: Path) -> None:
    task = desk.task(f"echo . >>{tmp_path}/runs.txt; {PASSES}")
    asked = Begun(id="abc", task=task, model=None, base_url=None, strategy="auto", candidates=None, seed=0)
    deadline = Deadline()
    impatient = Impatient(at=("check", 1), end=deadline.interrupt)
    context = replace(desk.context(ScriptedProposer([WRONG, WRONG, RIGHT])), progress=impatient, deadline=deadline)
    with Run.begin(tmp_path / "kept", asked) as run, pytest.raises(KeyboardInterrupt):
        solve(task, replace(context, run=run))
    with Run.resume(tmp_path / "kept", "abc") as run:
        found = solve(task, replace(desk.context(Failing()), run=run))
    assert (found.id, found.status, found.vote.winner) == ("abc", "passed", 2)
    assert found.seconds["localise"] > 0 and found.seconds["total"] >= sum(
        found.seconds[stage] for stage in ("recall", "localise", "propose", "check")
    )
    # Once before the change, once for each of the two groups; the one that was cut may have run twice.
    assert 3 <= len((tmp_path / "runs.txt").read_text().split()) <= 4


def test_run_task_remembers(desk: Desk, tmp_path: Path) -> None:
    with ExperienceLog(tmp_path / "log.db") as log:
        found = run_task(desk.task(), desk.context(ScriptedProposer([RIGHT])), log)
        assert log.latest(10) == [found]


@dataclass
class Reader:
    """A model that reads what it is given, and answers rightly."""

    name: str = "reader"
    read: list[str] = field(default_factory=list)

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        self.read = list(localisation.notes)
        return [Proposal(tuple(RIGHT))]


def test_live_notes_reach_the_model_and_are_remembered_with_their_price(desk: Desk, tmp_path: Path) -> None:
    with NoteStore.open(desk.root, MemoryConfig()) as notes, ExperienceLog(tmp_path / "log.db") as log:
        live = notes.add("`add` subtracts where it should add.", ["calc.py"], origin="inferred")
        stale = notes.add("add is tested in test_calc.", ["tests/test_calc.py"], origin="observed")
        (desk.root / "tests" / "test_calc.py").write_text("from calc import add\n")
        reader = Reader()
        found = run_task(desk.task(), replace(desk.context(reader), memory=notes), log)
        assert found.notes == (live.id,) and log.get(found.id).notes == (live.id,)
        assert len(reader.read) == 1 and "subtracts where it should add" in reader.read[0]
        (injection,) = notes.log.injections()
        assert (injection.note, injection.used_by) == (live.id, found.id) and injection.tokens > 5
        assert notes.log.injections(stale.id) == []
    assert any(notice.startswith("Recalled for") for notice in desk.said.notices)
