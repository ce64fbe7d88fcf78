"""One training at a time in a home. The kernel lets go when a trainer ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from memory.errors import StoreError, UserError
from memory.home import MemoryHome


class TrainerBusy(UserError):
    """Another process is training."""


@contextmanager
def training_lock(home: MemoryHome) -> Iterator[None]:
    """Held while the block runs; TrainerBusy where another process has it."""
    try:
        file = os.open(home.training, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{str(home.training)!r} cannot be used: {error.strerror}.") from error
    try:
        if not _taken(file):
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise TrainerBusy(
                f"Another training of this repository is under way (process {holder}): wait for it, or end it."
            )
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def is_training(home: MemoryHome) -> bool:
    """Whether a process holds the lock."""
    try:
        file = os.open(home.training, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{str(home.training)!r} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _taken(file: int) -> bool:
    # Who only asks whether somebody is training has the lock for an instant too.
    for _ in range(10):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False
