"""The server that `sleepwright serve` has under way for a home: its address and key, for those who use it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from memory.errors import StoreError, UserError
from memory.file_lock import Locked, is_locked, locked
from memory.home import MemoryHome
from memory.records import Record, now


class Serving(Record):
    """A server under way, started by the process `pid`."""

    schema_version: Literal[1] = 1
    pid: int
    state: Literal["starting", "ready", "paused"]
    """paused: stopped while somebody trains, and started again afterwards."""
    url: str
    """With /v1 at its end."""
    key: str
    base: str
    """The base model as adapters name it."""
    model: str
    """The base model's name at the server."""
    at: datetime = Field(default_factory=now)


class Announcement:
    """What the process that serves says about its server; `announcing` makes one."""

    def __init__(self, home: MemoryHome) -> None:
        self._path = home.serving

    def say(self, serving: Serving) -> None:
        """For its user alone: there is a key in it."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
                file.write(serving.model_dump_json() + "\n")
            new.replace(self._path)
        except OSError as error:
            raise StoreError(f"{str(self._path)!r} cannot be written: {error.strerror}.") from error


@contextmanager
def announcing(home: MemoryHome) -> Iterator[Announcement]:
    """Be the one who serves for a home while the block runs; UserError where another process does."""
    with ExitStack() as holding:
        try:
            holding.enter_context(locked(_lock_of(home)))
        except Locked as busy:
            raise UserError(f"`sleepwright serve` is running for this repository already ({busy}).") from None
        home.serving.unlink(missing_ok=True)
        holding.callback(home.serving.unlink, missing_ok=True)
        yield Announcement(home)


def read_serving(home: MemoryHome) -> Serving | None:
    """What is served for a home now; None where nothing is, whatever a killed server has left."""
    try:
        return Serving.model_validate_json(home.serving.read_bytes()) if is_locked(_lock_of(home)) else None
    except (OSError, ValidationError):
        return None


def _lock_of(home: MemoryHome) -> Path:
    return home.serving.with_name(home.serving.name + ".lock")
