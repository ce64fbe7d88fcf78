"""A lock of one process at a time, on a file of its own. The kernel lets go when its holder ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memory.errors import StoreError

_TICK = 0.01


class Locked(Exception):
    """Another process has the lock."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"process {holder}")
        self.holder = holder
        """Its process id, as it wrote it."""


@contextmanager
def locked(path: Path, seconds: float = 0.5) -> Iterator[None]:
    """Hold the lock while the block runs; Locked where another process does for so many seconds.

    Never with zero seconds: who only asks with `is_locked` has it for an instant too.
    """
    with _opened(path, os.O_RDWR | os.O_CREAT) as file:
        try:
            wait_for_lock(file, seconds)
        except BlockingIOError:
            raise Locked(os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown") from None
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise _unusable(path, error) from error
        yield


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock."""
    if not path.exists():
        return False
    with _opened(path, os.O_RDONLY) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        file = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        yield file
    finally:
        os.close(file)


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"The lock {str(path)!r} cannot be used: {error.strerror}.")


def wait_for_lock(file: int, seconds: float) -> None:
    """Take the lock of an open file, which is let go when it is closed; BlockingIOError where it stays another's."""
    end = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(_TICK)
