"""What was tried in vain is not tried again on the same state, and only there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.edits import Edit
from agent.embedded import EmbeddedProposer
from agent.graph import run_task, solve
from agent.policy import Policy
from agent.probed_run import named_failures
from agent.scripted import ScriptedProposer
from agent.state import AgentContext, Proposer
from agent.vain import tried_in_vain
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog
from memory.note_store import NoteStore
from memory.records import Experience
from tests.agent.test_graph import RIGHT, WORSE, WRONG, Desk

TESTS = f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q"
ADD = "tests/test_calc.py::test_add"
TRIPLE = "\n\ndef triple(a):\n    return a * 3\n"


@pytest.fixture
def desk(repo: Path, tmp_path: Path) -> Desk:
    return Desk(repo, tmp_path / "worktrees")


@pytest.fixture
def notes(desk: Desk) -> Iterator[NoteStore]:
    with NoteStore.open(desk.root, MemoryConfig()) as opened:
        yield opened


def context(desk: Desk, notes: NoteStore, proposer: Proposer, candidates: int = 64) -> AgentContext:
    return replace(desk.context(proposer), memory=notes, reads_notes=False, candidates=candidates)


def run(desk: Desk, notes: NoteStore, script: list[list[Edit]], test: str = TESTS) -> Experience:
    with ExperienceLog(notes.home.experiences) as log:
        return run_task(desk.task(test), context(desk, notes, ScriptedProposer(script)), log)


def checked(found: Experience) -> list[bool]:
    return [candidate.check is not None for candidate in found.candidates]


def test_what_failed_in_a_run_is_not_checked_by_the_next(desk: Desk, notes: NoteStore) -> None:
    first = run(desk, notes, [WRONG, WORSE])
    assert [state.test for state in first.failing] == [ADD] and checked(first) == [True, True]
    again = run(desk, notes, [WRONG, WORSE, RIGHT])
    assert [candidate.abstained for candidate in again.candidates] == ["known to fail", "known to fail", None]
    assert again.status == "passed" and checked(again) == [False, False, True]


def test_it_holds_however_many_other_tests_run_beside(desk: Desk, notes: NoteStore) -> None:
    run(desk, notes, [WRONG], f"{TESTS} {ADD}")
    assert run(desk, notes, [WRONG]).candidates[0].abstained == "known to fail"


@pytest.mark.parametrize("path", ["calc.py", "tests/test_calc.py", "conftest.py"])
def test_where_a_file_that_it_hangs_on_has_changed_everything_is_tried_again(
    desk: Desk, notes: NoteStore, path: str
) -> None:
    run(desk, notes, [WRONG])
    place = desk.root / path
    place.write_text((place.read_text() if place.exists() else "") + TRIPLE)
    assert checked(run(desk, notes, [WRONG])) == [True]


def test_where_the_command_runs_the_tests_otherwise_everything_is_tried_again(desk: Desk, notes: NoteStore) -> None:
    run(desk, notes, [WRONG])
    assert checked(run(desk, notes, [WRONG], TESTS.replace("env ", "env DEBUG=1 "))) == [True]


def test_after_a_revert_it_is_known_again(desk: Desk, notes: NoteStore) -> None:
    run(desk, notes, [WRONG])
    text = (desk.root / "calc.py").read_text()
    (desk.root / "calc.py").write_text(text + TRIPLE)
    run(desk, notes, [])
    (desk.root / "calc.py").write_text(text)
    assert checked(run(desk, notes, [WRONG])) == [False]


def test_a_patch_that_mends_one_test_and_breaks_another_did_not_leave_it_failing(desk: Desk, notes: NoteStore) -> None:
    breaking = [*RIGHT, Edit("calc.py", "    return a * 2", "    return a")]
    found = run(desk, notes, [breaking])
    assert found.status == "failed" and tried_in_vain(found) == {}


def test_a_patch_that_hangs_is_tried_again(desk: Desk, notes: NoteStore) -> None:
    found = solve(desk.task(TESTS), context(desk, notes, ScriptedProposer([WRONG])))
    (candidate,) = found.candidates
    assert candidate.check and candidate.check.tests
    slow = candidate.check.tests.model_copy(update={"timed_out": True, "exit_code": 124})
    late = candidate.model_copy(update={"check": candidate.check.model_copy(update={"tests": slow})})
    assert tried_in_vain(found) and tried_in_vain(found.model_copy(update={"candidates": (late,)})) == {}


def test_solving_alone_remembers_nothing(desk: Desk, notes: NoteStore) -> None:
    solve(desk.task(TESTS), context(desk, notes, ScriptedProposer([WRONG])))
    assert not notes.home.failures.exists()


def test_the_embedded_model_goes_on_where_it_stopped(desk: Desk, notes: NoteStore) -> None:
    (desk.root / "tests" / "test_calc.py").write_text(
        "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 77\n"
    )
    proposer = EmbeddedProposer(Policy())
    with ExperienceLog(notes.home.experiences) as log:
        first = run_task(desk.task(TESTS), context(desk, notes, proposer, 6), log)
        second = run_task(desk.task(TESTS), context(desk, notes, proposer, 6), log)
    tried = [{c.fingerprint for c in found.candidates if c.check} for found in (first, second)]
    assert tried[0] and tried[1] and not tried[0] & tried[1]
    assert first.skipped == 0 and second.skipped >= 1


def test_the_command_and_the_log_say_how_many_were_skipped(desk: Desk, notes: NoteStore) -> None:
    (desk.root / "tests" / "test_calc.py").write_text(
        "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 77\n"
    )
    sleepwright = [sys.executable, "-P", "-m", "agent.cli"]
    command = [*sleepwright, "run", "make it pass", "--test", TESTS, "--no-apply", "--candidates", "4", "--json"]

    def told(*arguments: str) -> str:
        return subprocess.run(arguments, cwd=desk.root, capture_output=True, text=True).stdout

    told(*command)
    result = json.loads(told(*command))
    shown = told(*sleepwright, "log", "show", result["experience_id"])
    record = json.loads(told(*sleepwright, "log", "show", result["experience_id"], "--json"))
    assert result["skipped"] == record["skipped"] >= 1
    assert f"{result['skipped']} likelier patches, known to fail" in shown


def test_failures_are_read_from_the_summary_only() -> None:
    said = "FAILED tests/a.py::test_printed\n"
    summary = "=== short test summary info ===\nFAILED tests/a.py::test_a[1] - assert 1 == 2\nERROR tests/b.py\n"
    assert named_failures(said) == frozenset()
    assert named_failures(said + summary + "1 failed in 0.01s\n") == {"tests/a.py::test_a[1]", "tests/b.py"}


def test_failures_of_unittest_are_named_as_the_probe_does() -> None:
    line = "=" * 70
    new, old = f"{line}\nFAIL: test_a (m.C.test_a)\n", f"{line}\nERROR: test_b (m.C)\n"
    assert named_failures(new + old + "FAIL: test_c (m.C.test_c)\n") == {"m.C.test_a", "m.C.test_b"}
