"""The experience log of one repository: append-only, in SQLite, safe for several processes and against `kill -9`.

A row is the JSON of a record with its schema version and time. A log that cannot be read is an error with a way back,
never an empty log: the file is made under another name and moved into place whole, so that whatever lies at its path
later without being a log is damage, not a beginning.
"""

import fcntl
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from memory.errors import StoreError, UserError
from memory.records import Experience, Outcome, Record

SCHEMA = 1
"""Of the tables and the records in them; raised with every change that an older program could not read."""

_APPLICATION_ID = 0x536C7077  # "Slpw", in the file's header
_BUSY_SECONDS = 10.0  # an append takes milliseconds; who waits longer meets a stuck process
_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32 sorts as its numbers do, without i l o u

R = TypeVar("R", bound=Record)

# The triggers make "append-only" a fact of the file instead of a promise of this module.
_TABLES = f"""
CREATE TABLE experiences (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    schema INTEGER NOT NULL, created_at TEXT NOT NULL, record TEXT NOT NULL
) STRICT;
CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL REFERENCES experiences (id),
    schema INTEGER NOT NULL, created_at TEXT NOT NULL, record TEXT NOT NULL
) STRICT;
CREATE INDEX outcomes_of ON outcomes (id, seq);
CREATE TRIGGER experiences_stay BEFORE UPDATE ON experiences BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER experiences_last BEFORE DELETE ON experiences BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER outcomes_last BEFORE DELETE ON outcomes BEGIN SELECT raise(ABORT, 'append-only'); END;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA};
"""


