import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.checks import MAX_PROBLEMS, check, is_test_file, touches_tests
from agent.sandbox import Sandbox
from memory.records import Check

OLD_TEST = b"assert 1 + 1 == 3\n"


class Tree:
    """A work tree of a candidate, and the snapshot that it began from."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.old: dict[str, bytes] = {}
        root.mkdir()

    def write(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def check(self, *changed: str, test_command: str | None = None) -> Check:
        return check(self.root, self.old.get, changed, test_command, Sandbox("none"), timeout=20)

    def content(self) -> dict[str, bytes | str]:
        """Every file, with its target if it is a link."""

        def files() -> Iterator[tuple[str, bytes | str]]:
            for path in sorted(self.root.rglob("*")):
                if path.is_symlink():
                    yield str(path.relative_to(self.root)), os.readlink(path)
                elif path.is_file():
                    yield str(path.relative_to(self.root)), path.read_bytes()

        return dict(files())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "worktree")


def test_without_changes_and_a_test_command_a_check_passes(tree: Tree) -> None:
    assert tree.check() == Check()


def test_the_test_command_decides(tree: Tree) -> None:
    passed, failed = tree.check(test_command="true"), tree.check(test_command="echo why; exit 1")
    assert passed.passed and not failed.passed
    assert failed.tests and failed.tests.output == "why\n"


def test_a_file_that_does_not_parse_is_found_and_the_tests_are_not_run(tree: Tree) -> None:
    tree.write("a.py", b"def f(:\n")
    found = tree.check("a.py", test_command="touch ran")
    assert found.tests is None and not found.passed and found.problems[0].startswith("a.py:1: does not parse")
    assert not (tree.root / "ran").exists()


def test_a_problem_of_the_snapshot_is_no_problem(tree: Tree) -> None:
    tree.old["a.py"] = b"print(undefined)\n"
    tree.write("a.py", b"print(undefined, 1)\n")
    assert tree.check("a.py").passed


def test_deleted_files_links_pipes_and_folders_are_not_parsed(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:")
    (tree.root / "link.py").symlink_to(tmp_path / "broken.py")
    os.mkfifo(tree.root / "pipe.py")
    (tree.root / "folder.py").mkdir()
    tree.write("file", b"")
    assert tree.check("gone.py", "link.py", "pipe.py", "folder.py", "file/below.py").passed


def test_a_name_that_is_not_utf8_makes_a_problem_that_can_be_stored(tree: Tree) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    tree.write(name, b"def f(:\n")
    found = tree.check(name)
    assert "caf\\xe9.py:1" in found.model_dump_json().replace("\\\\", "\\")


def test_a_flood_of_problems_is_cut(tree: Tree) -> None:
    tree.write("a.py", b"".join(b"print(x%d)\n" % number for number in range(500)))
    assert len(tree.check("a.py").problems) == MAX_PROBLEMS


def test_an_edited_test_is_as_it_was_while_the_tests_run_and_put_back(tree: Tree) -> None:
    tree.old["tests/test_a.py"] = OLD_TEST
    tree.write("tests/test_a.py", b"pass\n")
    before = tree.content()
    found = tree.check("tests/test_a.py", test_command=f"{sys.executable} tests/test_a.py")
    assert found.tests and "AssertionError" in found.tests.output
    assert tree.content() == before


def test_the_mode_of_an_edited_test_stays(tree: Tree) -> None:
    tree.old["test_a.sh"] = b"#!/bin/sh\necho original\n"
    tree.write("test_a.sh", b"#!/bin/sh\necho edited\n")
    (tree.root / "test_a.sh").chmod(0o755)
    found = tree.check("test_a.sh", test_command="./test_a.sh")
    assert found.tests and found.tests.output == "original\n"
    assert (tree.root / "test_a.sh").stat().st_mode & 0o777 == 0o755


def test_a_deleted_test_is_there_while_the_tests_run_and_gone_again(tree: Tree) -> None:
    tree.old |= {"tests/test_a.py": OLD_TEST, "tests/unit/test_b.py": b"b"}
    found = tree.check(*tree.old, test_command="cat tests/test_a.py tests/unit/test_b.py")
    assert found.tests and found.tests.output == "assert 1 + 1 == 3\nb"
    assert tree.content() == {}


def test_a_new_test_stays(tree: Tree) -> None:
    tree.write("tests/test_new.py", b"new = 1\n")
    found = tree.check("tests/test_new.py", test_command="cat tests/test_new.py")
    assert found.tests and found.tests.output == "new = 1\n"


def test_a_folder_of_tests_replaced_by_a_link_is_not_followed(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tree.old |= {"tests/test_a.py": b"a", "tests/test_b.py": b"b"}
    (tree.root / "tests").symlink_to(outside)
    found = tree.check("tests", *tree.old, test_command="cat tests/*")
    assert found.tests and found.tests.output == "ab"
    assert list(outside.iterdir()) == [] and tree.content() == {"tests": str(outside)}


@pytest.mark.parametrize("name", ["tests", "tests/test_a.py"])
def test_a_test_replaced_by_a_file_or_folder_of_another_kind_comes_back(tree: Tree, name: str) -> None:
    tree.old["tests/test_a.py"] = b"a"
    tree.write(name if name == "tests" else f"{name}/file", b"candidate's")
    before = tree.content()
    found = tree.check("tests/test_a.py", test_command="cat tests/test_a.py")
    assert found.tests and found.tests.output == "a"
    assert tree.content() == before


def test_links_that_the_tests_leave_behind_are_not_followed(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "test_a.py").write_text("precious")
    tree.old["tests/test_a.py"] = OLD_TEST
    tree.write("tests/test_a.py", b"edited = 1\n")
    tree.check("tests/test_a.py", test_command=f"rm -r tests && ln -s {outside} tests")
    assert (outside / "test_a.py").read_text() == "precious"
    assert tree.content() == {"tests/test_a.py": b"edited = 1\n"}


def test_the_test_file_that_is_touched_is_told_from_a_new_one() -> None:
    old = {"tests/test_a.py": b"", "src/a.py": b""}
    touched = touches_tests(["tests/test_a.py", "tests/test_new.py", "src/a.py"], old.get, None)
    assert touched == ("tests/test_a.py",)


JUDGES = {
    "verify.py": b"from shop.prices import total\nassert total() == 5\n",
    "ci/verify.py": b"import sys, tool\nsys.exit(tool.check())\n",
    "ci/tool.py": b"",
    "shop/prices.py": b"import json\nassert json\n",
    "shop/__init__.py": b"",
    "shop/main.py": b"from shop.prices import total\nprint(total())\n",
    "broken.py": b"def f(:",
    "verify.sh": b"exit 1\n",
    "deploy.sh": b"",
}


@pytest.mark.parametrize(
    ("command", "judges"),
    [
        ("python3 ./verify.py", {"verify.py"}),
        ("cd . && python ci/verify.py; pytest verify.py::x", {"verify.py", "ci/verify.py"}),
        ("sh verify.sh", {"verify.sh"}),
        ("true && ./verify.sh", {"verify.sh"}),
        ("shellcheck deploy.sh", set()),
        ("python shop/prices.py", set()),
        ("python shop/main.py", set()),
        ("python -m doctest verify.py", set()),
        ("python broken.py gone.py ../x.py '", set()),
        ("python broken.py gone.py ../x.py", set()),
        (None, set()),
    ],
)
def test_a_script_is_a_test_where_the_command_runs_it_to_judge_other_code(
    command: str | None, judges: set[str]
) -> None:
    assert set(touches_tests(list(JUDGES), JUDGES.get, command)) == judges


def test_a_candidate_that_edits_the_script_it_is_judged_by_is_checked_by_the_original(tree: Tree) -> None:
    tree.old |= {"verify.py": b"import calc\nassert calc.x == 2\n", "calc.py": b"x = 1\n"}
    tree.write("calc.py", b"x = 1\n")
    tree.write("verify.py", b"")
    found = tree.check("verify.py", test_command=f"{sys.executable} verify.py")
    assert not found.passed and (tree.root / "verify.py").read_bytes() == b""


@pytest.mark.parametrize(
    "path",
    """test_a.py pkg/test_a.py pkg/a_test.py tests/helpers.py pkg/tests/data/x.json conftest.py sub/conftest.py
    pytest.ini app/tests.py test/unit/a.py testing/test_x.py src/a.spec.ts src/a.test.tsx src/__tests__/a.js
    pkg/a_test.go spec/a_spec.rb test/a_test.exs src/test/java/org/FooTest.java packages/a/test/index.js
    src/main/FooTests.cs tests/__init__.py pkg/testdata/golden.txt a_unittest.cc""".split(),
)
def test_a_test_file_is_known_by_its_name_or_folder(path: str) -> None:
    assert is_test_file(path)


@pytest.mark.parametrize(
    "path",
    """a.py src/attest.py contest.py latest.py testing.py pkg/testing/tools.py django/test/client.py setup.cfg tox.ini
    pyproject.toml src/Latest.java protest/a.py testa.py inspection.rb spec.py src/contests/a.py""".split(),
)
def test_other_files_are_not_tests(path: str) -> None:
    assert not is_test_file(path)
