"""What a work tree holds now, as git's blob ids: from the index, and for files that differ from it from their content.

Git compares the stat data; a file is read only where that has changed, and once per change.
"""

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from memory.errors import TreeError

_LARGEST = 2_000_000  # bytes of an untracked file that is looked at, to find what was moved without `git mv`
_MOST_UNTRACKED = 2_000
_LONGEST_HISTORY = 2_000  # commits
_MOST_PATHS = 500  # on a command line
_SUBMODULE = "160000"


class FileStat(NamedTuple):
    """What changes when a file does."""

    size: int
    changed: int
    modified: int
    inode: int


class Held(NamedTuple):
    """The files of a work tree."""

    blobs: dict[str, str]
    """By path; submodules with their commit."""
    paths: dict[str, str]
    """A path of each blob."""


class WorkTree:
    """One work tree of a repository, asked again and again; what has not changed is not looked at again."""

    def __init__(self, root: Path, common_dir: Path, index: Path) -> None:
        self.root = root
        self.common_dir = common_dir
        self._index = index
        self._indexed: tuple[FileStat | None, dict[str, tuple[str, str]]] | None = None
        self._hashed: dict[str, tuple[FileStat, str]] = {}
        self._held: tuple[dict[str, tuple[str, str]], dict[str, str | None], Held] | None = None

    @classmethod
    def open(cls, directory: Path) -> "WorkTree":
        """The one that the directory lies in. TreeError where there is none."""
        if not directory.is_dir():
            raise TreeError(f"{str(directory)!r} is no directory: name one inside a git repository.")
        questions = (("--show-toplevel",), ("--git-common-dir",), ("--git-path", "index"))
        places = _places(directory, *(word for question in questions for word in question))
        if len(places) > len(questions):  # a name with a line break in it
            places = ["\n".join(_places(directory, *question)) for question in questions]
        top, common, index = places
        return cls(Path(top), (directory / common).resolve(), (directory / index).resolve())

    def held(self) -> Held:
        """What the tree holds now, dirty files included, untracked ones left out."""
        entries = self._entries()
        changed: dict[str, str | None] = {}  # None where it is gone
        dirty: list[str] = []
        for path, is_deleted in self._differing():
            if is_deleted:
                changed[path] = None
            elif entries.get(path, ("", ""))[0] == _SUBMODULE:
                changed[path] = self._submodule_commit(path) or entries[path][1]
            else:
                dirty.append(path)
        ids = self.hashed(dirty)
        changed.update((path, ids.get(path)) for path in dirty)  # what is no file now, or cannot be read, is not held
        if self._held and self._held[0] is entries and self._held[1] == changed:
            return self._held[2]
        blobs = {path: blob for path, (_, blob) in entries.items()}
        for path, blob in changed.items():
            if blob is None:
                blobs.pop(path, None)
            else:
                blobs[path] = blob
        held = Held(blobs, {blob: path for path, blob in reversed(blobs.items())})
        self._held = entries, changed, held
        return held

    def hashed(self, paths: Iterable[str]) -> dict[str, str]:
        """The blob ids that these files would have, as they are on disk; what is no file or cannot be read is left
        out."""
        found: dict[str, str] = {}
        new: dict[str, FileStat] = {}
        for path in paths:
            stat = _stat(self.root / path)
            if stat is None:
                continue
            known = self._hashed.get(path)
            if known and known[0] == stat:
                found[path] = known[1]
            else:
                new[path] = stat
        links = [path for path in new if (self.root / path).is_symlink()]
        files = [path for path in new if path not in links]
        found |= self._hash(files)
        for path in links:
            target = os.fsencode(os.readlink(self.root / path))
            found[path] = _git(self.root, "hash-object", "--stdin", stdin=target).decode().strip()
        self._hashed.update({path: (stat, found[path]) for path, stat in new.items() if path in found})
        return found

    def _hash(self, files: Sequence[str]) -> dict[str, str]:
        """Git gives up at the first that it cannot read, or whose filter fails: then the others in halves."""
        if not files:
            return {}
        listed = "\n".join(map(_quoted, files)).encode("utf-8", "surrogateescape")
        status, output, _ = _run(self.root, "hash-object", "--stdin-paths", stdin=listed)
        if status == 0:
            return dict(zip(files, output.decode().split(), strict=True))
        half = len(files) // 2
        return self._hash(files[:half]) | self._hash(files[half:]) if half else {}

    def untracked(self) -> dict[str, str]:
        """Blob ids of untracked files that are not ignored and not large, the first few thousand."""
        listed = _git(self.root, "ls-files", "--others", "--exclude-standard", "-z")
        paths = [path for path in listed.decode("utf-8", "surrogateescape").split("\0") if path]
        small = [
            path for path in paths[:_MOST_UNTRACKED] if (stat := _stat(self.root / path)) and stat.size <= _LARGEST
        ]
        return self.hashed(small)

    def content(self, path: str) -> bytes:
        """Of a file of the tree; of one that a sparse checkout leaves out as the index has it. Of a submodule none."""
        file = self.root / path
        try:
            return os.fsencode(os.readlink(file)) if file.is_symlink() else file.read_bytes()
        except FileNotFoundError:
            return _git(self.root, "cat-file", "blob", f":{path}")
        except OSError:
            return b""

    def head(self) -> str | None:
        """The commit that is checked out; None before the first."""
        status, output, _ = _run(self.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return output.decode().strip() if status == 0 else None

    def holds_at_head(self, blobs: Sequence[tuple[str, str]]) -> bool:
        """Whether HEAD's tree has each of these blobs at its path."""
        asked = "\n".join(f"HEAD:{path}" for path, _ in blobs).encode("utf-8", "surrogateescape")
        answer = _git(self.root, "cat-file", "--batch-check=%(objectname)", stdin=asked)
        lines = answer.decode("utf-8", "surrogateescape").split("\n")
        return all(line == blob for line, (_, blob) in zip(lines, blobs, strict=False))

    def ancestors(self, commits: Iterable[str]) -> set[str]:
        """Those of the commits that HEAD's history holds."""
        asked = sorted(set(commits))
        listed = _git(self.root, "cat-file", "--batch-check", stdin="\n".join(asked).encode()).decode().split("\n")
        fields = [line.split() for line in listed]  # id, type and size; of what is unknown "missing" is the last one
        known = [each[0] for each in fields if len(each) == 3 and each[1] == "commit" and each[2].isdigit()]
        if not known or self.head() is None:
            return set()
        revisions = "\n".join([*known, "^HEAD"]).encode()
        return set(known) - set(_git(self.root, "rev-list", "--stdin", stdin=revisions).decode().split())

    def ever_held(self, blobs: set[str], paths: Sequence[str]) -> set[str]:
        """Those of the blobs that the last commits of HEAD's history had at one of the paths."""
        if not blobs or self.head() is None:
            return set()
        limits = ("--", *dict.fromkeys(paths)) if len(set(paths)) <= _MOST_PATHS else ()
        command = (
            "log",
            f"--max-count={_LONGEST_HISTORY}",
            "--format=",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "HEAD",
        )
        raw = _git(self.root, "--literal-pathspecs", *command, *limits).decode("utf-8", "surrogateescape")
        return {blob for line in raw.split("\n") if line.startswith(":") for blob in line.split()[2:4]} & blobs

    def _entries(self) -> dict[str, tuple[str, str]]:
        """Mode and blob by path, as the index has them."""
        stat = _stat(self._index)
        if self._indexed is None or self._indexed[0] != stat:
            entries: dict[str, tuple[str, str]] = {}
            for line in _git(self.root, "ls-files", "--stage", "-z").decode("utf-8", "surrogateescape").split("\0"):
                if line:
                    about, path = line.split("\t", 1)
                    mode, blob, _ = about.split(" ")
                    entries[path] = mode, blob
            self._indexed = stat, entries
        return self._indexed[1]

    def _differing(self) -> list[tuple[str, bool]]:
        """Paths whose files are not as in the index, and whether they are gone."""
        raw = _git(self.root, "diff-files", "--raw", "-z", "--no-renames", "--ignore-submodules=dirty")
        fields = raw.decode("utf-8", "surrogateescape").split("\0")
        return [(path, about.endswith("D")) for about, path in zip(fields[::2], fields[1::2], strict=False)]

    def _submodule_commit(self, path: str) -> str | None:
        status, output, _ = _run(self.root / path, "rev-parse", "--verify", "--quiet", "HEAD")
        return output.decode().strip() if status == 0 else None


def _stat(path: Path) -> FileStat | None:
    """None where there is no file and no link."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not (os.path.isfile(path) or os.path.islink(path)):
        return None
    return FileStat(found.st_size, found.st_ctime_ns, found.st_mtime_ns, found.st_ino)


def _places(directory: Path, *questions: str) -> list[str]:
    """What `git rev-parse` answers, line by line."""
    return _git(directory, "rev-parse", *questions).decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")


def _quoted(path: str) -> str:
    """A path as git reads it in a list of lines, whatever its name holds."""
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        path = path.replace(character, escaped)
    return f'"{path}"'


def _git(directory: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    status, output, errors = _run(directory, *arguments, stdin=stdin)
    if status:
        lines = errors.decode("utf-8", "replace").strip().splitlines()
        raise TreeError(
            f"Git does not answer for {str(directory)!r}: {lines[0] if lines else f'`git {arguments[0]}` failed'}"
        )
    return output


def _run(directory: Path, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    # What a hook or an alias sets for its own repository would point git at the wrong one.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept |= {name: os.environ[name] for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM") if name in os.environ}
    kept |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(["git", *arguments], cwd=directory, input=stdin, capture_output=True, env=kept)
    except FileNotFoundError:
        is_gone = not directory.is_dir()
        raise TreeError(f"{str(directory)!r} is gone." if is_gone else "git was not found; install it.") from None
    except OSError as error:
        raise TreeError(f"git cannot be started in {str(directory)!r}: {error.strerror}.") from error
    return done.returncode, done.stdout, done.stderr