def new_id() -> str:
    """15 characters: 9 of the time in milliseconds, so that ids sort by age, and 6 of chance."""
    return _base32(time.time_ns() // 1_000_000, 9) + _base32(secrets.randbits(30), 6)


class ExperienceLog:
    """Opened on first use and closed by the context manager. Every method may raise StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def append(self, experience: Experience) -> None:
        """Durable when this returns."""
        self._insert("experiences", experience.id, experience, experience.created_at.isoformat())

    def add_outcome(self, outcome: Outcome) -> None:
        """Durable when this returns; the experience must be in the log."""
        self._insert("outcomes", outcome.experience_id, outcome, outcome.created_at.isoformat())

    def get(self, id_or_prefix: str) -> Experience:
        """The experience of this id, or the only one whose id begins so; UserError where there is none or several."""
        wanted = id_or_prefix.strip().lower()
        where = "WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 2"
        found = self._experiences(where, (len(wanted), wanted)) if wanted and wanted.isalnum() else []
        if not found:
            raise UserError(f"No experience has the id {id_or_prefix!r}: `sleepwright log` lists them.")
        if len(found) > 1 and found[0].id != wanted:
            raise UserError(f"Several experiences have ids that begin with {id_or_prefix!r}: give more of it.")
        return found[0]

    def latest(self, limit: int) -> list[Experience]:
        """Newest first."""
        return self._experiences("ORDER BY seq DESC LIMIT ?", (limit,))

    def outcomes(self, experience_id: str) -> list[Outcome]:
        """Oldest first."""
        rows = self._select("SELECT id, schema, record FROM outcomes WHERE id = ? ORDER BY seq", (experience_id,))
        return [self._read(row, Outcome) for row in rows]

    def last_applied(self, repo: str | None = None) -> Experience | None:
        """The experience applied last, to the work tree `repo` if given, and not undone since."""
        latest_outcomes = "SELECT id, max(seq) AS seq, json_extract(record, '$.kind') AS kind FROM outcomes GROUP BY id"
        rows = self._select(
            f"SELECT id FROM ({latest_outcomes}) WHERE kind IN ('applied', 'committed') ORDER BY seq DESC"
        )
        for (experience_id,) in rows:
            experience = self.get(experience_id)
            if repo is None or experience.task.repo == repo:
                return experience
        return None

    def _experiences(self, where: str, values: Sequence[str | int]) -> list[Experience]:
        rows = self._select(f"SELECT id, schema, record FROM experiences {where}", values)
        return [self._read(row, Experience) for row in rows]

    def _insert(self, table: str, id: str, record: Record, created_at: str) -> None:
        # Lone surrogates (bytes of a patch that are not UTF-8) survive as \udcxx escapes; pydantic's own JSON
        # refuses them.
        text = json.dumps(record.model_dump(mode="json"))
        with self._open() as connection:
            connection.execute(
                f"INSERT INTO {table} (id, schema, created_at, record) VALUES (?, ?, ?, ?)",
                (id, SCHEMA, created_at, text),
            )

    def _select(self, query: str, values: Sequence[str | int] = ()) -> list[Any]:
        with self._open() as connection:
            return connection.execute(query, values).fetchall()

    def _read(self, row: tuple[str, int, str], kind: type[R]) -> R:
        experience_id, schema, text = row
        if schema > SCHEMA:
            raise StoreError(_newer(self.path))
        try:
            return kind.model_validate(json.loads(text))
        except (ValueError, RecursionError) as error:  # pydantic's ValidationError and JSONDecodeError are ValueErrors
            raise StoreError(_damaged(self.path, f"the record of {experience_id!r} is unreadable")) from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection; what SQLite raises inside becomes one sentence with a way back."""
        try:
            if self._connection is None:
                self._connection = _connect(self.path)
            yield self._connection
        except sqlite3.IntegrityError as error:
            raise StoreError(f"The experience log {str(self.path)!r} refuses the record: {error}.") from error
        except sqlite3.OperationalError as error:
            raise StoreError(_unusable(self.path, error)) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(_damaged(self.path, str(error))) from error
        except OSError as error:
            raise StoreError(f"The experience log {str(self.path)!r} cannot be made: {error.strerror}.") from error


def _connect(path: Path) -> sqlite3.Connection:
    if not path.exists():
        _create(path)
    connection = sqlite3.connect(_uri(path), uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        if application_id != _APPLICATION_ID:
            raise StoreError(_damaged(path, "it is not an experience log"))
        if schema > SCHEMA:
            raise StoreError(_newer(path))
        # An acknowledged append survives a power cut too; once per task, the few milliseconds do not matter.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make the log under another name and move it into place; only one process at a time."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if path.exists():
            return
        # SQLite would take the journal of a lost database for the new one's.
        if _beside(path, "-wal").exists():
            raise StoreError(_damaged(path, "the file is gone and its journal is still there"))
        new = _beside(path, ".new")
        for leftover in (new, _beside(new, "-wal"), _beside(new, "-shm")):
            leftover.unlink(missing_ok=True)
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {_TABLES} COMMIT;")
        finally:
            connection.close()
        os.replace(new, path)
        os.fsync(folder)
    finally:
        os.close(folder)


def _uri(path: Path) -> str:
    """Open only what is there: a plain path would make an empty database of a file that has just been moved away."""
    return f"{path.absolute().as_uri()}?mode=rw"


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _base32(number: int, length: int) -> str:
    return "".join(_ID_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def _damaged(path: Path, reason: str) -> str:
    return (
        f"The experience log {str(path)!r} is damaged ({reason}): put a backup in its place, or move it and the files "
        f"{path.name + '-wal'!r} and {path.name + '-shm'!r} beside it away to begin a new one."
    )


def _newer(path: Path) -> str:
    return f"The experience log {str(path)!r} was written by a newer sleepwright: update sleepwright to use it."


def _unusable(path: Path, error: sqlite3.OperationalError) -> str:
    if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        reason = f"another process has held it locked for {_BUSY_SECONDS:g} s; try again when that has finished"
    else:
        reason = f"{error}; check that its folder exists, is writable and has space left"
    return f"The experience log {str(path)!r} cannot be used: {reason}."
