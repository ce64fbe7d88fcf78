"""The durable queue of what is to be thought about, in SQLite in the memory home: best first, each item once.

waiting   to be worked on
leased    worked on by the sleep run that holds the lease; where that died, it waits again
finished  never worked on again, but where what came of it was given up
failed    waits again in the next run, at most MOST_FAILURES times
gone      not in the tree at present; waits again when it is there again

One process sleeps in a home at a time (`only_sleeper`): whoever holds that lock knows that every other lease is of
the dead. Notes are stored before their item is finished, under ids that follow from the item (note_keeping.py), so
that a kill in between neither loses nor doubles anything.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from sqlite3 import Connection
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from memory.database import Database, Layout
from memory.errors import UserError
from memory.file_lock import Locked, locked
from memory.home import MemoryHome
from memory.records import Record
from sleeptime.records import Item, SleepRun

SCHEMA = 1
MOST_FAILURES = 3
"""An item that failed as often is left alone until its inputs change."""
_MOST_CUTS = 3
"""An item during which the process died as often goes to the end: it may be the reason."""

R = TypeVar("R", bound=Record)

_TABLES = """
CREATE TABLE items (
    key TEXT PRIMARY KEY, pass TEXT NOT NULL, about TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'leased', 'finished', 'failed', 'gone')),
    worth REAL NOT NULL, tokens INTEGER NOT NULL, queued_at INTEGER NOT NULL,
    run TEXT, cuts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0, problem TEXT,
    schema INTEGER NOT NULL, record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX items_of ON items (pass, state);
