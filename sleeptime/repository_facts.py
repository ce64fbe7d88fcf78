"""What is worth saying about a repository as a whole: how its tests run, how it is laid out, where it is entered, its
conventions. From the names of its files and a few configuration files, which are read as data and never run."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from agent.checks import is_test_file
from agent.symbols import language_of

Read = Callable[[str], bytes]
"""The content of a file of the snapshot."""

_MOST_FOLDERS = 10
_MOST_ENTRIES = 12
_MOST_TARGETS = 15
_LONGEST = 80  # characters of what a configuration file says in one place
_TARGET = re.compile(rb"^([a-zA-Z][\w.-]*)\s*:(?!=)", re.MULTILINE)
_PREFIXED = re.compile(r"[\w./()-]{1,30}: \S")
_TOOLS = {
    ".pre-commit-config.yaml": "pre-commit",
    ".editorconfig": "EditorConfig",
    ".flake8": "flake8",
    "mypy.ini": "mypy",
    "ruff.toml": "ruff",
    ".prettierrc": "Prettier",
    ".eslintrc.json": "ESLint",
    "eslint.config.js": "ESLint",
    "eslint.config.mjs": "ESLint",
    "rustfmt.toml": "rustfmt",
    ".clang-format": "clang-format",
    ".rubocop.yml": "RuboCop",
    ".golangci.yml": "golangci-lint",
    "tsconfig.json": "TypeScript",
}
_PYTHON_TOOLS = ("ruff", "black", "isort", "mypy", "pyright", "flake8", "pylint", "pytest", "coverage", "tox", "hatch")


class Fact(NamedTuple):
    """Something worth knowing about the repository."""

    about: str
    text: str
    evidence: tuple[str, ...]
    """Paths that it was read from."""


def repository_facts(
    paths: Sequence[str], read: Read, test_command: str | None, subjects: Sequence[str]
) -> Iterator[Fact]:
    """The facts that can be told, from the files of a snapshot and the first lines of the last commits."""
    there = set(paths)
    pyproject = _toml(read("pyproject.toml")) if "pyproject.toml" in there else {}
    package = _json(read("package.json")) if "package.json" in there else {}
    for fact in (
        _running_tests(paths, read, test_command, pyproject, package),
        _layout(paths, there, pyproject, package),
        _conventions(paths, there, pyproject, subjects),
    ):
        if fact:
            yield fact


def _running_tests(
    paths: Sequence[str], read: Read, command: str | None, pyproject: dict[str, Any], package: dict[str, Any]
) -> Fact | None:
    parts, evidence = [], []
    if command:
        parts.append(f"The tests run with `{command}`.")
    if settings := _at(pyproject, "tool", "pytest", "ini_options"):
        options = settings.get("addopts", "")
        said = " ".join(options) if isinstance(options, list) else str(options)
        if said:
            parts.append(f"pytest gets the options {said[:_LONGEST]!r} from pyproject.toml.")
            evidence.append("pyproject.toml")
    for name in ("Makefile", "makefile", "GNUmakefile", "justfile"):
        if name in paths and (targets := _targets(read(name))):
            parts.append(f"{name} has the targets {', '.join(targets)}.")
            evidence.append(name)
    if scripts := [name for name in _at(package, "scripts") if isinstance(name, str)]:
        parts.append(f"package.json has the scripts {', '.join(sorted(scripts)[:_MOST_TARGETS])}.")
        evidence.append("package.json")
    evidence += [name for name in ("tox.ini", "noxfile.py", "pytest.ini", "setup.cfg") if name in paths]
    tests = Counter(path.split("/")[0] if "/" in path else "the top folder" for path in paths if is_test_file(path))
    if tests:
        parts.append(f"Test files lie in {', '.join(folder for folder, _ in tests.most_common(4))}.")
        if not evidence:
            evidence.append(
                min((path for path in paths if is_test_file(path)), key=lambda path: (path.count("/"), path))
            )
    return Fact("how to run the tests", " ".join(parts), tuple(evidence)) if parts and evidence else None


def _layout(paths: Sequence[str], there: set[str], pyproject: dict[str, Any], package: dict[str, Any]) -> Fact | None:
    folders: dict[str, Counter[str]] = {}
    for path in paths:
        if "/" in path and (language := language_of(path)):
            folders.setdefault(path.split("/")[0], Counter())[language] += 1
    by_size = sorted(folders, key=lambda folder: (-folders[folder].total(), folder))[:_MOST_FOLDERS]
    described = [f"{folder}/ ({folders[folder].most_common(1)[0][0]})" for folder in by_size]
    entries, evidence = [], []
    scripts = _at(pyproject, "project", "scripts") or _at(pyproject, "tool", "poetry", "scripts")
    for name, target in sorted(scripts.items())[:_MOST_ENTRIES]:
        entries.append(f"command {name} = {str(target)[:_LONGEST]}")
        evidence.append("pyproject.toml")
    binaries = package.get("bin")
    for name, target in sorted(binaries.items() if isinstance(binaries, dict) else []):
        entries.append(f"command {name} = {str(target)[:_LONGEST]}")
        evidence.append("package.json")
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        if len(entries) < _MOST_ENTRIES and _is_entry(path) and not is_test_file(path):
            entries.append(path)
            evidence.append(path)
    if not described and not entries:
        return None
    text = f"Source folders, the largest first: {', '.join(described) or 'all lies at the top'}."
    if entries:
        text += f" Entry points: {'; '.join(entries)}."
    readme = next((name for name in ("README.md", "README.rst", "README") if name in there), None)
    evidence = list(dict.fromkeys(evidence)) or [name for name in (readme,) if name]
    return Fact("the layout", text, tuple(evidence[:_MOST_ENTRIES])) if evidence else None


def _conventions(
    paths: Sequence[str], there: set[str], pyproject: dict[str, Any], subjects: Sequence[str]
) -> Fact | None:
    parts, evidence = [], [name for name in _TOOLS if name in there]
    tools = [_TOOLS[name] for name in evidence]
    settings = _at(pyproject, "tool")
    tools += [name for name in _PYTHON_TOOLS if name in settings]
    if tools:
        parts.append(f"Configured tools: {', '.join(dict.fromkeys(tools))}.")
    length = _at(settings, "ruff").get("line-length") or _at(settings, "black").get("line-length")
    if isinstance(length, int):
        parts.append(f"Lines have at most {length} characters.")
    if _at(settings, "mypy").get("strict") is True:
        parts.append("mypy is strict: everything has type hints.")
    if any(name in settings for name in _PYTHON_TOOLS):
        evidence.append("pyproject.toml")
    if mirrored := _mirrored(paths):
        source, test = mirrored
        parts.append(f"Tests mirror the sources: {test} is for {source}.")
        evidence += [source, test]
    prefixed = [subject for subject in subjects if _PREFIXED.match(subject)]
    if len(subjects) >= 10 and len(prefixed) * 3 >= len(subjects) * 2:
        parts.append(f"Subjects of commits begin with what they are about, such as {prefixed[0].partition(':')[0]!r}:.")
    return Fact("the conventions", " ".join(parts), tuple(evidence[:12])) if parts and evidence else None


def _mirrored(paths: Sequence[str]) -> tuple[str, str] | None:
    """A source and its test, where most tests are named after a source in the same place."""
    sources: dict[str, str] = {}
    for path in paths:
        if not is_test_file(path):
            sources.setdefault(path.rpartition("/")[2], path)
    tests = [path for path in paths if path.endswith(".py") and path.rpartition("/")[2].startswith("test_")]
    pairs = [(sources[name], path) for path in tests if (name := path.rpartition("/")[2][5:]) in sources]
    return min(pairs, key=lambda pair: (pair[1].count("/"), pair)) if len(pairs) * 2 > len(tests) > 2 else None


def _is_entry(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name in ("__main__.py", "manage.py", "wsgi.py", "asgi.py", "main.go", "main.rs", "main.c", "main.cpp") or (
        path in ("main.py", "app.py", "cli.py", "index.js", "index.ts", "src/index.ts", "src/main.ts", "src/index.js")
    )


def _targets(makefile: bytes) -> list[str]:
    names = dict.fromkeys(match[1].decode() for match in _TARGET.finditer(makefile[:200_000]))
    return list(names)[:_MOST_TARGETS]


def _toml(content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _at(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The table under these keys; empty where there is none."""
    for key in keys:
        found = table.get(key)
        table = found if isinstance(found, dict) else {}
    return table
