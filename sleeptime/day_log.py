"""Reads the daemon's log: its last lines, and those that are still to come."""

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_TICK = 0.3


def last_lines(log: Path, most: int) -> list[str]:
    """None where there is no log."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, most)]
    except FileNotFoundError:
        return []


def followed(log: Path) -> Iterator[str]:
    """The lines that are written from now on, for ever, also over midnight when the log is begun anew."""
    position, inode = (found.st_size, found.st_ino) if (found := _stat(log)) else (0, 0)
    while True:
        if (found := _stat(log)) and found.st_ino != inode:
            position, inode = 0, found.st_ino
        if found and found.st_size > position:
            with log.open("rb") as file:
                file.seek(position)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                position += len(whole) + 1
                yield from whole.decode("utf-8", "replace").split("\n")
        time.sleep(_TICK)


def _stat(log: Path) -> os.stat_result | None:
    try:
        return log.stat()
    except FileNotFoundError:
        return None
