"""Answers worked out beforehand: when they win, when they are only hints, and what a model is still asked."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.deadline import Deadline
from agent.edits import Edit
from agent.graph import run_task, solve
from agent.scripted import ScriptedProposer
from agent.state import AgentContext
from memory.anchoring import evidence
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog, new_id
from memory.note_store import NoteStore
from memory.records import Answer, Experience, Note, Tokens
from memory.runs import Begun, Run
from tests.agent.test_graph import RIGHT, WRONG, Desk, Failing, Impatient, Said, returning

TESTS = f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q"
ADD, HALVE = "tests/test_calc.py::test_add", "tests/test_more.py::test_halve"


@pytest.fixture
def desk(repo: Path, tmp_path: Path) -> Desk:
    return Desk(repo, tmp_path / "worktrees")


@pytest.fixture
def notes(desk: Desk) -> Iterator[NoteStore]:
    with NoteStore.open(desk.root, MemoryConfig()) as opened:
        yield opened


def patch_of(desk: Desk, edits: Sequence[Edit]) -> str:
    return solve(desk.task(None), desk.context(ScriptedProposer([edits]))).candidates[0].patch


def remember(desk: Desk, notes: NoteStore, edits: Sequence[Edit], tests: Sequence[str] = (), request: str = "") -> Note:
    found = evidence(notes.tree, ["calc.py", "tests/test_calc.py"])
    answer = Answer(patch=patch_of(desk, edits), tests=tuple(tests), request=request)
    note = Note(
        id=new_id(),
        text="A patch that was worked out.",
        kind="answer",
        origin="inferred",
        anchors=found.anchors,
        commit=found.commit,
        answer=answer,
    )
    notes.log.add([note])
    return note


def with_memory(desk: Desk, notes: NoteStore, script: Sequence[Sequence[Edit]] = ()) -> AgentContext:
    return replace(desk.context(ScriptedProposer(script)), memory=notes, reads_notes=False)


def ask(desk: Desk, notes: NoteStore, script: Sequence[Sequence[Edit]] = (), test: str | None = TESTS) -> Experience:
    return solve(desk.task(test), with_memory(desk, notes, script))


def test_an_answer_that_passes_wins_and_no_model_is_asked(desk: Desk, notes: NoteStore, tmp_path: Path) -> None:
    note = remember(desk, notes, RIGHT, [ADD])
    with ExperienceLog(tmp_path / "log.db") as log:
        context = replace(desk.context(Failing()), memory=notes, reads_notes=False)
        found = run_task(desk.task(TESTS), context, log)
    assert (found.status, found.notes, found.tokens, found.vote.votes) == ("passed", (note.id,), Tokens(), 1)
    assert found.was_known and note.answer and found.patch == note.answer.patch
    assert [(used.note, used.used_by, used.tokens) for used in notes.log.injections()] == [(note.id, found.id, 0)]
    assert any("worked out beforehand passes" in notice for notice in desk.said.notices)


def test_an_answer_that_fails_is_left_and_the_model_asked(desk: Desk, notes: NoteStore) -> None:
    remember(desk, notes, WRONG, [ADD])
    found = ask(desk, notes, [RIGHT])
    assert (found.status, found.notes, len(found.candidates)) == ("passed", (), 1)
    assert not found.was_known and found.tokens.calls == 1


def test_an_answer_for_other_tests_is_not_tried(desk: Desk, notes: NoteStore) -> None:
    remember(desk, notes, RIGHT, [HALVE])
    assert ask(desk, notes, [RIGHT]).tokens.calls == 1
    assert not any(stage == "reuse" for stage, _, _ in desk.said.steps)


def test_answers_for_a_part_of_what_fails_are_tried_together(desk: Desk, notes: NoteStore) -> None:
    (desk.root / "calc.py").write_text(
        "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n\n\ndef halve(a):\n    return a // 3\n"
    )
    (desk.root / "tests" / "test_more.py").write_text(
        "from calc import halve\n\n\ndef test_halve():\n    assert halve(8) == 4\n"
    )
    one = remember(desk, notes, RIGHT, [ADD])
    two = remember(desk, notes, [Edit("calc.py", "    return a // 3", "    return a // 2")], [HALVE])
    found = ask(desk, notes)
    assert found.status == "passed" and set(found.notes) == {one.id, two.id}
    assert "a + b" in found.patch and "a // 2" in found.patch


def test_where_the_tree_has_moved_on_an_answer_that_still_passes_wins(desk: Desk, notes: NoteStore) -> None:
    note = remember(desk, notes, RIGHT, [ADD])
    calc = desk.root / "calc.py"
    calc.write_text(calc.read_text() + "\n\ndef triple(a):\n    return a * 3\n")
    assert not notes.answers([ADD], "")[0].is_live
    assert ask(desk, notes).notes == (note.id,)


def test_where_the_tree_has_moved_on_an_answer_that_no_longer_applies_is_left(desk: Desk, notes: NoteStore) -> None:
    remember(desk, notes, RIGHT, [ADD])
    calc = desk.root / "calc.py"
    calc.write_text(calc.read_text().replace("return a - b", "return -b + a"))
    found = ask(desk, notes, [[Edit("calc.py", "    return -b + a", "    return b + a")]])
    assert (found.status, found.notes) == ("passed", ())


def test_without_tests_an_answer_is_one_more_candidate_and_wins_no_tie(desk: Desk, notes: NoteStore) -> None:
    note = remember(desk, notes, WRONG, request="add is quite wrong")
    found = ask(desk, notes, [RIGHT], test=None)
    assert (found.status, found.vote.winner, len(found.candidates)) == ("unchecked", 0, 2)
    assert found.notes == (note.id,) and "a + b" in found.patch


def test_without_tests_a_stale_answer_is_no_candidate(desk: Desk, notes: NoteStore) -> None:
    remember(desk, notes, WRONG, request="add is quite wrong")
    calc = desk.root / "calc.py"
    calc.write_text(calc.read_text() + "\n\ndef triple(a):\n    return a * 3\n")
    assert len(ask(desk, notes, [RIGHT], test=None).candidates) == 1


def test_where_the_tests_pass_as_it_is_an_answer_does_not_win_by_passing(desk: Desk, notes: NoteStore) -> None:
    remember(desk, notes, WRONG, request="add is quite wrong")
    found = ask(desk, notes, [returning("a + b")], test="true")
    assert found.vote.winner == 0 and found.tokens.calls == 1


def test_an_answer_to_other_words_does_not_bear_on_the_request(desk: Desk, notes: NoteStore) -> None:
    remember(desk, notes, WRONG, request="support complex numbers in double")
    assert notes.answers((), "add is wrong") == []


def test_an_answer_that_touches_tests_is_left(desk: Desk, notes: NoteStore) -> None:
    note = remember(desk, notes, RIGHT, [ADD])
    touched = [*RIGHT, Edit("tests/test_calc.py", "    assert double(2) == 4", "    assert True")]
    assert note.answer
    notes.log.edit(
        note.model_copy(update={"answer": note.answer.model_copy(update={"patch": patch_of(desk, touched)})}),
        seen=1,
        by="inferred",
    )
    assert ask(desk, notes, [RIGHT]).notes == ()


def test_looking_for_answers_makes_no_record(desk: Desk, notes: NoteStore) -> None:
    ask(desk, notes, [RIGHT])
    assert not notes.home.notes.exists() and not notes.home.index.exists()


def test_a_resumed_run_does_not_try_again(desk: Desk, notes: NoteStore, tmp_path: Path) -> None:
    remember(desk, notes, RIGHT, [ADD])
    task = desk.task(f"echo . >>{tmp_path}/runs.txt; {TESTS}")
    begun = Begun(id="abc", task=task, model=None, base_url=None, strategy="auto", candidates=None, seed=0)
    with Run.begin(tmp_path / "kept", begun) as run:
        first = solve(task, replace(with_memory(desk, notes), run=run))
    with Run.resume(tmp_path / "kept", "abc") as run:
        again = solve(task, replace(desk.context(Failing()), run=run))
    assert again.patch == first.patch and again.was_known
    assert len((tmp_path / "runs.txt").read_text().split()) == 2


def test_the_command_says_that_an_answer_was_known(desk: Desk, notes: NoteStore) -> None:
    note = remember(desk, notes, RIGHT, [ADD])
    command = [sys.executable, "-P", "-m", "agent.cli", "run", "make it pass", "--test", TESTS, "--no-apply"]
    done = subprocess.run([*command, "--json"], cwd=desk.root, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"], result["notes"], result["tokens"]["calls"]) == (
        0,
        "passed",
        [note.id],
        0,
    )
    assert "worked out beforehand passes" in done.stderr
    shown = subprocess.run(command, cwd=desk.root, capture_output=True, text=True)
    assert f"worked out beforehand (notes {note.id})" in shown.stdout


def test_what_is_said_while_nothing_is_known_is_nothing(desk: Desk, notes: NoteStore) -> None:
    said = Said()
    solve(desk.task(TESTS), replace(with_memory(desk, notes, [RIGHT]), progress=said))
    assert not any("beforehand" in notice for notice in said.notices)


def test_an_interrupt_while_answers_are_tried_leaves_no_worktree(desk: Desk, notes: NoteStore) -> None:
    remember(desk, notes, RIGHT, [ADD])
    deadline = Deadline()
    impatient = Impatient(at=("reuse", 0), end=deadline.interrupt)
    with pytest.raises(KeyboardInterrupt):
        solve(desk.task(TESTS), replace(with_memory(desk, notes), progress=impatient, deadline=deadline))
    assert not [path for path in desk.worktrees.iterdir() if path.is_dir()]