CREATE INDEX items_about ON items (pass, about);
CREATE TABLE made (note TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES items (key)) STRICT, WITHOUT ROWID;
CREATE INDEX made_by ON made (key);
CREATE TABLE runs (id TEXT PRIMARY KEY, schema INTEGER NOT NULL, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_LAYOUT = Layout(called="queue of sleep", application_id=0x536C7051, schema=SCHEMA, tables=_TABLES)  # "SlpQ"


class Sleeping(UserError):
    """Another process sleeps in this memory home."""


class Leased(NamedTuple):
    """An item that this run works on."""

    item: Item
    queued_at: int
    """Milliseconds since 1970; of this time that it was queued."""
    was_cut: bool
    """Whether an earlier run died while it worked on it."""


class Done(NamedTuple):
    """An item that was worked on, and the notes that it has."""

    item: Item
    notes: tuple[str, ...]


@contextmanager
def only_sleeper(home: MemoryHome) -> Iterator[None]:
    """Held while this process sleeps, until it ends however it ends; Sleeping where another does."""
    with ExitStack() as holding:
        try:
            holding.enter_context(locked(home.sleeper))
        except Locked:
            raise Sleeping(
                f"Another process sleeps on this repository already: wait for it, or stop it with "
                f"`sleepwright daemon stop` ({str(home.sleeper)!r} is locked)."
            ) from None
        yield


class WorkQueue:
    """Opened on first use and closed by the context manager; for one thread. Methods may raise StoreError.

    What changes items is for the only sleeper; everybody may read.
    """

    def __init__(self, home: MemoryHome) -> None:
        self._database = Database(home.sleep, _LAYOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def begin(self, run: SleepRun) -> None:
        """Write down that the run has begun; what dead runs left under way, and what has failed, waits again."""
        with self._database.write() as connection:
            _write_run(connection, run)
            connection.execute("UPDATE items SET state = 'waiting', cuts = cuts + 1, run = NULL WHERE state = 'leased'")
            connection.execute(
                "UPDATE items SET state = 'waiting' WHERE state = 'failed' AND failures < ?", (MOST_FAILURES,)
            )

    def update(self, run: SleepRun) -> None:
        """What the run has come to so far, or in the end."""
        with self._database.write() as connection:
            _write_run(connection, run)

    def offer(self, pass_name: str, items: Iterable[Item]) -> None:
        """All that a pass would think about now; what it no longer would is gone."""
        at = time.time_ns() // 1_000_000
        with self._database.write() as connection:
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS offered (key TEXT PRIMARY KEY) WITHOUT ROWID")
            connection.execute("DELETE FROM offered")
            rows = connection.execute("SELECT key FROM items WHERE pass = ? AND state = 'finished'", (pass_name,))
            finished = {key for (key,) in rows}
            # Most are: writing those down again would be most of what a sleep does that finds little new.
            for item in (item for item in items if item.key not in finished):
                connection.execute("INSERT OR IGNORE INTO offered VALUES (?)", (item.key,))
                values = (item.key, pass_name, _text(item.about), item.worth, item.estimated_tokens, at, SCHEMA)
                connection.execute(
                    "INSERT INTO items (key, pass, about, state, worth, tokens, queued_at, schema, record)"
                    " VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = 'waiting',"
                    " queued_at = iif(state = 'gone', excluded.queued_at, queued_at), worth = excluded.worth,"
                    " tokens = excluded.tokens, schema = excluded.schema, record = excluded.record"
                    " WHERE state IN ('waiting', 'gone')",
                    (*values, _written(item)),
                )
            connection.execute(
                "UPDATE items SET state = 'gone' WHERE pass = ? AND state IN ('waiting', 'failed')"
                " AND key NOT IN (SELECT key FROM offered)",
                (pass_name,),
            )

    def take(self, run: str, passes: Sequence[str], most: int, most_tokens: int) -> list[Leased]:
        """Lease the best item of these passes; where it takes no time, with up to `most` of the next best like it.

        Only what fits into `most_tokens`. Empty where nothing is left.
        """
        marks = ", ".join("?" * len(passes))
        with self._database.write() as connection:
            rows = connection.execute(
                f"SELECT schema, record, queued_at, cuts FROM items WHERE state = 'waiting' AND pass IN ({marks})"
                " AND tokens <= ? ORDER BY cuts >= ?, worth DESC, queued_at, key LIMIT ?",
                (*passes, most_tokens, _MOST_CUTS, most),
            ).fetchall()
            found = [Leased(self._item(schema, text), at, cuts > 0) for schema, text, at, cuts in rows]
            alike = next((i for i, each in enumerate(found) if not _is_alike(each.item, found[0].item)), len(found))
            leased = found[: max(1, alike)]
            connection.executemany(
                "UPDATE items SET state = 'leased', run = ? WHERE key = ?", [(run, each.item.key) for each in leased]
            )
        return leased

    def finish(self, done: Sequence[Done], given_up: Sequence[str] = ()) -> None:
        """These items are thought out. Those that made the notes `given_up` wait again, should they be offered."""
        with self._database.write() as connection:
            for item, notes in done:
                connection.execute("UPDATE items SET state = 'finished', problem = NULL WHERE key = ?", (item.key,))
                connection.executemany(
                    "INSERT OR REPLACE INTO made (note, key) VALUES (?, ?)", [(note, item.key) for note in notes]
                )
            for note in given_up:
                connection.execute(
                    "UPDATE items SET state = 'gone' WHERE state = 'finished'"
                    " AND key = (SELECT key FROM made WHERE note = ?)",
                    (note,),
                )

    def fail(self, item: Item, problem: str) -> None:
        """It could not be worked on, for this reason."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE items SET state = 'failed', failures = failures + 1, problem = ? WHERE key = ?",
                (_text(problem), item.key),
            )

    def release(self, run: str) -> None:
        """Whatever this run still holds waits again, as if it had not been taken."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE items SET state = 'waiting', run = NULL WHERE state = 'leased' AND run = ?", (run,)
            )

    def made_about(self, pass_name: str, about: str) -> list[Done]:
        """The items of a pass about the same thing, by when they were queued, the newest first, with their notes."""
        with self._database.open() as connection:
            rows = connection.execute(
                "SELECT items.schema, items.record, group_concat(note, ' ') FROM items JOIN made USING (key)"
                " WHERE pass = ? AND about = ? GROUP BY key ORDER BY queued_at DESC, key",
                (pass_name, _text(about)),
            ).fetchall()
            return [Done(self._item(schema, text), tuple(notes.split())) for schema, text, notes in rows]

    def makers(self, notes: Sequence[str]) -> dict[str, str]:
        """The name of the pass that made each of these notes, where sleep made it."""
        with self._database.open() as connection:
            query = "SELECT pass FROM made JOIN items USING (key) WHERE note = ?"
            found = {note: connection.execute(query, (note,)).fetchone() for note in notes}
            return {note: row[0] for note, row in found.items() if row}

    def counts(self) -> dict[str, dict[str, int]]:
        """How many items of each pass are in each state."""
        with self._database.open() as connection:
            found: dict[str, dict[str, int]] = {}
            for name, state, count in connection.execute(
                "SELECT pass, state, count(*) FROM items GROUP BY pass, state ORDER BY pass, state"
            ):
                found.setdefault(name, {})[state] = count
            return found

    def unfinished(self, items: Sequence[Item]) -> list[Item]:
        """Those of the items that have not been thought out."""
        with self._database.open() as connection:
            rows = connection.execute("SELECT key FROM items WHERE state = 'finished'").fetchall()
        finished = {key for (key,) in rows}
        return [item for item in items if item.key not in finished]

    def failed(self) -> list[tuple[Item, str]]:
        """The items that have failed and why."""
        with self._database.open() as connection:
            rows = connection.execute("SELECT schema, record, problem FROM items WHERE state = 'failed' ORDER BY key")
            return [(self._item(schema, text), problem) for schema, text, problem in rows]

    def runs(self, limit: int) -> list[SleepRun]:
        """The newest first."""
        with self._database.open() as connection:
            rows = connection.execute("SELECT schema, record FROM runs ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
            return [self._read(SleepRun, *row) for row in rows]

    def _item(self, schema: int, text: str) -> Item:
        return self._read(Item, schema, text)

    def _read(self, kind: type[R], schema: int, text: str) -> R:
        self._database.check_schema(schema)
        try:
            return kind.model_validate(json.loads(text))
        except ValueError as error:
            raise self._database.damage("a record in it is unreadable") from error


def _text(words: str) -> str:
    """SQLite takes no lone surrogates."""
    return words.encode("utf-8", "backslashreplace").decode()


def _written(record: Record) -> str:
    # Lone surrogates, of paths that are not UTF-8, survive as escapes; pydantic's own JSON refuses them.
    return json.dumps(record.model_dump(mode="json"))


def _write_run(connection: Connection, run: SleepRun) -> None:
    connection.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (run.id, SCHEMA, _written(run)))


def _is_alike(item: Item, first: Item) -> bool:
    """Whether it can be worked on together with the first."""
    return item.pass_name == first.pass_name and not (item.estimated_tokens or item.estimated_seconds)
