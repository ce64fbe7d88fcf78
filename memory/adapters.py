"""The adapters of a home as everybody but their registry sees them: which there are, which is active, who is using one.

`adapters/` holds a folder for each and `history.jsonl`, whose last word on a base model is what is active for it: one
appended line is the switch, so that there is no pointer that a crash could leave behind. ttrl_adapter/registry.py is
the only one who writes here.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from memory.errors import StoreError
from memory.home import MemoryHome
from memory.journal import read_journal
from memory.records import Adapter, Record, now

RECORD = "adapter.json"
_ID = re.compile(r"v\d{4,}")


class AdapterEvent(Record):
    """One change to the adapters of a home. Appended, never changed."""

    schema_version: Literal[1] = 1
    action: Literal["published", "promoted", "rolled-back", "removed"]
    adapter: str
    """Of a roll-back, the one that was active before it."""
    base: str
    """The base model's name: for each there is one active adapter."""
    active: str | None = None
    """What is active for the base model since; None for the base model itself."""
    at: datetime = Field(default_factory=now)


@dataclass(frozen=True)
class Stored:
    """An adapter in its folder."""

    folder: Path
    record: Adapter

    @property
    def served_name(self) -> str:
        """Its name at a server, which may have adapters of other homes: never given to another adapter."""
        return f"{self.folder.parent.parent.name}-{self.record.id}"


def history(home: MemoryHome) -> list[AdapterEvent]:
    """All events, the oldest first; StoreError where one cannot be read."""
    path = history_file(home)
    try:
        return [AdapterEvent.model_validate(entry) for entry in read_journal(path)]
    except ValidationError as error:
        raise StoreError(
            f"The history of adapters {str(path)!r} is damaged, or of a newer sleepwright: update sleepwright, or move "
            f"the file away, after which no adapter is active. {error.errors()[0]['msg']}."
        ) from None


def history_file(home: MemoryHome) -> Path:
    return home.adapters / "history.jsonl"


def active_ids(events: Sequence[AdapterEvent]) -> dict[str, str]:
    """For each base model that has one, its active adapter."""
    found: dict[str, str] = {}
    for event in events:
        if event.action in ("promoted", "rolled-back"):
            found.pop(event.base, None)
            if event.active:
                found[event.base] = event.active
    return found


def read_adapter(home: MemoryHome, id: str) -> Stored:
    """The adapter of this id; StoreError where there is none, or its record cannot be read."""
    folder = home.adapters / id
    if not _ID.fullmatch(id) or not folder.is_dir():
        raise StoreError(f"There is no adapter {id!r}: `sleepwright adapters list` names them.")
    try:
        record = Adapter.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        raise StoreError(f"The adapter in {str(folder)!r} is damaged: its {RECORD} cannot be read: {error}") from None
    if record.id != id:
        raise StoreError(f"The adapter in {str(folder)!r} is damaged: its {RECORD} is of {record.id!r}.")
    return Stored(folder, record)


def active_adapter(home: MemoryHome, base: str) -> Stored | None:
    """What is active for a base model, None for the base model itself; StoreError where that cannot be found out."""
    id = active_ids(history(home)).get(base)
    return read_adapter(home, id) if id else None


@contextmanager
def hold_active(home: MemoryHome) -> Iterator[list[Stored]]:
    """What is active for any base model. Servers keep these loaded until the block ends, even if they are replaced."""
    while True:
        with ExitStack() as holding:
            events = history(home)
            found = [read_adapter(home, id) for id in active_ids(events).values()]
            for stored in found:
                holding.enter_context(_held(stored, fcntl.LOCK_SH))
            if active_ids(history(home)) == active_ids(events):
                yield found
                return


@contextmanager
def unused(stored: Stored) -> Iterator[bool]:
    """Whether nobody holds an adapter; if so, nobody can until the block ends."""
    with ExitStack() as holding:
        is_unused = False
        with suppress(BlockingIOError):
            holding.enter_context(_held(stored, fcntl.LOCK_EX | fcntl.LOCK_NB))
            is_unused = True
        yield is_unused


@contextmanager
def _held(stored: Stored, lock: int) -> Iterator[None]:
    try:
        file = os.open(stored.folder / RECORD, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"The adapter in {str(stored.folder)!r} cannot be used: {error.strerror}.") from error
    try:
        fcntl.flock(file, lock)
        yield
    finally:
        os.close(file)
