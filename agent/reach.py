"""What the outcome of a test hangs on in a tree: all files but the Python files and the prose that it cannot reach.

It errs on the side of too much. A test reaches the files whose names it or its command say, what configures tests, and
from there whatever is imported or named as a file; and all files, where anything on the way looks around in folders,
starts other programs, or imports what it has computed. Files that git ignores and the installed packages are not seen.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath

from agent.selection import way_of_running
from agent.workspace import Entry, Repository
from memory.records import FailureState

MOST_READ = 400
"""Python files on the way; of more, all are taken to matter."""
_CONFIGURATION = {"pyproject.toml", "pytest.ini", ".pytest.ini", "setup.cfg", "tox.ini"}
_ALWAYS = {"conftest", "sitecustomize", "usercustomize"}
_LOOKS_AROUND = {
    *("import_module", "__import__", "importlib", "imp", "pkgutil", "runpy", "entry_points", "exec", "eval"),
    *("glob", "iglob", "rglob", "iterdir", "listdir", "scandir", "walk", "fwalk"),
    *("subprocess", "Popen", "system", "spawn", "execv", "execvp", "multiprocessing"),
}
"""Names after which nobody can say which files matter."""
_PROSE = (".md", ".rst")
_NAMES_PROSE = re.compile(r"\.(md|rst)\b|README|CHANGELOG|doctest", re.IGNORECASE)
_FILE = re.compile(r"([\w-]*)\.pyi?\b")
_CHANGING = re.compile(r"0x[0-9a-f]+|sleepwright-[0-9a-f]{12}")
"""What is another text each time that a test fails in the same way: addresses, and the names of our worktrees."""


@dataclass(frozen=True)
class _Said:
    """What the text of a Python file tells of other files."""

    names: frozenset[str] = frozenset()
    """Parts of what it imports, and the stems of Python files that it names."""
    prose: bool = False
    looks_around: bool = False


class Reach:
    """Asked about the tests of one snapshot; a file is read once."""

    def __init__(self, repository: Repository, snapshot: str) -> None:
        self._repository = repository
        self._entries = repository.entries(snapshot)
        self._said: dict[str, _Said] = {}
        self._named: dict[str, set[str]] = {}
        for path in self._entries:
            if _is_python(path):
                for name in _names_of(path):
                    self._named.setdefault(name, set()).add(path)

    def state(self, test: str, error: str, command: str) -> FailureState:
        """What a failing test is known by: its id, how it fails, and the command that runs it."""
        way = way_of_running(command, self._entries)
        digest = sha256("\0".join([test, _CHANGING.sub("", error), way]).encode("utf-8", "surrogateescape"))
        for path in self.of(test, way):
            digest.update(f"\0{path}\0{' '.join(self._entries[path])}".encode("utf-8", "surrogateescape"))
        return FailureState(test=test, key=digest.hexdigest())

    def of(self, test: str, command: str) -> list[str]:
        """The paths that the outcome of a test hangs on."""
        said = f"{test} {command} {self._configuration()}"
        reached: set[str] = set()
        todo = self._files({*re.findall(r"\w+", said), *_ALWAYS})
        speaks_of_prose = bool(_NAMES_PROSE.search(said))
        while todo := todo - reached:
            reached |= todo
            if len(reached) > MOST_READ:
                return list(self._entries)
            names: set[str] = set()
            for said_there in self._read(todo):
                if said_there.looks_around:
                    return list(self._entries)
                speaks_of_prose |= said_there.prose
                names |= said_there.names
            todo = self._files(names) | self._packages(todo)
        return [
            path
            for path in self._entries
            if path in reached or not (_is_python(path) or (path.endswith(_PROSE) and not speaks_of_prose))
        ]

    def _files(self, names: Iterable[str]) -> set[str]:
        return {path for name in names for path in self._named.get(name, ())}

    def _packages(self, paths: Iterable[str]) -> set[str]:
        """The `__init__.py` of the folders around these files, which importing them runs."""
        around = {f"{folder}/__init__.py" for path in paths for folder in PurePosixPath(path).parents}
        return around & self._entries.keys()

    def _configuration(self) -> str:
        found = [entry.id for path, entry in self._entries.items() if _name(path) in _CONFIGURATION and _is_file(entry)]
        return " ".join(text.decode("utf-8", "replace") for text in self._repository.contents(found)) if found else ""

    def _read(self, paths: set[str]) -> Iterator[_Said]:
        """One by one, since the first that looks around is the last that has to be parsed."""
        known = [path for path in paths if path in self._said]
        yield from (self._said[path] for path in known)
        new = sorted(paths.difference(known))
        if not all(_is_file(self._entries[path]) for path in new):
            yield _Said(looks_around=True)  # a link, to wherever
            return
        texts = self._repository.contents([self._entries[path].id for path in new]) if new else []
        for path, text in zip(new, texts, strict=True):
            self._said[path] = _said(text)
            yield self._said[path]


def _said(data: bytes) -> _Said:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Said(looks_around=True)
    names: set[str] = set()
    prose = looks_around = False
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names.update(part for alias in node.names for part in alias.name.split("."))
            case ast.ImportFrom():
                names.update((node.module or "").split("."), (alias.name for alias in node.names))
            case ast.Constant(str() as text):
                stems = _FILE.findall(text)
                names.update(stems)
                looks_around |= "" in stems
                prose |= bool(_NAMES_PROSE.search(text))
            case ast.Name(id=name) | ast.Attribute(attr=name):
                looks_around |= name in _LOOKS_AROUND
    return _Said(frozenset(names), prose, looks_around or not names.isdisjoint(_LOOKS_AROUND))


def _names_of(path: str) -> set[str]:
    """What a Python file is called where somebody imports or starts it."""
    place = PurePosixPath(path)
    return {place.parent.name} if place.stem in ("__init__", "__main__") else {place.stem}


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def _is_file(entry: Entry) -> bool:
    return entry.mode.startswith("100")
