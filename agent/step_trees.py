"""Keeps the files of a worktree as git trees, step after step: HEAD's tree with what `git status` says is different.

A step costs one short git process; those that read and write objects stay. The index is left to who works there, so
that `git diff` shows what is new. What only git with its index can tell is left to it: line ends, and what fails here.
"""

import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from agent.errors import RepositoryError
from agent.git_command import GitPipe
from agent.workspace import Repository, is_wanted

_TREE, _LINK, _FILE, _PROGRAM, _SUBMODULE = b"40000", b"120000", b"100644", b"100755", b"160000"
_STATUS = (
    *("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "-z"),
    *("--untracked-files=all", "--ignore-submodules=dirty", "--no-renames"),
)
_SETTLED = 2_000_000_000
"""Nanoseconds after which any file system gives a change another time stamp than the one before."""


class _Entry(NamedTuple):
    """What a tree holds under a name: git's mode, and the id in hexadecimal digits."""

    mode: bytes
    id: bytes


class _Status(NamedTuple):
    """How a worktree differs from HEAD."""

    head: bytes
    """A commit; empty where there is none."""
    staged: dict[bytes, _Entry]
    """Files that are as the index has them."""
    changed: dict[bytes, bytes]
    """The modes of files that are not; empty for those that git does not know yet."""
    gone: list[bytes]


class _State(NamedTuple):
    """Differs after everything that is done to a file."""

    inode: int
    size: int
    mode: int
    modified: int
    changed: int


class _Unclear(Exception):
    """Only git with its index can tell what the tree is."""


class StepTrees:
    """The trees of one worktree of ours. A context manager; for one thread."""

    def __init__(self, repository: Repository, worktree: Path) -> None:
        self._repository = repository
        self._worktree = worktree
        self._pipes: dict[str, GitPipe] = {}
        self._rules: list[tuple[bytes, _State]] = []
        """What decides how files become blobs, as far as it can change on the way."""
        self._blobs: dict[bytes, tuple[_State, bytes]] = {}
        """By path: the state of the file that has this blob."""
        self._contents: dict[bytes, Mapping[bytes, _Entry]] = {}
        """Of the trees of HEAD."""
        self._trees: dict[bytes, bytes] = {}
        """The ids of the last step's trees, by what was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def keep(self) -> str:
        """The id of a git tree that holds the files as they are now, as `Repository.tree` has it."""
        try:
            return self._write().decode()
        except (_Unclear, OSError, RepositoryError):
            self._close()
            return self._repository.tree(self._worktree)

    def _write(self) -> bytes:
        # Another than the user's: the stat data of files that were only touched may be kept in the index.
        env = {**self._repository.inside(self._worktree), "GIT_OPTIONAL_LOCKS": "1"}
        status = _read_status(self._worktree, self._repository.git(*_STATUS, cwd=self._worktree, env=env))
        self._heed_rules(status)
        changes: dict[bytes, _Entry | None] = dict.fromkeys(status.gone)
        changes |= status.staged
        changes |= {path: self._entry(path, mode) for path, mode in status.changed.items()}
        head = self._read_tree(status.head + b"^{tree}") if status.head else {}
        written: dict[bytes, bytes] = {}
        tree = self._changed_tree(head, changes, written) or self._write_tree({}, written)
        self._trees = written
        return tree

    def _heed_rules(self, status: _Status) -> None:
        """A process that stays has read the attributes and the configuration once."""
        differing = (*status.staged, *status.changed, *status.gone)
        own = [os.fsencode(self._worktree) + b"/" + path for path in differing if path.endswith(b".gitattributes")]
        common = [os.fsencode(self._repository.common_dir / name) for name in ("config", "info/attributes")]
        rules = [(path, _state(path)) for path in (*own, *common) if os.path.lexists(path)]
        if rules != self._rules:
            self._close()
            self._blobs.clear()
            self._rules = rules

    def _entry(self, path: bytes, mode: bytes) -> _Entry:
        """A file as it is now."""
        file = os.path.join(os.fsencode(self._worktree), path)
        now, state = time.time_ns(), _state(file)
        entry = _Entry(mode or self._mode(state), b"")
        known = self._blobs.get(path)
        if known and known[0] == state:
            return entry._replace(id=known[1])
        if entry.mode == _LINK:
            id = self._repository.git("hash-object", "-w", "--stdin", cwd=self._worktree, stdin=os.readlink(file))
        else:
            if not stat.S_ISREG(state.mode) or _has_returns(file):
                raise _Unclear
            id = self._pipe("hash-object", "-w", "--stdin-paths").ask(_quoted(path) + b"\n")
        if now - max(state.modified, state.changed) > _SETTLED:
            self._blobs[path] = state, id.strip()
        return entry._replace(id=id.strip())

    def _mode(self, state: _State) -> bytes:
        """Of a file that git does not know yet."""
        if stat.S_ISLNK(state.mode):
            return _LINK
        asked = ("config", "--type=bool", "--default=true", "core.fileMode")
        is_program = state.mode & stat.S_IXUSR and self._repository.git(*asked).strip() == b"true"
        return _PROGRAM if is_program else _FILE

    def _changed_tree(
        self, entries: Mapping[bytes, _Entry], changes: Mapping[bytes, _Entry | None], written: dict[bytes, bytes]
    ) -> bytes:
        """The id of a tree after changes, by path, None for what is gone; empty where nothing is left."""
        found = dict(entries)
        below: dict[bytes, dict[bytes, _Entry | None]] = {}
        for path, entry in changes.items():
            name, slash, rest = path.partition(b"/")
            if slash:
                below.setdefault(name, {})[rest] = entry
            elif entry:
                found[name] = entry
            else:
                found.pop(name, None)
        for name, inner in below.items():
            old = found.get(name)
            is_tree = old is not None and old.mode == _TREE
            if id := self._changed_tree(self._read_tree(old.id) if old and is_tree else {}, inner, written):
                found[name] = _Entry(_TREE, id)
            elif is_tree:
                del found[name]
        return self._write_tree(found, written) if found else b""

    def _read_tree(self, name: bytes) -> Mapping[bytes, _Entry]:
        if name not in self._contents:
            answer = self._pipe("cat-file", "--batch").ask(name + b"\n", _size)
            line, _, data = answer.partition(b"\n")
            self._contents[name] = _entries(data[:-1], len(line.split()[0]) // 2)
        return self._contents[name]

    def _write_tree(self, entries: Mapping[bytes, _Entry], written: dict[bytes, bytes]) -> bytes:
        lines = b"".join(b"%b %b %b\t%b\0" % (mode, _kind(mode), id, name) for name, (mode, id) in entries.items())
        known = self._trees.get(lines)
        written[lines] = known or self._pipe("mktree", "-z", "--missing", "--batch").ask(lines + b"\0").strip()
        return written[lines]

    def _pipe(self, *arguments: str) -> GitPipe:
        if arguments[0] not in self._pipes:
            self._pipes[arguments[0]] = self._repository.pipe(self._worktree, *arguments)
        return self._pipes[arguments[0]]

    def _close(self) -> None:
        while self._pipes:
            self._pipes.popitem()[1].close()


def _read_status(worktree: Path, output: bytes) -> _Status:
    found = _Status(b"", {}, {}, [])
    for line in output.split(b"\0"):
        match line[:2]:
            case b"# " if line.startswith(b"# branch.oid ") and b"(initial)" not in line:
                found = found._replace(head=line.split(b" ")[2])
            case b"? " if is_wanted(worktree, line[2:]):
                found.changed[line[2:]] = b""
            case b"1 ":
                _, how, _, _, staged, mode, _, id, path = line.split(b" ", 8)
                if staged == _SUBMODULE:  # as the index names it, whatever is there
                    found.staged[path] = _Entry(staged, id)
                elif mode in (b"000000", _SUBMODULE):
                    found.gone.append(path)
                elif how[1:] == b".":
                    found.staged[path] = _Entry(staged, id)
                else:
                    found.changed[path] = mode
            case b"u ":
                raise _Unclear
    return found


def _entries(data: bytes, id_size: int) -> dict[bytes, _Entry]:
    """What is in a tree as git stores it."""
    found, position = {}, 0
    while position < len(data):
        end = data.index(b"\0", position)
        mode, _, name = data[position:end].partition(b" ")
        position = end + 1 + id_size
        found[name] = _Entry(mode, data[end + 1 : position].hex().encode())
    return found


def _kind(mode: bytes) -> bytes:
    return {_TREE: b"tree", _SUBMODULE: b"commit"}.get(mode, b"blob")


def _state(file: bytes) -> _State:
    found = os.lstat(file)
    return _State(found.st_ino, found.st_size, found.st_mode, found.st_mtime_ns, found.st_ctime_ns)


def _has_returns(file: bytes) -> bool:
    with open(file, "rb") as opened:
        return any(b"\r" in part for part in iter(lambda: opened.read(1 << 20), b""))


def _size(line: bytes) -> int:
    """Bytes that `git cat-file --batch` sends after a line."""
    id, *known = line.split()
    if len(known) != 2:
        raise _Unclear  # the object is missing
    return int(known[1]) + 1


def _quoted(path: bytes) -> bytes:
    """A path on a line of its own, as git reads it."""
    if not any(sign in path for sign in b'"\\\n\r'):
        return path
    for sign, name in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r")):
        path = path.replace(sign, name)
    return b'"' + path + b'"'
