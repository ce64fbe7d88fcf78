"""Command lines of pytest: leaving tests out, and how a test is run whichever others run with it."""

import pytest

from agent.selection import is_part_of, is_pytest, names_tests, way_of_running, without

ADD, MORE = "tests/test_calc.py::test_add", "tests/test_more.py::test_halve"
PATHS = ["calc.py", "tests/test_calc.py", "tests/test_more.py", "pytest.ini"]


@pytest.mark.parametrize(
    ("command", "left_out", "found"),
    [
        ("pytest -q", [MORE], f"pytest -q --deselect {MORE}"),
        ("python -m pytest", ["tests/broken.py"], "python -m pytest --ignore tests/broken.py"),
        ("pytest", ["tests/a.py::test[x y]"], "pytest --deselect 'tests/a.py::test[x y]'"),
        ("make test", [], "make test"),
        ("make test", [MORE], None),
        ("pytest | tee log", [MORE], None),
        ("pytest", [f"{MORE}[{i}]" for i in range(300)], None),
    ],
)
def test_tests_are_left_out_where_pytest_can_be_told_to(command: str, left_out: list[str], found: str | None) -> None:
    assert without(command, left_out, [ADD]) == found


def test_a_test_whose_name_begins_like_a_wanted_one_cannot_be_left_out() -> None:
    assert without("pytest", [ADD], [f"{ADD}_more"]) is None


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "pytest -q tests/test_calc.py",
        f"pytest {ADD} -q",
        "pytest -q tests",
        f"pytest -q --deselect {MORE} --deselect={ADD} --ignore tests/test_more.py",
    ],
)
def test_what_selects_tests_is_no_part_of_the_way_of_running(command: str) -> None:
    assert way_of_running(command, PATHS) == "pytest -q"


@pytest.mark.parametrize(
    "command",
    [
        "pytest",
        "pytest -q -x --lf",
        "pytest -q -k add",
        "pytest -q -p tests",
        "pytest -q -c pytest.ini",
        "python -m pytest -q",
        "env DEBUG=1 pytest -q",
        "pytest -q; true",
        "python -m unittest",
    ],
)
def test_whatever_else_is_said_is_another_way_of_running(command: str) -> None:
    assert way_of_running(command, PATHS) != "pytest -q"


def test_the_whole_command_without_some_tests_is_part_of_it() -> None:
    assert is_part_of("make test", "make test")
    assert is_part_of(f"pytest -q --deselect {ADD}", "pytest -q")
    for other in ("pytest -q; rm -rf .", "pytest -q --deselect x --pdb y", "pytest -q tests", "pytest -q2 --ignore x"):
        assert not is_part_of(other, "pytest -q")
    assert not is_part_of("make test --ignore x", "make test")


def test_pytest_is_known_by_its_name_and_by_having_the_line_for_itself() -> None:
    assert is_pytest("pytest") and is_pytest("/usr/bin/py.test -q") and is_pytest("env A=1 python -m pytest")
    assert not is_pytest("pytest && true") and not is_pytest(" (pytest -q)") and is_pytest("pytest -k '(a or b)'")
    assert not is_pytest("tox") and not is_pytest("pytest 'open")
    assert names_tests("pytest -q tests") and not names_tests("pytest -q")
