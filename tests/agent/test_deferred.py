"""Packages of others that begin without their `__init__`, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

DEFERRED = 'from agent.deferred import defer_packages; defer_packages({"big", "nowhere", "flat"}, {"big.optional"})\n'


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A package that says when its `__init__` runs."""
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "__init__.py").write_text("print('begun')\nfrom big import part\nNAME = part.NAME + 1\n")
    (tmp_path / "big" / "part.py").write_text("NAME = 41\n")
    (tmp_path / "big" / "optional.py").write_text("print('optional')\n")
    (tmp_path / "flat.py").write_text("print('flat')\nNAME = 1\n")
    return tmp_path


def said(program: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", DEFERRED + program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout.split()


def test_a_module_is_imported_out_of_a_package_that_has_not_begun(big: Path) -> None:
    assert said("import big.part; print(big.part.NAME, big.__path__[0], big.__name__)", big) == [
        "41", str(big / "big"), "big"
    ]  # fmt: skip


@pytest.mark.parametrize("look", ["import big; print(big.NAME); big.NAME", "from big import NAME; print(NAME)"])
def test_it_begins_once_when_something_is_looked_up(big: Path, look: str) -> None:
    assert said(f"{look}\nimport big; print(big.NAME, type(big).__name__)", big) == ["begun", "42", "42", "module"]


def test_what_the_package_does_not_have_it_does_not_have(big: Path) -> None:
    assert said("import big; print(hasattr(big, 'no'), hasattr(big, 'nope'))", big) == ["begun", "False", "False"]


def test_a_packages_own_getattr_is_asked(big: Path) -> None:
    (big / "big" / "__init__.py").write_text("def __getattr__(name):\n    return name.upper()\n")
    assert said("import big; print(big.later)", big) == ["LATER"]


def test_a_package_that_cannot_begin_says_so_each_time(big: Path) -> None:
    (big / "big" / "__init__.py").write_text("import missing_for_sure\n")
    program = """
import big
for _ in range(2):
    try:
        big.NAME
    except ModuleNotFoundError as error:
        print(error.name)
"""
    assert said(program, big) == ["missing_for_sure", "missing_for_sure"]


def test_threads_see_it_whole(big: Path) -> None:
    (big / "big" / "__init__.py").write_text("print('begun')\nWORK = sum(range(3_000_000))\nNAME = 42\n")
    program = """
import big
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(*pool.map(lambda _: big.NAME, range(8)))
"""
    assert said(program, big) == ["begun", *["42"] * 8]


def test_what_is_missing_or_no_package_is_imported_as_ever(big: Path) -> None:
    program = "import flat\ntry:\n    import nowhere\nexcept ModuleNotFoundError as error:\n    print(error.name)"
    assert said(program, big) == ["flat", "nowhere"]


def test_an_unused_part_is_not_there(big: Path) -> None:
    assert said("try:\n    import big.optional\nexcept ImportError as error:\n    print(error.name)", big) == [
        "big.optional"
    ]


def test_the_packages_of_a_run_are_whole_when_looked_at(tmp_path: Path) -> None:
    program = """
from agent.deferred import defer_packages
defer_packages()
import sys, openai, langgraph.graph, langgraph.runtime
heavy = {"openai.types.responses.response", "langsmith.types.run", "langgraph_sdk.client", "aiohttp"}
print(*sorted(heavy & set(sys.modules)))
from openai.types.responses import Response
from openai.types import Completion
from langgraph_sdk import get_client
from langsmith.types import Run
print(openai.types.responses.Response is Response, issubclass(Completion, openai.BaseModel))
print(callable(get_client), Run.__name__)
print(type(openai.types).__name__, openai.types.chat.ChatCompletion.__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["", "True True", "True Run", "module ChatCompletion"], done.stderr
