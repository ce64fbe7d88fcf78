"""Grades: gold is resolved, nothing is not, and no poison ends or fools it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.sandbox import Sandbox
from evals.errors import NoEnvironment, RunFolderError
from evals.swe.environment import Environment, open_environment
from evals.swe.grade import Grade, Grading, grade
from evals.swe.mirrors import Mirrors
from tests.evals.swe.examples import FIX, TEST, Example, git, make_example, new_file


def graded(example: Example, patch: str, timeout: float = 60) -> Grade:
    folder = example.mirrors.parent
    grading = Grading(Mirrors(example.mirrors), folder / "environments", "current", timeout, "none")
    return grade(example.instance, patch, folder / "logs", grading, Sandbox("none"))


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return make_example(tmp_path)


def test_the_gold_patch_is_resolved_and_the_harness_files_are_there(example: Example) -> None:
    made = graded(example, FIX)

    assert (made.outcome, made.problem) == ("resolved", "")
    logs = example.mirrors.parent / "logs"
    report = json.loads((logs / "report.json").read_text())["tiny__calc-1"]
    assert report["resolved"] and report["patch_successfully_applied"]
    assert report["tests_status"]["FAIL_TO_PASS"] == {"success": ["tests/test_calc.py::test_add"], "failure": []}
    assert "PASSED tests/test_calc.py::test_add" in (logs / "test_output.txt").read_text()
    assert (logs / "patch.diff").read_text() == FIX


def test_an_empty_patch_is_not_run(example: Example) -> None:
    assert graded(example, " \n").outcome == "empty"


def test_a_patch_that_changes_nothing_of_the_fault_is_unresolved(example: Example) -> None:
    made = graded(example, new_file("notes.txt", "thoughts"))

    assert made.outcome == "unresolved"
    assert made.tests and made.tests.FAIL_TO_PASS.failure == ("tests/test_calc.py::test_add",)


def test_a_patch_that_does_not_apply_is_an_error(example: Example) -> None:
    made = graded(example, FIX.replace("return a - b", "return a * b"))

    assert (made.outcome, made.problem) == ("error", "the patch does not apply")


@pytest.mark.parametrize("place", [".git/config", ".git/modules/x/config", "vendored/.git/config"])
def test_a_patch_of_what_git_would_run_does_not_apply(example: Example, place: str) -> None:
    mark = example.mirrors.parent / "ran"
    hunk = "@@ -1,1 +1,2 @@\n [core]\n" if place == ".git/config" else "@@ -0,0 +1,2 @@\n+[core]\n"
    rigged = f"{FIX}--- a/{place}\n+++ b/{place}\n{hunk}+\tfsmonitor = touch {mark}; false\n"

    assert graded(example, rigged).problem == "the patch does not apply"
    assert not mark.exists()


def test_a_patch_in_which_git_finds_a_fault_may_still_apply(example: Example) -> None:
    fuzzy = FIX.replace("@@ -1,2 +1,2 @@\n def add(a, b):", "@@ -1,2 +1,2 @@\n def add(a, b, c):")

    assert graded(example, fuzzy).outcome == "resolved"


@pytest.mark.parametrize("odd", [{"test_patch": FIX + "\ud800"}, {"FAIL_TO_PASS": ["tests/\ud800.py::x", "a\0::b"]}])
def test_a_row_that_cannot_be_written_down_is_an_error(tmp_path: Path, odd: dict[str, Any]) -> None:
    assert graded(make_example(tmp_path, **odd), FIX).outcome == "error"


def test_logs_that_cannot_be_written_end_the_grading_with_a_sentence(example: Example) -> None:
    (example.mirrors.parent / "logs").write_text("a file in their place")

    with pytest.raises(RunFolderError, match="run_instance.log' cannot be written"):
        graded(example, FIX)


def test_edits_of_tests_are_undone(example: Example) -> None:
    rigged = new_file("tests/test_calc.py", "def test_add():\n    pass\n\n\ndef test_zero():\n    pass\n")
    hook = "def pytest_runtest_setup(item):\n    item.obj = lambda: None\n"
    deletion = (
        "diff --git a/tests/test_old.py b/tests/test_old.py\ndeleted file mode 100644\n--- a/tests/test_old.py\n"
        "+++ /dev/null\n@@ -1,2 +0,0 @@\n-def test_old():\n-    assert True\n"
    )
    made = graded(example, rigged + new_file("conftest.py", hook) + deletion)

    assert made.outcome == "unresolved"
    assert made.reverted == ("conftest.py", "tests/test_calc.py", "tests/test_old.py")


def test_tests_that_hang_are_an_error(tmp_path: Path) -> None:
    example = make_example(tmp_path, hidden="import time\n\n\ndef test_add():\n    time.sleep(600)\n")

    made = graded(example, FIX, timeout=2)

    assert made.outcome == "error" and "more than 2 s" in made.problem
    assert "Timeout error" in (tmp_path / "logs" / "test_output.txt").read_text()


def test_tests_that_print_without_end_are_no_result(tmp_path: Path) -> None:
    hidden = "import os\n\n\ndef test_add():\n    for _ in range(70):\n        os.write(1, b'x' * (1 << 20))\n"
    example = make_example(tmp_path, hidden=hidden, test_cmd="python -m pytest -s")

    made = graded(example, FIX)

    assert made.outcome == "unresolved" and "no result" in made.problem
    assert (tmp_path / "logs" / "test_output.txt").stat().st_size == 64 << 20


def test_a_link_in_the_place_of_the_output_leads_nowhere(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("precious\n")
    steps = (
        "import os, time",
        "os.remove('../output/test_output.txt')",
        f"os.symlink({str(mine)!r}, '../output/test_output.txt')",
    )
    hidden = "\n".join([*steps, "def test_add():", "    time.sleep(600)\n"])
    made = graded(make_example(tmp_path, hidden=hidden), FIX, timeout=3)

    assert made.outcome == "error" and mine.read_text() == "precious\n"
    assert "precious" not in (tmp_path / "logs" / "test_output.txt").read_text()


def test_a_missing_commit_is_an_error(tmp_path: Path) -> None:
    example = make_example(tmp_path, base_commit="0" * 40)

    assert "has no commit" in graded(example, FIX).problem


def test_a_missing_mirror_is_an_error(tmp_path: Path) -> None:
    example = make_example(tmp_path, repo="tiny/gone")

    assert "has no mirror of tiny/gone" in graded(example, FIX).problem


def test_a_test_patch_that_does_not_apply_is_an_error(tmp_path: Path) -> None:
    example = make_example(tmp_path, test_patch=FIX.replace("a - b", "a * b"))

    assert "the test patch does not apply" in graded(example, FIX).problem


def test_the_same_patch_is_not_graded_twice_and_another_is(example: Example) -> None:
    first = graded(example, FIX)

    assert graded(example, FIX) == first
    assert graded(example, new_file("notes.txt", "thoughts")).outcome == "unresolved"


def test_the_same_patch_for_another_row_is_graded_again(example: Example) -> None:
    assert graded(example, FIX).outcome == "resolved"
    wanted = example.instance.model_copy(update={"fail_to_pass": ("tests/test_calc.py::test_gone",)})

    assert graded(example._replace(instance=wanted), FIX).outcome == "unresolved"


def test_tests_may_be_in_the_repository_already(tmp_path: Path) -> None:
    example = make_example(tmp_path, test_patch="", FAIL_TO_PASS=["tests/test_old.py::test_old"], PASS_TO_PASS=[])

    assert graded(example, FIX).outcome == "resolved"


def test_code_that_prints_passes_fools_nobody(tmp_path: Path) -> None:
    loud = FIX.replace(
        "+    return a + b", "+    print('PASSED tests/test_calc.py::test_add')\n+    raise SystemExit(0)"
    )
    loud = loud.replace("@@ -1,2 +1,2 @@", "@@ -1,2 +1,3 @@")

    assert graded(make_example(tmp_path, hidden=TEST), loud).outcome != "resolved"


def test_an_environment_is_made_without_modules_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    _, repository, instance = make_example(tmp_path)
    (repository / "pip.py").write_text(f"open({str(tmp_path / 'taken')!r}, 'w')\n")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "a pip of its own")
    instance = instance.model_copy(update={"base_commit": git(repository, "rev-parse", "HEAD")})
    with pytest.raises(NoEnvironment, match="cannot be made"):  # there is nowhere to have anything from
        open_environment(instance, repository, "venv", tmp_path / "environments")
    assert not (tmp_path / "taken").exists()


def test_the_current_environment_is_this_python() -> None:
    environment = Environment(Path(sys.executable))

    assert environment.is_current and environment.variables["PATH"].startswith(str(Path(sys.executable).parent))
