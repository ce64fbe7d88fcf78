"""The folder of the embedded vector index: one owner process at a time, found damage, repair, and a graph on disk.

Chroma is neither safe for several processes nor against `kill -9` while it rewrites its files, and damage can end the
process that opens it. So: whoever opens the folder holds its lock for life; a mark lies beside it while it is open, and
where the mark is found, another process looks first; a damaged folder is moved aside and filled again from the record;
and the one step that rewrites files is done to a copy, which then takes the folder's place.
"""

import fcntl
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory.errors import StoreError

_log = logging.getLogger(__name__)
_SECONDS = 600.0  # for the other process; a graph of 50,000 notes takes about one minute


class IndexFailure(Exception):
    """The index cannot be used; the record can. Never shown to a user by itself: a search goes on without vectors."""


class IndexFolder:
    """`path` is Chroma's; what belongs to it lies beside it. Only of use to the holder of the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open_mark = _beside(path, ".open")
        self._old = _beside(path, ".old")
        self._new = _beside(path, ".new")

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether this process owns the folder until the block ends; False where another one does."""
        try:
            lock = os.open(_beside(self.path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"The index {str(self.path)!r} cannot be locked: {error.strerror}.") from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    def make_ready(self) -> None:
        """Finish what a killed owner left, put damage aside, and mark the folder as open."""
        if self._old.exists() and not self.path.exists():
            os.replace(self._old, self.path)  # killed in the middle of a swap
        for leftover in (self._old, self._new):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.path.exists() and (self._open_mark.exists() or self._looks_torn()) and not _is_whole(self.path):
            self.put_aside()
        self.path.mkdir(mode=0o700, exist_ok=True)
        self._open_mark.touch(mode=0o600)

    def put_aside(self) -> None:
        """Make room for a new index; the damaged one is kept until the next one is damaged."""
        _log.warning("the index %s is damaged and is made again from the record", self.path)
        damaged = _beside(self.path, ".damaged")
        shutil.rmtree(damaged, ignore_errors=True)
        if self.path.exists():
            os.replace(self.path, damaged)
        self.path.mkdir(mode=0o700)

    def mark_closed(self) -> None:
        self._open_mark.unlink(missing_ok=True)

    def persist(self) -> None:
        """Have another process write the vectors' graph of a copy, and swap it in. The folder must not be open."""
        shutil.rmtree(self._new, ignore_errors=True)
        shutil.copytree(self.path, self._new)
        if not _run("persist", self._new) or not _is_whole(self._new):
            shutil.rmtree(self._new, ignore_errors=True)
            return  # the folder is as good as before, only slower to open
        os.replace(self.path, self._old)
        os.replace(self._new, self.path)
        shutil.rmtree(self._old, ignore_errors=True)

    def _looks_torn(self) -> bool:
        """A half-written graph names links far beyond its vectors."""
        return any(
            not vectors.exists() or links.stat().st_size > 10 * vectors.stat().st_size
            for links in self.path.glob("*/link_lists.bin")
            for vectors in [links.with_name("data_level0.bin")]
        )


def _is_whole(path: Path) -> bool:
    return _run("probe", path)


def _run(function: str, path: Path) -> bool:
    """One of notes.py's functions in a process of its own, which it may end by a segmentation fault."""
    code = f"import sys, pathlib; from memory.notes import {function}; {function}(pathlib.Path(sys.argv[1]))"
    # -P: the current directory may hold a folder called `memory`.
    command = [sys.executable, "-P", "-c", code, str(path)]
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
