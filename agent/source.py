"""The Python source under a worktree: which files there are, their statements and functions."""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agent.checks import is_test_file, judging_scripts

FOREIGN = {".git", ".tox", ".nox", ".venv", "venv", ".eggs", "site-packages", "node_modules", "__pycache__"}
"""Folders whose files are not the user's own source."""
MOST_FILES = 4000
LARGEST_FILE = 400_000
"""Bytes; larger files are generated or data."""

_DEFINITION = re.compile(rb"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Function:
    """A function or method: its name, the class around it or "", first and last line (1-based)."""

    name: str
    owner: str
    start: int
    end: int


@dataclass(frozen=True)
class SourceFile:
    """A parsed file. `statements` maps each line of a statement's header to the header's first line."""

    statements: dict[int, int]
    nodes: dict[int, ast.AST]
    """The innermost statement that begins at a first line; docstrings are left out."""
    functions: tuple[Function, ...]
    calls: dict[str, frozenset[str]]
    """For each function name, the names that its body calls."""


class Source:
    """The source under `root`, parsed when asked for and kept. Paths are relative to it, with forward slashes."""

    def __init__(self, root: Path, test_command: str | None = None) -> None:
        """The scripts that are a test because the command runs them are no suspects either."""
        self.root = Path(os.path.realpath(root))
        self._judges = judging_scripts(test_command, self._content)
        self._parsed: dict[str, SourceFile | None] = {}

    def is_suspect(self, path: str) -> bool:
        """Whether a fault may lie in this file: the user's own, there, and no test."""
        parts = path.split("/")
        own = FOREIGN.isdisjoint(parts) and parts[0] not in ("build", "dist", "..")
        is_test = is_test_file(path) or path in self._judges
        return own and not is_test and (self.root / path).is_file()

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The Python files in which a fault may lie, sorted; at most MOST_FILES."""
        found: list[str] = []
        for path in self._walk():
            if path.endswith(".py") and self.is_suspect(path):
                found.append(path)
                if len(found) == MOST_FILES:
                    break
        return tuple(sorted(found))

    @cached_property
    def definitions(self) -> dict[str, tuple[str, ...]]:
        """For each name of a function or class, the files that define it; found without parsing."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            for name in {match[1].decode() for match in _DEFINITION.finditer(self._read(path))}:
                found.setdefault(name, []).append(path)
        return {name: tuple(paths) for name, paths in found.items()}

    def relative(self, path: str) -> str | None:
        """The suspect file that a path means, as a traceback or a person wrote it; None for any other.

        A path from another machine or another checkout counts by its longest end that exists here, a path without its
        first folders where only one file ends so.
        """
        if not path or "\0" in path:
            return None
        if path.startswith(f"{self.root}/"):
            path = os.path.relpath(path, self.root)
        parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
        if not FOREIGN.isdisjoint(parts) or ".." in parts or re.search(r"/lib/python\d", path):
            return None
        ends = ["/".join(parts[i:]) for i in range(len(parts))]
        found = [end for end in ends if self.is_suspect(end)]
        if not found and ends and not path.startswith("/"):
            found = [file for file in self.files if file.endswith(f"/{ends[0]}")]
            return found[0] if len(found) == 1 else None
        return found[0] if found else None

    def file(self, path: str) -> SourceFile | None:
        """The parsed file, tests included; None where it is huge or does not parse."""
        if path not in self._parsed:
            self._parsed[path] = _parse(self._read(path))
        return self._parsed[path]

    def statement(self, path: str, line: int) -> int:
        """The first line of the statement that a line belongs to; the line itself where nothing is known."""
        file = self.file(path) if path.endswith(".py") else None
        return file.statements.get(line, line) if file else line

    def _walk(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(
                name
                for name in folders
                if name not in FOREIGN and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
            )
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), self.root)

    def _read(self, path: str) -> bytes:
        return self._content(path) or b""

    def _content(self, path: str) -> bytes | None:
        """None for what is no file; nothing of one that is huge."""
        try:
            with open(self.root / path, "rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except (OSError, ValueError):
            return None
        return data if len(data) <= LARGEST_FILE else b""


def _parse(data: bytes) -> SourceFile | None:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    statements: dict[int, int] = {}
    nodes: dict[int, ast.AST] = {}
    # Outer statements first, so that inner ones have the last word.
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case) and not _is_docstring(node):
            start, end = _header(node)
            nodes[start] = node
            statements.update(dict.fromkeys(range(start, end + 1), start))
    functions = tuple(_functions(tree, ""))
    calls: dict[str, frozenset[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls[node.name] = calls.get(node.name, frozenset()) | _called(node)
    return SourceFile(statements, nodes, functions, calls)


def _header(node: ast.stmt | ast.excepthandler | ast.match_case) -> tuple[int, int]:
    """First and last line of a simple statement, or of a compound one without its body; decorators belong to it."""
    first = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
    start = min([first, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    body = getattr(node, "body", None)
    if not body:
        return start, getattr(node, "end_lineno", None) or start
    return start, max(start, first, _header(body[0])[0] - 1)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _functions(node: ast.AST, owner: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            start = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
            yield Function(child.name, owner, start, child.end_lineno or child.lineno)
        yield from _functions(child, child.name if isinstance(child, ast.ClassDef) else owner)


def _called(node: ast.AST) -> frozenset[str]:
    names = set()
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            match call.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    names.add(name)
    return frozenset(names)
