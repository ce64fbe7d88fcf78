"""Exercises from finished tasks."""

from pathlib import Path

import pytest

from agent.policy import Policy
from agent.workspace import Repository
from memory.records import Candidate, Check, CommandRun, Experience, Task, Vote
from ttrl_adapter.past_tasks import of_experience
from ttrl_adapter.pool import is_canary
from ttrl_adapter.records import Exercise
from ttrl_adapter.reward import PASSED, understand

PATCH = """\
diff --git a/calc.py b/calc.py
--- a/calc.py
+++ b/calc.py
@@ -1,5 +1,5 @@
 def add(a, b):
-    return a - b
+    return {answer}
 
 
 def double(a):
"""
LEARNT = next(name for name in map(str, range(100)) if not is_canary(name))
HELD_OUT = next(name for name in map(str, range(100)) if is_canary(name))


def checked(passed: bool) -> Check:
    return Check(tests=CommandRun(command="t", exit_code=0 if passed else 1, output="", seconds=0))


def experience(repo: Path, *candidates: Candidate, id: str = LEARNT) -> Experience:
    task = Task(request="r", repo=str(repo), base_commit=None, snapshot=Repository.open(repo).snapshot())
    return Experience(
        id=id, task=task, status="passed", candidates=candidates, model="embedded",
        vote=Vote(winner=0, votes=1, agreement=1, abstentions=0),
    )  # fmt: skip


def candidate(answer: str, passed: bool | None) -> Candidate:
    check = None if passed is None else checked(passed)
    return Candidate(index=0, patch=PATCH.format(answer=answer), fingerprint="f", check=check)


def exercises(repo: Path, *candidates: Candidate, id: str = LEARNT) -> list[Exercise]:
    done = experience(repo, *candidates, id=id)
    return list(of_experience(done, Repository.open(repo), lambda prompt: Policy().count(prompt) < 160))


def test_the_function_that_candidates_changed_is_asked_about(repo: Path) -> None:
    (found,) = exercises(repo, candidate("a + b", None))
    assert found.prompt == "def add(a, b):\n    <|0|>return a - b<|fix|>"
    assert (found.origin, found.answer, found.passed, found.failed) == (LEARNT, None, (), ())


def test_what_the_tests_said_is_known_of_answers_that_come_to_the_same(repo: Path) -> None:
    (found,) = exercises(repo, candidate("a + b", True), candidate("a * b", False))
    known = [understand(f"<|0|>return {text}<|end|>", found) for text in ("(a + b)", "a * b", "a % b")]
    assert [answer.passed for answer in known] == [True, False, None]
    assert known[0].key == PASSED


def test_a_form_feed_is_no_end_of_a_line(repo: Path) -> None:
    (repo / "calc.py").write_text("\x0c\n" + (repo / "calc.py").read_text())
    patch = PATCH.format(answer="a + b").replace("@@ -1,5 +1,5 @@\n", "@@ -1,6 +1,6 @@\n \x0c\n")
    (found,) = exercises(repo, Candidate(index=0, patch=patch, fingerprint="f"))
    assert found.prompt == "def add(a, b):\n    <|0|>return a - b<|fix|>"


def test_an_experience_that_is_a_canary_is_not_learnt_from(repo: Path) -> None:
    assert exercises(repo, candidate("a + b", True), id=HELD_OUT) == []


@pytest.mark.parametrize(
    "patch", ["", PATCH.replace("return a - b", "return 17").format(answer="x"), PATCH.replace("calc.py", "gone.py")]
)
def test_a_patch_that_is_not_of_this_tree_gives_nothing(repo: Path, patch: str) -> None:
    assert exercises(repo, Candidate(index=0, patch=patch, fingerprint="f")) == []


def test_a_snapshot_that_git_has_cleared_away_gives_nothing(repo: Path) -> None:
    done = experience(repo, candidate("a + b", True))
    gone = done.model_copy(update={"task": done.task.model_copy(update={"snapshot": "0" * 40})})
    assert list(of_experience(gone, Repository.open(repo), lambda prompt: True)) == []
