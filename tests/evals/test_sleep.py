"""`eval sleep` on a scene of its own: an answer that was worked out is used, by the right arm only."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.edits import Edit
from agent.localise import Localisation
from agent.sandbox import Sandbox
from agent.state import Proposal
from evals.cli import evaluate
from evals.sleep import Desk, ask, fall_asleep, plan
from evals.sleep_suites import TESTS, Question, Scene
from evals.sleep_trials import Trial
from memory.records import Task, Tokens

CHANGES = (("one", "-", "+"), ("two", "/", "*"))


@dataclass
class Knowing:
    """Mends whatever is wrong here, if it is asked for as many as four candidates."""

    name: str = "embedded"

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        edits = [Edit(f"{name}.py", f"    return a {old} b", f"    return a {new} b") for name, old, new in CHANGES]
        tokens = Tokens(prompt=3, completion=n, calls=1)
        return [Proposal((edit,) if n >= 4 else (), tokens=tokens) for edit in edits]


def scene(name: str, graded_by: str = "") -> Scene:
    def question(module: str, anticipated: bool) -> Question:
        tests = f"tests/test_{module}.py"
        return Question(
            id=f"{name}/{module}",
            request=f"make the failing tests of {tests} pass",
            test_command=f"{TESTS} {tests}",
            tests=tests,
            graded_by=graded_by or f"{TESTS} {tests}",
            right=(f"{module}.py",),
            kind="arithmetic",
            anticipated=anticipated,
        )

    def test(module: str, result: int) -> str:
        return f"from {module} import f\n\n\ndef test_{name}():\n    assert f(2, 3) == {result}\n"

    first = {
        "one.py": "def f(a, b):\n    return a - b\n",
        "two.py": "def f(a, b):\n    return a * b\n",
        "tests/test_one.py": test("one", 5),
        "tests/test_two.py": test("two", 6),
    }
    later = {"two.py": "def f(a, b):\n    return a / b\n"}
    return Scene(name=name, first=first, later=later, questions=(question("one", True), question("two", False)))


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, int], Trial]:
    desk = Desk(tmp_path_factory.mktemp("desk"), Knowing(), Sandbox("none"), asleep=(4,))
    scenes = [scene("red"), scene("blue")]
    slept = [fall_asleep(each, desk) for each in scenes]
    assert [(each.answers, each.completion, each.prompt) for each in slept] == [(1, 8, 6)] * 2
    return {(trial.question, trial.arm, trial.budget): trial for trial in ask(scenes, desk, (2, 4))}


def test_what_was_foreseen_is_known_at_every_budget(trials: dict[tuple[str, str, int], Trial]) -> None:
    for budget in (2, 4):
        found = trials["red/one", "with", budget]
        assert (found.score, found.was_known, found.completion, found.touched) == (1.0, True, 0, ("one.py",))
    assert trials["red/one", "without", 2].score == 0.0
    assert trials["red/one", "without", 4].score == 1.0 and trials["red/one", "without", 4].completion == 8


def test_what_came_later_is_worked_on_as_without(trials: dict[tuple[str, str, int], Trial]) -> None:
    found, without = trials["red/two", "with", 4], trials["red/two", "without", 4]
    assert not found.was_known and (found.score, found.completion) == (without.score, without.completion) == (1.0, 8)


def test_what_was_found_on_another_scene_gains_nothing(trials: dict[tuple[str, str, int], Trial]) -> None:
    found = trials["red/one", "shuffled", 2]
    assert (found.score, found.was_known, found.completion) == (0.0, False, 4)


def test_the_control_is_run_at_the_smallest_budget() -> None:
    assert plan((2, 4), ("without", "with", "shuffled")) == [
        ("without", 2), ("with", 2), ("shuffled", 2), ("without", 4), ("with", 4),
    ]  # fmt: skip


def test_what_is_asked_for_wrongly_makes_no_folder(tmp_path: Path) -> None:
    for more in (["--arms", "none"], ["--repositories", "castle"], ["--repositories", "race", "--rounds", "1"]):
        done = CliRunner().invoke(evaluate, ["sleep", *more, "--out", str(tmp_path / "run")])
        assert done.exit_code == 2 and not (tmp_path / "run").exists(), done.output
    assert sys.executable in TESTS
