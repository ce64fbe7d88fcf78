"""agent/embedded.py: from suspects to edits, with the shipped policy."""

import ast
from pathlib import Path

import pytest

from agent.edits import apply_edits
from agent.embedded import EmbeddedProposer, questions
from agent.localise import Localisation, Suspect
from agent.policy import Policy
from memory.records import Task

LINES = [
    "def largest(items):",
    "    best = items[0]",
    "    for x in items:",
    "        if x < best:",
    "            best = x",
]
LINES += ["    return best"]
TASK = Task(request="fix", repo="/", base_commit=None, snapshot="0")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy()


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    (tmp_path / "top.py").write_text("\n".join(LINES) + "\n")
    return tmp_path


def localisation(*lines: int) -> Localisation:
    return Localisation(None, (), tuple(Suspect("top.py", line, 1.0) for line in lines))


def test_a_proposal_changes_a_marked_line_only(policy: Policy, worktree: Path) -> None:
    found = EmbeddedProposer(policy).propose(TASK, worktree, localisation(4), 24, 0, lambda done: None)
    before = (worktree / "top.py").read_text()
    assert len(found) == 24
    for edits in {proposal.edits for proposal in found if proposal.edits}:
        apply_edits(worktree, edits)
        after = (worktree / "top.py").read_text()
        assert after.splitlines()[:3] == LINES[:3] and after.splitlines()[-1] == LINES[-1]
        (worktree / "top.py").write_text(before)


def test_a_method_is_asked_about_with_its_class_around(worktree: Path) -> None:
    (worktree / "top.py").write_text("class C:\n    def f(self):\n        return self.a\n\n    b = 1\n")
    (question,) = questions(worktree, [Suspect("top.py", 3, 1.0)], lambda view, marked: True)
    assert isinstance(question.asked.around, ast.ClassDef) and question.asked.around.name == "C"


def test_no_suspect_no_proposal(policy: Policy, worktree: Path) -> None:
    assert EmbeddedProposer(policy).propose(TASK, worktree, localisation(), 8, 0, lambda done: None) == []
