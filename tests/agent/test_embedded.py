"""agent/embedded.py: from suspects to edits, with the shipped policy."""

from pathlib import Path

import pytest

from agent.edits import apply_edits
from agent.embedded import EmbeddedProposer, complete, questions
from agent.fix_templates import variants
from agent.function_view import END
from agent.localise import Localisation, Suspect
from agent.policy import Policy
from agent.state import OutOfTime
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


def test_most_answers_are_held_to_templates_and_the_rest_is_free(policy: Policy) -> None:
    known = {text + END for line in variants(LINES, [1, 3]) for text in line.changed}
    found = complete(policy, LINES, [1, 3], 16, seed=0)
    assert len(found) == 16 and all(c.text in known for c in found[:12])


def test_where_no_template_fits_all_answers_are_free(policy: Policy) -> None:
    assert len(complete(policy, ["if a:", "    b()", "else:", "    c()"], [2], 4, seed=0)) == 4


def test_the_same_seed_gives_the_same_answers(policy: Policy) -> None:
    first, again, other = (complete(policy, LINES, [1, 3], 32, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_a_proposal_changes_a_marked_line_only(policy: Policy, worktree: Path) -> None:
    found = EmbeddedProposer(policy).propose(TASK, worktree, localisation(4), 24, 0, lambda done: None)
    before = (worktree / "top.py").read_text()
    assert len(found) == 24
    for edits in {proposal.edits for proposal in found if proposal.edits}:
        apply_edits(worktree, edits)
        after = (worktree / "top.py").read_text()
        assert after.splitlines()[:3] == LINES[:3] and after.splitlines()[-1] == LINES[-1]
        (worktree / "top.py").write_text(before)


def test_what_was_sampled_before_the_time_was_up_is_kept(policy: Policy, worktree: Path) -> None:
    (worktree / "second.py").write_text("def half(x):\n    return x / 3\n")
    suspects = (Suspect("top.py", 4, 1.0), Suspect("second.py", 2, 1.0))

    def progress(done: int) -> None:
        raise OutOfTime

    found = EmbeddedProposer(policy).propose(TASK, worktree, Localisation(None, (), suspects), 8, 0, progress)
    assert 0 < len(found) < 8


def test_a_method_is_asked_about_with_its_class_around(worktree: Path) -> None:
    (worktree / "top.py").write_text("class C:\n    def f(self):\n        return self.a\n\n    b = 1\n")
    (question,) = questions(worktree, [Suspect("top.py", 3, 1.0)], lambda view, marked: True)
    assert question.around is not None and question.around.name == "C"


def test_no_suspect_no_proposal(policy: Policy, worktree: Path) -> None:
    assert EmbeddedProposer(policy).propose(TASK, worktree, localisation(), 8, 0, lambda done: None) == []
