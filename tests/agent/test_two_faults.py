"""Two faults in one repository, and a task that names a test of one of them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.edits import Edit
from agent.graph import solve
from agent.scripted import ScriptedProposer
from memory.records import Experience
from tests.agent.test_graph import RIGHT, Desk

TESTS = f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q"
ADD, HALVE = "tests/test_calc.py::test_add", "tests/test_more.py::test_halve"
BREAKS = [*RIGHT, Edit("calc.py", "    return a * 2", "    return a")]


@pytest.fixture
def desk(repo: Path, tmp_path: Path) -> Desk:
    with (repo / "calc.py").open("a") as file:
        file.write("\n\ndef halve(a):\n    return a // 3\n")
    (repo / "tests" / "test_more.py").write_text(
        "from calc import halve\n\n\ndef test_halve():\n    assert halve(8) == 4\n"
    )
    return Desk(repo, tmp_path / "worktrees")


def solved(desk: Desk, request: str, edits: list[Edit], command: str = TESTS) -> Experience:
    task = desk.task(command).model_copy(update={"request": request})
    return solve(task, desk.context(ScriptedProposer([edits])))


def test_a_patch_for_the_named_test_passes_beside_another_fault(desk: Desk) -> None:
    found = solved(desk, f"make {ADD} pass", RIGHT)
    assert found.status == "passed"
    assert found.task.test_command == f"{TESTS} --deselect {HALVE}"
    assert any(f"without {HALVE}" in notice for notice in desk.said.notices)


def test_it_may_break_nothing_that_passed(desk: Desk) -> None:
    assert solved(desk, f"make {ADD} pass", BREAKS).status == "failed"


def test_where_no_test_is_named_all_have_to_pass(desk: Desk) -> None:
    found = solved(desk, "add is wrong", RIGHT)
    assert (found.status, found.task.test_command) == ("failed", TESTS)


def test_a_command_that_cannot_leave_tests_out_stays_as_it_is(desk: Desk) -> None:
    found = solved(desk, f"make {ADD} pass", RIGHT, f"{TESTS}; exit $?")
    assert (found.status, desk.said.notices) == ("failed", [])


def test_tests_that_may_fail_of_the_same_fault_have_to_pass_too(desk: Desk) -> None:
    with (desk.root / "tests" / "test_calc.py").open("a") as file:
        file.write("\n\ndef test_add_none():\n    assert add(1, -1) == 0\n")
    special = [Edit("calc.py", "    return a - b", "    return 5")]
    assert solved(desk, f"make {ADD} pass", special).status == "failed"
    found = solved(desk, f"make {ADD} pass", RIGHT)
    assert found.status == "passed" and found.task.test_command == f"{TESTS} --deselect {HALVE}"


def test_only_lines_of_the_named_tests_are_suspicious(desk: Desk) -> None:
    told = []

    class Listening(ScriptedProposer):
        def propose(self, task, worktree, localisation, *rest):  # type: ignore[no-untyped-def]
            told.append((localisation.failing, localisation.suspects[0]))
            return super().propose(task, worktree, localisation, *rest)

    task = desk.task(TESTS).model_copy(update={"request": f"make {HALVE} pass"})
    solve(task, replace(desk.context(Listening([RIGHT]))))
    ((failing, suspect),) = told
    assert failing == (HALVE,) and (suspect.path, suspect.line, suspect.score) == ("calc.py", 10, 1.0)
