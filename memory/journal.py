"""A file of JSON lines that only grows: whole lines, one writer, safe against `kill -9`.

A last line that was cut is as if it had never been written; it goes before the file is continued.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memory.errors import StoreError
from memory.file_lock import wait_for_lock

_MOMENT = 0.2  # seconds: who only asks whether it is busy has the lock for an instant


class JournalBusy(StoreError):
    """Another process writes to it."""


class Journal:
    """Open for appending, which no other process can do at the same time. A context manager."""

    def __init__(self, path: Path) -> None:
        """Make it, or go on with the one that is there. JournalBusy where somebody else does, else StoreError."""
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            wait_for_lock(self._file, _MOMENT)
            self._cut_torn_line()
        except BlockingIOError:
            os.close(self._file)
            raise JournalBusy(f"Another process writes to {str(path)!r}.") from None
        except OSError as error:
            os.close(self._file)
            raise _unusable(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)

    def clear(self) -> None:
        """Begin again with nothing."""
        try:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
        except OSError as error:
            raise _unusable(self.path, error) from error

    def append(self, entry: Mapping[str, Any]) -> None:
        """Durable when this returns; nothing is left of it when it raises."""
        # ASCII: lone surrogates, which stand for bytes that are not UTF-8, survive as escapes.
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                self._cut_torn_line()
            raise _unusable(self.path, error) from error

    def _cut_torn_line(self) -> None:
        end = os.lseek(self._file, 0, os.SEEK_END)
        position = end
        while position > 0:
            begin = max(0, position - 65536)
            found = os.pread(self._file, position - begin, begin).rfind(b"\n")
            if found >= 0:
                position = begin + found + 1
                break
            position = begin
        if position < end:
            os.ftruncate(self._file, position)
        os.lseek(self._file, 0, os.SEEK_END)


def is_busy(path: Path) -> bool:
    """Whether a process has the journal open for writing."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass  # it is gone
    return False


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of a journal, also while somebody writes to it; none where there is no file."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                yield _entry(path, number, line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from error


def _entry(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
        if isinstance(entry, dict):
            return entry
    except ValueError:
        pass
    raise StoreError(f"Line {number} of {str(path)!r} is damaged: it cannot be read.")


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{str(path)!r} cannot be used: {error.strerror or error}.")
