"""The tests of a repository are really run: what fails, what covers what, what is flaky."""

import sys
from pathlib import Path

import pytest

from sleeptime.passes.tests import Tests
from sleeptime.study import Study
from tests.sleeptime.desk import commit, open_desk, sleep_once

PYTEST = f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider"


def texts(study: Study) -> list[str]:
    return sorted(note.text for note in study.notes.log.notes())


@pytest.fixture
def broken(repo: Path) -> Path:
    """add subtracts; double has a test, unused has none."""
    commit(repo, "calc.py", (repo / "calc.py").read_text() + "\n\ndef unused(a):\n    return a\n")
    return repo


def test_what_fails_is_told_with_where_the_fault_may_lie(broken: Path) -> None:
    with open_desk(broken, test_command=PYTEST) as study:
        sleep_once(study, Tests())
        [note] = [note for note in study.notes.log.notes() if "fails" in note.text]
        report = study.anew().test_report
    assert note.text.startswith("tests/test_calc.py::test_add fails: AssertionError: assert -1 == 5")
    assert "calc.py:2 in add (1.00)" in note.text
    assert {anchor.path for anchor in note.anchors} == {"tests/test_calc.py", "calc.py"}
    assert report and [failing.test for failing in report.failing] == ["tests/test_calc.py::test_add"]
    assert {test for test, _ in report.slow} == {"tests/test_calc.py::test_add", "tests/test_calc.py::test_double"}
    assert (report.suspects[0].path, report.suspects[0].line) == ("calc.py", 2) and report.passed == 1


def test_which_test_runs_which_function_is_told(broken: Path) -> None:
    with open_desk(broken, test_command=PYTEST) as study:
        sleep_once(study, Tests())
        [told] = [text for text in texts(study) if text.startswith("Tests run functions of calc.py")]
    assert "add by tests/test_calc.py::test_add" in told and "double by tests/test_calc.py::test_double" in told
    assert told.endswith("No test runs unused.")


def test_the_tests_run_once_on_a_tree_and_once_more_for_flaky_ones(broken: Path) -> None:
    with open_desk(broken, test_command=PYTEST) as study:
        assert sleep_once(study, Tests()).passes["tests"].finished == 2
    with open_desk(broken, test_command=PYTEST) as study:
        assert sleep_once(study, Tests()).passes == {}


def test_what_is_mended_is_no_longer_said_to_fail(broken: Path) -> None:
    with open_desk(broken, test_command=PYTEST) as study:
        sleep_once(study, Tests())
    (broken / "unrelated.py").write_text("")
    commit(broken, "calc.py", (broken / "calc.py").read_text().replace("a - b", "a + b"))
    with open_desk(broken, test_command=PYTEST) as study:
        before = study.notes.recall("test_add fails")
        sleep_once(study, Tests())
        after = study.notes.recall("test_add fails")
    for recall in (before, after):
        assert not [each for each in recall.notes if " fails" in each.note.text]


def test_a_test_that_passes_and_fails_on_one_tree_is_flaky(repo: Path, tmp_path: Path) -> None:
    memory = tmp_path / "ran-before"
    text = f"import os\n\n\ndef test_flaky():\n    os.mkdir({str(memory)!r})\n\n\ndef test_firm():\n    pass\n"
    commit(repo, "tests/test_calc.py", text)
    with open_desk(repo, test_command=PYTEST) as study:
        sleep_once(study, Tests())
        report = study.anew().test_report
        assert report and report.flaky == ("tests/test_calc.py::test_flaky",)
        assert "tests/test_calc.py::test_flaky is flaky" in " ".join(texts(study))


def test_unittest_is_understood_too(repo: Path) -> None:
    text = "import unittest\nfrom calc import add\n\n\nclass TestCalc(unittest.TestCase):\n    def test_add(self):\n"
    commit(repo, "tests/test_calc.py", text + "        self.assertEqual(add(2, 3), 5)\n")
    with open_desk(repo, test_command=f"{sys.executable} -m unittest discover -s tests") as study:
        sleep_once(study, Tests())
        [failing] = [text for text in texts(study) if " fails" in text]
    assert failing.startswith("test_calc.TestCalc.test_add fails: AssertionError: -1 != 5")


@pytest.mark.parametrize("command", ["no-such-command", f"{PYTEST} -k nothing_of_that_name"])
def test_a_command_that_runs_no_tests_is_noted_as_a_failure(repo: Path, command: str) -> None:
    with open_desk(repo, test_command=command) as study:
        run = sleep_once(study, Tests())
        assert texts(study) == []
    assert run.passes["tests"].failed == 1


def test_without_a_command_nothing_runs(repo: Path) -> None:
    with open_desk(repo) as study:
        assert list(Tests().items(study)) == []
