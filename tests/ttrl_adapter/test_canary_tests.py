"""Answers to canaries are judged by the repository's own tests, in a worktree and the sandbox."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.function_view import END
from agent.sandbox import open_sandbox
from agent.workspace import Repository
from memory.home import MemoryHome
from ttrl_adapter.bugs import Bug
from ttrl_adapter.canary_tests import MOST_ANSWERS, CanaryTests, Examined
from ttrl_adapter.pool import of_bug
from ttrl_adapter.records import Exercise, Poll
from ttrl_adapter.reward import PASSED, key_of, understand

SOURCE = """\
class Range:
    def clamp(self, x: int) -> int:
        \"\"\"Into the range.\"\"\"
        if x < self.low:  # too low
            return self.low
        return min(x, self.high)


def unused(a, b):
    c = a + b
    return c
"""
TESTS = """\
from ranges import Range


def test_clamp():
    made = Range()
    made.low, made.high = 2, 5
    assert [made.clamp(x) for x in (1, 3, 9)] == [2, 3, 5]


def test_other():
    raise AssertionError("fails as it is")
"""
CLAMP = ("def clamp(self, x):", "    if x > self.low:", "        return self.low", "    return min(x, self.high)")
COMMAND = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q"


def canary(broken: tuple[str, ...], line: int, fixed: str) -> Exercise:
    return of_bug(Bug("comparison", broken, line, (fixed,)), (line,))


def said(exercise: Exercise, *answers: str) -> Poll:
    return Poll(exercise=exercise.id, temperature=1.0, said=dict.fromkeys(answers, 1), tokens=5.0)


NOTICED = canary(CLAMP, 1, "    if x < self.low:")
HARMLESS = canary(
    (CLAMP[0], "    if x <= self.low:", *CLAMP[2:]), 1, "    if x < self.low:"
)  # fmt: skip
UNCOVERED = canary(("def unused(a, b):", "    c = a - b", "    return c"), 1, "    c = a + b")
RIGHT, OTHER_FORM, WRONG, ODD = (
    f"<|0|>{text}{END}" for text in ("if x < self.low:", "if self.low > x:", "if x != self.low:", "if x <= self.low:")
)


@pytest.fixture
def tests(tmp_path: Path) -> CanaryTests:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "ranges.py").write_text(SOURCE)
    (root / "test_ranges.py").write_text(TESTS)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    repository = Repository.open(root)
    home = MemoryHome.for_repository(repository.common_dir)
    return CanaryTests(repository, repository.snapshot(), COMMAND, open_sandbox("auto"), home.worktrees)


def test_an_answer_is_right_where_the_tests_pass_that_the_bug_fails(tests: CanaryTests) -> None:
    kept: list[Examined] = []
    canaries = [NOTICED, HARMLESS, UNCOVERED]
    polls = [[said(NOTICED, RIGHT, OTHER_FORM), said(HARMLESS, OTHER_FORM), said(UNCOVERED, f"<|0|>c = b + a{END}")],
             [said(NOTICED, WRONG), said(HARMLESS, RIGHT), said(UNCOVERED)]]  # fmt: skip
    noticed, harmless, uncovered = tests.examine(canaries, polls, Examined(), kept.append)
    assert understand(RIGHT, noticed).key == understand(OTHER_FORM, noticed).key == PASSED
    assert understand(WRONG, noticed).passed is False and noticed.failed == (key_of(WRONG, NOTICED),)
    assert (harmless, uncovered) == (HARMLESS, UNCOVERED)
    assert (tests.repository.root / "ranges.py").read_text() == SOURCE

    def never(examined: Examined) -> None:
        raise AssertionError("what is known is not asked again")

    assert tests.examine(canaries, polls, kept[-1], never) == [noticed, harmless, uncovered]


def test_a_command_that_is_more_than_a_call_of_pytest_is_run_whole(tests: CanaryTests) -> None:
    whole = replace(tests, command=f"{COMMAND} -k clamp; exit $?")
    (noticed,) = whole.examine([NOTICED], [[said(NOTICED, OTHER_FORM, WRONG)]], Examined(), lambda examined: None)
    assert (understand(OTHER_FORM, noticed).key, noticed.failed) == (PASSED, (key_of(WRONG, NOTICED),))


def test_only_the_answers_that_are_given_most_often_are_tried(tests: CanaryTests) -> None:
    many = [f"<|0|>if x == self.low + {i}:{END}" for i in range(MOST_ANSWERS)]
    poll = Poll(exercise=NOTICED.id, temperature=1.0, said={ODD: 1, **dict.fromkeys(many, 2)}, tokens=5.0)
    (noticed,) = tests.examine([NOTICED], [[poll]], Examined(), lambda examined: None)
    assert set(noticed.failed) == {key_of(text, NOTICED) for text in many} and noticed.passed == NOTICED.passed
