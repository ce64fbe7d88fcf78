"""What a test hangs on: which changes of a tree make what is known of it worthless, and which do not."""

import subprocess
from pathlib import Path

import pytest

from agent.reach import Reach
from agent.workspace import Repository

ADD = "tests/test_calc.py::test_add"
COMMAND = "pytest -q"


@pytest.fixture
def tree(repo: Path) -> Path:
    (repo / "other.py").write_text("X = 1\n")
    (repo / "tests" / "test_other.py").write_text("from other import X\n\n\ndef test_x():\n    assert X == 1\n")
    (repo / "tests" / "conftest.py").write_text("")
    (repo / "data.json").write_text("{}")
    return repo


def state(tree: Path, error: str = "assert -1 == 5", command: str = COMMAND) -> str:
    repository = Repository.open(tree)
    return Reach(repository, repository.snapshot()).state(ADD, error, command).key


def of(tree: Path, test: str = ADD) -> set[str]:
    repository = Repository.open(tree)
    return set(Reach(repository, repository.snapshot()).of(test, COMMAND))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("calc.py", "def add(a, b):\n    return b - a\n\n\ndef double(a):\n    return a * 2\n"),
        ("tests/test_calc.py", "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 6\n"),
        ("tests/conftest.py", "import calc\n"),
        ("conftest.py", ""),
        ("data.json", "[]"),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("calc.pyi", "def add(a: int, b: int) -> int: ...\n"),
    ],
)
def test_a_change_of_what_it_can_reach_is_another_state(tree: Path, path: str, text: str) -> None:
    before = state(tree)
    (tree / path).write_text(text)
    assert state(tree) != before


@pytest.mark.parametrize("path", ["other.py", "tests/test_other.py", "README.md", "new.py"])
def test_a_change_of_what_it_cannot_reach_is_the_same_state(tree: Path, path: str) -> None:
    before = state(tree)
    (tree / path).write_text("Y = 2\n")
    assert state(tree) == before


def test_the_same_content_after_commits_and_a_revert_is_the_same_state(tree: Path) -> None:
    before, text = state(tree), (tree / "calc.py").read_text()
    (tree / "calc.py").write_text("")
    assert state(tree) != before
    (tree / "calc.py").write_text(text)
    for command in (["add", "--all"], ["commit", "--quiet", "--message", "more"]):
        subprocess.run(["git", *command], cwd=tree, check=True)
    assert state(tree) == before


def test_another_error_or_way_of_running_is_another_state_and_other_tests_beside_it_are_not(tree: Path) -> None:
    before = state(tree)
    assert state(tree, error="NameError: add") != before
    assert state(tree, command="env DEBUG=1 pytest -q") != before
    assert state(tree, command="pytest -q tests/test_calc.py") == before
    assert state(tree, error="<C at 0x7f01>") == state(tree, error="<C at 0x7f02>")


def test_what_is_imported_on_the_way_counts_wherever_it_is_said(tree: Path) -> None:
    (tree / "calc.py").write_text("def add(a, b):\n    from pkg.deep import far\n    return far.add(a, b)\n")
    (tree / "pkg" / "deep").mkdir(parents=True)
    for path in ("pkg/__init__.py", "pkg/deep/__init__.py", "pkg/deep/far.py", "pkg/aside.py"):
        (tree / path).write_text("")
    found = of(tree)
    assert {"pkg/__init__.py", "pkg/deep/__init__.py", "pkg/deep/far.py"} <= found
    assert not {"pkg/aside.py", "other.py"} & found


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\n\nadd = importlib.import_module('oth' + 'er').add\n",
        "from pathlib import Path\n\nadd = sorted(Path('.').rglob('*.py'))\n",
        "import subprocess\n",
        "def add(a, b):\n    return open(f'{a}.py')\n",
        "def add(a, b:\n",
    ],
)
def test_where_anything_on_the_way_looks_around_everything_counts(tree: Path, text: str) -> None:
    (tree / "calc.py").write_text(text)
    assert {"other.py", "tests/test_other.py", "README.md"} <= of(tree)


def test_a_file_that_is_named_counts_and_prose_where_it_is_spoken_of(tree: Path) -> None:
    (tree / "calc.py").write_text("PARTS = ['other.py']\n")
    assert "other.py" in of(tree) and "README.md" not in of(tree)
    (tree / "calc.py").write_text("def add(a, b):\n    return open('README.md').read()\n")
    assert "README.md" in of(tree)


def test_a_link_to_python_is_followed_by_counting_everything(tree: Path) -> None:
    (tree / "calc.py").unlink()
    (tree / "calc.py").symlink_to("other.py")
    assert "other.py" in of(tree)
