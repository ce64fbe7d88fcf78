"""The repositories of `eval sleep`: small modules written for it, with generated one-line bugs that their tests show.

Of a *scene* half of the modules have their bug while the sleeper studies it, and a later commit brings the others'; or,
in the stateful suite, a scene is one module with a bug, the context, and every failing test is a question about it.
"""

import ast
import random
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from agent.function_view import parse
from agent.sandbox import Sandbox
from evals.repositories import commit_all, start_repository
from memory.records import Record
from ttrl_adapter.bugs import break_function

Suite = Literal["bugs", "stateful"]

TESTS = f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {shlex.quote(sys.executable)} -m pytest -q"
"""Plugins of this environment take ten times as long as the tests."""
_TRIES = 12
_SECONDS = 20.0
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)


class Question(Record):
    """A task of a scene."""

    id: str
    request: str
    test_command: str
    tests: str
    """The test, or the file of tests, that it is about."""
    graded_by: str
    """The command that tells a right patch from one that only passes `test_command`."""
    right: tuple[str, ...]
    """The files that have to be changed."""
    kind: str
    """Of the bug."""
    anticipated: bool
    """Whether the sleeper saw what it is about."""


class Scene(Record):
    """A repository as the sleeper sees it, what a later commit changes, and what is asked then."""

    name: str
    first: dict[str, str]
    """Texts by path."""
    later: dict[str, str] = {}
    questions: tuple[Question, ...]


class _Broken(NamedTuple):
    """A module with a bug."""

    text: str
    kind: str
    failing: tuple[str, ...]


def repository_names() -> list[str]:
    """The repositories that scenes are made of."""
    return sorted(folder.name for folder in (files("evals") / "data" / "sleep").iterdir() if folder.is_dir())


def make_scenes(suite: Suite, rounds: int, seed: int, names: Sequence[str] | None = None) -> list[Scene]:
    """The same ones for the same arguments: every repository in every round, each round with other bugs.

    Raises ValueError for an unknown repository.
    """
    known = repository_names()
    if unknown := set(names or ()) - set(known):
        raise ValueError(f"no repository {sorted(unknown)[0]!r}: there are {', '.join(known)}")
    make = _bug_scenes if suite == "bugs" else _stateful_scenes
    return [scene for name in names or known for number in range(rounds) for scene in make(name, number, seed)]


def first_questions(scenes: Sequence[Scene], most: int) -> list[Scene]:
    """The first scenes, with so many questions in all."""
    found = []
    for scene in scenes:
        questions = scene.questions[:most]
        most -= len(questions)
        if questions:
            found.append(scene.model_copy(update={"questions": questions}))
    return found


def begin(scene: Scene, folder: Path) -> None:
    """Make the repository of a scene as the sleeper sees it."""
    start_repository(folder)
    _write(folder, {**scene.first, ".gitignore": "__pycache__/\n.pytest_cache/\n"})
    commit_all(folder, "first")


def move_on(scene: Scene, folder: Path) -> None:
    """Commit what comes after sleep."""
    if scene.later:
        _write(folder, scene.later)
        commit_all(folder, "more work")


def _bug_scenes(name: str, number: int, seed: int) -> Iterator[Scene]:
    texts = _texts(name)
    rng = random.Random(f"{seed} {name} {number}")
    modules = [path for path in texts if "/" not in path]
    rng.shuffle(modules)
    broken = {path: found for path in modules if (found := _break(path, texts, rng, 1))}
    half = list(broken)[: (len(broken) + 1) // 2]
    alternately = [path for pair in zip_longest(half, list(broken)[len(half) :]) for path in pair if path]
    questions = [
        Question(
            id=f"{name}-{number}/{path.removesuffix('.py')}",
            request=f"make the failing tests of {_tests_of(path)} pass",
            test_command=f"{TESTS} {_tests_of(path)}",
            tests=_tests_of(path),
            graded_by=f"{TESTS} {_tests_of(path)}",
            right=(path,),
            kind=broken[path].kind,
            anticipated=path in half,
        )
        for path in alternately
    ]
    yield Scene(
        name=f"{name}-{number}",
        first={**texts, **{path: broken[path].text for path in half}},
        later={path: found.text for path, found in broken.items() if path not in half},
        questions=tuple(questions),
    )


def _stateful_scenes(name: str, number: int, seed: int) -> Iterator[Scene]:
    texts = _texts(name)
    rng = random.Random(f"{seed} stateful {name} {number}")
    for path in [path for path in texts if "/" not in path]:
        own = {path: texts[path], _tests_of(path): texts[_tests_of(path)]}
        if found := _break(path, own, rng, 2):
            questions = [
                Question(
                    id=f"{name}-{number}/{test}",
                    request=f"make {test} pass",
                    test_command=f"{TESTS} {shlex.quote(test)}",
                    tests=test,
                    graded_by=f"{TESTS} {_tests_of(path)}",
                    right=(path,),
                    kind=found.kind,
                    anticipated=True,
                )
                for test in found.failing
            ]
            scene = f"{name}-{number}-{path.removesuffix('.py')}"
            yield Scene(name=scene, first={**own, path: found.text}, questions=tuple(questions))


def _texts(name: str) -> dict[str, str]:
    """All files of a repository by path."""
    root = files("evals") / "data" / "sleep" / name
    found = {path.name: path for path in root.iterdir() if path.name.endswith(".py")}
    found |= {f"tests/{path.name}": path for path in (root / "tests").iterdir() if path.name.endswith(".py")}
    return {path: found[path].read_text(encoding="utf-8") for path in sorted(found)}


def _tests_of(path: str) -> str:
    return f"tests/test_{path}"


def _break(path: str, texts: Mapping[str, str], rng: random.Random, least: int) -> _Broken | None:
    """The module with a bug that at least so many of its tests fail of; None where none was found."""
    for _ in range(_TRIES):
        text, kind = _with_bug(texts[path], rng)
        failing = _failing(path, {**texts, path: text}) if text else ()
        if len(failing) >= least:
            return _Broken(text, kind, failing)
    return None


def _with_bug(source: str, rng: random.Random) -> tuple[str, str]:
    """The source with one of its functions broken, and how; empty where nothing came of it."""
    tree = parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)] if tree else []
    function = rng.choice([node for node in functions if node.name != "__init__"])
    bug = break_function(ast.unparse(function), rng)
    if bug is None:
        return "", ""
    lines = source.split("\n")
    indent = " " * function.col_offset
    lines[function.lineno - 1 : function.end_lineno] = [indent + line for line in bug.broken]
    return "\n".join(lines), bug.kind


def _failing(path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """The tests of a module that fail; none where they do not come to an end."""
    with tempfile.TemporaryDirectory(prefix="sleepwright-scene-") as name:
        folder = Path(name)
        _write(folder, {file: text for file, text in texts.items() if file in (path, _tests_of(path))})
        command = f"{TESTS} -rf --tb=no -p no:cacheprovider {_tests_of(path)}"
        run = Sandbox("none").run(command, folder, timeout=_SECONDS)
    return () if run.timed_out else tuple(_FAILED.findall(run.output))


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
