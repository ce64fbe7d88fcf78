"""Real pytest and unittest processes on small projects in tmp_path."""

import ast
import sys
import textwrap
from pathlib import Path

import pytest

from agent.localise import Localisation, localise
from agent.probed_run import COVERAGE
from agent.sandbox import open_sandbox

# Plugins that happen to be installed here would only make each process slower.
PYTEST = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q"
UNITTEST = f"{sys.executable} -m unittest"

CALC = """\
RATE = 3


def add(a, b):
    total = a
    total -= b
    return total


def double(a):
    return (
        a
        * 2
    )


def taxed(a):
    return a * RATE
"""
CALC_TESTS = """\
from calc import add, double, taxed

def test_add():
    assert add(2, 3) == 5

def test_double():
    assert double(2) == 4

def test_taxed():
    assert taxed(2) == 6
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return root


def run(root: Path, command: str | None, request: str = "make the tests pass", timeout: float = 60) -> Localisation:
    return localise(root, request, command, open_sandbox("none"), timeout)


def places(found: Localisation) -> list[tuple[str, int]]:
    return [(suspect.path, suspect.line) for suspect in found.suspects]


@pytest.fixture
def calc(tmp_path: Path) -> Path:
    return write(tmp_path, {"calc.py": CALC, "tests/test_calc.py": CALC_TESTS})


def test_the_lines_that_only_the_failing_test_runs_come_first(calc: Path) -> None:
    found = run(calc, PYTEST)
    assert found.failing == ("tests/test_calc.py::test_add",)
    assert places(found)[:3] == [("calc.py", 5), ("calc.py", 6), ("calc.py", 7)]
    assert [suspect.score for suspect in found.suspects[:3]] == [1.0, 1.0, 1.0]


def test_the_run_of_the_tests_is_handed_on_as_the_user_wrote_it(calc: Path) -> None:
    tests = run(calc, PYTEST).tests
    assert tests is not None
    assert (tests.command, tests.exit_code) == (PYTEST, 1)
    assert "1 failed, 2 passed" in tests.output


def test_it_works_in_the_sandbox_that_a_run_uses(calc: Path) -> None:
    found = localise(calc, "make the tests pass", PYTEST, open_sandbox("auto"), 60)
    assert places(found)[:3] == [("calc.py", 5), ("calc.py", 6), ("calc.py", 7)]


def test_no_measurements_are_left_in_the_worktree(calc: Path) -> None:
    run(calc, PYTEST)
    assert {path.name for path in calc.iterdir()} <= {"calc.py", "tests", ".pytest_cache"}


def test_what_runs_at_import_comes_below_what_the_failing_test_runs(tmp_path: Path) -> None:
    tests = CALC_TESTS.replace("== 6", "== 4")
    found = run(write(tmp_path, {"calc.py": CALC.replace("-=", "+="), "test_calc.py": tests}), PYTEST)
    assert places(found)[:2] == [("calc.py", 18), ("calc.py", 1)]
    assert found.suspects[0].score > found.suspects[1].score


def test_a_statement_of_several_lines_is_named_by_its_first(tmp_path: Path) -> None:
    tests = CALC_TESTS.replace("== 4", "== 5")
    found = run(write(tmp_path, {"calc.py": CALC.replace("-=", "+="), "test_calc.py": tests}), PYTEST)
    assert places(found)[0] == ("calc.py", 11)
    assert not {("calc.py", 12), ("calc.py", 13)} & set(places(found))


def test_among_equals_the_innermost_frame_of_the_traceback_comes_first(tmp_path: Path) -> None:
    code = """\
    def outer(x):
        y = x
        z = y
        return inner(z)

    def inner(z):
        w = z
        return w.missing
    """
    tests = "from deep import outer\ndef test_outer():\n    assert outer(1)\n"
    found = run(write(tmp_path, {"deep.py": code, "test_deep.py": tests}), PYTEST)
    assert places(found)[:2] == [("deep.py", 8), ("deep.py", 4)]


def test_among_equals_what_the_task_names_comes_first(tmp_path: Path) -> None:
    code = "def first(x):\n    return x\n\n\ndef second_one(x):\n    return x\n"
    tests = "from two import *\ndef test_both():\n    assert first(1) + second_one(1) == 3\n"
    root = write(tmp_path, {"two.py": code, "test_two.py": tests})
    assert places(run(root, PYTEST, "second_one() is wrong"))[0] == ("two.py", 6)


def test_unittest_is_understood_with_subtests_and_skips(tmp_path: Path) -> None:
    tests = """\
    import unittest
    from calc import add, double

    class CalcTest(unittest.TestCase):
        def test_add(self):
            for n in range(2):
                with self.subTest(n):
                    self.assertEqual(add(n, 1), n + 1)

        def test_double(self):
            self.assertEqual(double(2), 4)

        @unittest.skip("not yet")
        def test_later(self):
            self.fail()

        @unittest.expectedFailure
        def test_known(self):
            self.fail()
    """
    found = run(write(tmp_path, {"calc.py": CALC, "test_calc.py": tests}), UNITTEST)
    assert found.failing == ("test_calc.CalcTest.test_add",)
    assert places(found)[:3] == [("calc.py", 5), ("calc.py", 6), ("calc.py", 7)]


@pytest.mark.parametrize("command", [PYTEST, UNITTEST])
def test_a_failing_import_is_found_by_its_traceback(tmp_path: Path, command: str) -> None:
    files = {"a.py": "from b import Z\n", "b.py": "X = 1\nZ = X.missing\n", "test_a.py": "from a import Z\n"}
    found = run(write(tmp_path, files), command)
    assert len(found.failing) == 1
    assert places(found)[:2] == [("b.py", 2), ("a.py", 1)]


def test_a_file_that_does_not_parse_is_found(tmp_path: Path) -> None:
    found = run(write(tmp_path, {"a.py": "X = 1\n\ndef f(:\n", "test_a.py": "import a\n"}), PYTEST)
    assert places(found)[0] == ("a.py", 3)


def test_a_test_that_hangs_is_failing_and_keeps_its_lines(tmp_path: Path) -> None:
    code = "def quick():\n    return 1\n\n\ndef slow(n):\n    while n:\n        n += 0\n    return n\n"
    tests = "from loop import *\ndef test_quick(): assert quick()\ndef test_slow(): assert slow(1)\n"
    found = run(write(tmp_path, {"loop.py": code, "test_loop.py": tests}), PYTEST, timeout=3)
    assert found.tests is not None
    assert found.tests.timed_out
    assert found.failing == ("test_loop.py::test_slow",)
    assert set(places(found)[:2]) == {("loop.py", 6), ("loop.py", 7)}


def test_a_test_that_takes_its_process_along_is_failing(tmp_path: Path) -> None:
    code = "import os\n\n\ndef leave():\n    os._exit(3)\n"
    tests = "from gone import leave\ndef test_leave():\n    leave()\n"
    found = run(write(tmp_path, {"gone.py": code, "test_gone.py": tests}), PYTEST)
    assert found.failing == ("test_gone.py::test_leave",)
    assert places(found)[0] == ("gone.py", 5)


def test_what_a_test_writes_among_the_probe_s_words_is_passed_over(tmp_path: Path) -> None:
    odd = ["1", "{}", '{"test": []}', '{"context": "", "files": {"a": 1, "b": ["x"]}}', "[" * 9_999, ""]
    tests = """\
    import os
    from calc import add

    def test_add():
        for name in ("outcomes", "traced.1"):
            with open(os.path.join(os.environ["SLEEPWRIGHT_PROBE"], name), "a") as file:
                file.write(open("odd.txt").read())
        assert add(2, 3) == 5
    """
    found = run(write(tmp_path, {"calc.py": CALC, "test_calc.py": tests, "odd.txt": "\n".join(odd)}), PYTEST)
    assert found.failing == ("test_calc.py::test_add",)
    assert set(places(found)[:3]) == {("calc.py", 5), ("calc.py", 6), ("calc.py", 7)}


def test_a_test_that_fails_in_its_set_up_is_failing(tmp_path: Path) -> None:
    tests = """\
    import pytest
    from calc import add

    @pytest.fixture
    def five():
        return add(2, 3) / 0

    def test_five(five):
        pass
    """
    found = run(write(tmp_path, {"calc.py": CALC, "test_calc.py": tests}), PYTEST)
    assert found.failing == ("test_calc.py::test_five",)
    assert places(found)[:3] == [("calc.py", 5), ("calc.py", 6), ("calc.py", 7)]


def test_what_a_shared_fixture_runs_is_not_held_against_the_first_test(tmp_path: Path) -> None:
    tests = """\
    import pytest
    from calc import add, double

    @pytest.fixture(scope="module")
    def four():
        return double(2)

    def test_first(four):
        assert add(four, 1) == 5

    def test_second(four):
        assert four == 4
    """
    found = run(write(tmp_path, {"calc.py": CALC, "test_calc.py": tests}), PYTEST)
    assert places(found)[:3] == [("calc.py", 5), ("calc.py", 6), ("calc.py", 7)]
    assert places(found).index(("calc.py", 11)) > 2


def test_the_lines_of_a_test_s_child_process_belong_to_the_test(tmp_path: Path) -> None:
    code = "import sys\nif len(sys.argv) > 1:\n    print(int(sys.argv[1]) + 2)\n"
    tests = """\
    import subprocess, sys

    def test_next():
        assert subprocess.check_output([sys.executable, "tool.py", "1"]) == b"2\\n"

    def test_silence():
        assert subprocess.check_output([sys.executable, "tool.py"]) == b""
    """
    found = run(write(tmp_path, {"tool.py": code, "test_tool.py": tests}), PYTEST)
    assert places(found)[0] == ("tool.py", 3)


def test_a_script_is_judged_by_its_traceback(tmp_path: Path) -> None:
    script = "from calc import add\nassert add(2, None)\n"
    found = run(write(tmp_path, {"calc.py": CALC, "test_calc.py": script}), f"{sys.executable} test_calc.py")
    assert found.failing == ()
    assert places(found)[0] == ("calc.py", 6)


@pytest.mark.parametrize("setting", ["PYTHONPATH=lib", 'PYTHONPATH="lib:."', "export PYTHONPATH='lib';"])
def test_a_path_that_the_command_sets_does_not_push_the_probe_away(tmp_path: Path, setting: str) -> None:
    root = write(tmp_path, {"lib/calc.py": CALC, "test_calc.py": CALC_TESTS})
    assert places(run(root, f"{setting} {PYTEST}"))[:2] == [("lib/calc.py", 5), ("lib/calc.py", 6)]


def test_an_interpreter_that_shuts_the_probe_out_leaves_the_output(tmp_path: Path) -> None:
    tests = "from calc import add\ndef test_add():\n    assert add(2, None)\n"
    root = write(tmp_path, {"calc.py": CALC, "test_calc.py": tests})
    found = run(root, f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -E -m pytest -q")
    assert found.failing == ("test_calc.py::test_add",)
    assert places(found)[0] == ("calc.py", 6)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE file SET path = NULL",
        "UPDATE file SET path = CAST(x'ff' AS TEXT)",
        "UPDATE context SET context = x'ff'",
        "UPDATE line_bits SET numbits = 'abc'",
        "UPDATE meta SET value = 'abc' WHERE key = 'has_arcs'",
    ],
)
def test_coverage_that_a_test_writes_is_passed_over(tmp_path: Path, change: str) -> None:
    writing = f"""
        import os, sqlite3, sys
        sys.path.insert(0, {str(COVERAGE.parent)!r})
        import coverage
        def test_it():
            data = coverage.CoverageData(os.path.join(os.environ["SLEEPWRIGHT_PROBE"], "coverage.mine"))
            data.set_context("mine")
            data.add_lines({{os.path.abspath("calc.py"): [1]}})
            data.write()
            data.close()
            with sqlite3.connect(os.path.join(os.environ["SLEEPWRIGHT_PROBE"], "coverage.mine")) as file:
                file.execute({change!r})
    """
    files = {"calc.py": CALC, "test_calc.py": CALC_TESTS, "test_it.py": textwrap.dedent(writing)}
    assert places(run(write(tmp_path, files), PYTEST))[:2] == [("calc.py", 5), ("calc.py", 6)]


def test_a_worktree_may_have_a_name_that_is_a_pattern(tmp_path: Path) -> None:
    root = write(tmp_path / "a *{b} c", {"calc.py": CALC, "test_calc.py": CALC_TESTS})
    assert places(run(root, PYTEST))[:2] == [("calc.py", 5), ("calc.py", 6)]


def test_the_user_s_own_sitecustomize_still_runs(tmp_path: Path) -> None:
    files = {
        "calc.py": CALC,
        "site/sitecustomize.py": "import builtins\nbuiltins.greeting = 'hello'\n",
        "test_site.py": "from calc import add\ndef test_it():\n    assert greeting == 'hello'\n    assert add(1, 1)\n",
    }
    found = run(write(tmp_path, files), f"PYTHONPATH=site {PYTEST}")
    assert found.tests is not None
    assert "NameError" not in found.tests.output
    assert places(found)[0] == ("calc.py", 5)


def test_tests_see_no_options_of_ours(tmp_path: Path) -> None:
    tests = "import os\ndef test_options():\n    assert 'PYTEST_ADDOPTS' not in os.environ\n"
    assert run(write(tmp_path, {"test_options.py": tests}), PYTEST).failing == ()


def test_where_all_pass_the_task_alone_tells(tmp_path: Path) -> None:
    root = write(tmp_path, {"calc.py": CALC.replace("-=", "+="), "test_calc.py": CALC_TESTS})
    found = run(root, PYTEST, "taxed() is wrong")
    assert found.tests is not None
    assert found.tests.passed
    assert found.failing == ()
    assert places(found) == [("calc.py", 18)]


def test_where_there_are_no_tests_the_task_alone_tells(tmp_path: Path) -> None:
    found = run(write(tmp_path, {"calc.py": CALC}), PYTEST, "taxed() is wrong")
    assert (found.failing, places(found)) == ((), [("calc.py", 18)])


def test_a_command_that_cannot_be_run_is_no_error_of_ours(calc: Path) -> None:
    found = run(calc, "there-is-no-such-program", "taxed() is wrong")
    assert found.tests is not None
    assert found.tests.exit_code == 127
    assert places(found)[0] == ("calc.py", 18)


def test_without_a_command_and_without_a_hint_there_are_no_suspects(calc: Path) -> None:
    assert run(calc, None, "please help") == Localisation(tests=None, failing=(), suspects=())


def test_the_probe_is_written_in_python_3_8() -> None:
    for path in (Path(__file__).parents[2] / "agent" / "probe").glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 8))
