"""One durable SQLite file: safe for several processes and against `kill -9`, and never mistaken for an empty one.

The file is made under another name and moved into place whole, so that whatever lies at its path later without being
this database is damage, not a beginning. Every failure is one sentence with a way back.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from memory.errors import StoreError

_BUSY_SECONDS = 10.0  # a write takes milliseconds; who waits longer meets a stuck process


@dataclass(frozen=True)
class Layout:
    """What kind of database a file is."""

    called: str
    """As a user knows it, with its article: "experience log"."""
    application_id: int
    schema: int
    """Of the tables and the records in them; raised with every change that an older program could not read."""
    tables: str
    """SQL that makes them, for a new file."""
    migrations: Mapping[int, str] = field(default_factory=dict)
    """SQL that takes a file from the schema that is the key to the next one."""
    way_back: str = ""
    """What else a user can do about a damaged file, as the beginning of a sentence with "or" after it."""
    mark: str = ""
    """Suffix of an empty file that stays beside it, so that a file that was lost is not begun anew in silence."""


class Database:
    """Opened on first use; every method may raise StoreError. For one thread at a time."""

    def __init__(self, path: Path, layout: Layout, rests: tuple[Path, ...] = ()) -> None:
        """`rests` are paths that only exist once the file did: where one is left without it, the file was lost."""
        self.path = path
        self._layout = layout
        self._mark = _beside(path, layout.mark) if layout.mark else None
        self._rests = (*rests, *([self._mark] if self._mark else []))
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """The connection; what SQLite raises inside becomes one sentence with a way back."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            yield self._connection
        except sqlite3.IntegrityError as error:
            raise StoreError(f"{self._named} refuses the record: {error}.") from error
        except sqlite3.OperationalError as error:
            raise StoreError(self._unusable(error)) from error
        except sqlite3.DatabaseError as error:
            raise self.damage(str(error)) from error
        except OSError as error:
            raise StoreError(f"{self._named} cannot be made: {error.strerror}.") from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction, the only one of all processes: durable when the block ends, undone when it raises."""
        with self.open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def damage(self, reason: str) -> StoreError:
        """The error for a file, or a record in it, that cannot be read."""
        beside = [f"{self.path.name}-wal", f"{self.path.name}-shm", *(rest.name for rest in self._rests)]
        files = ", ".join(map(repr, beside[:-1])) + f" and {beside[-1]!r}"
        return StoreError(
            f"{self._named} is damaged ({reason}): {self._layout.way_back}put a backup in its place, or move it and, "
            f"where they are, {files} beside it away to begin a new one."
        )

    def check_schema(self, schema: int) -> None:
        """StoreError where a record was written by a newer program."""
        if schema > self._layout.schema:
            raise StoreError(f"{self._named} was written by a newer sleepwright: update sleepwright to use it.")

    @property
    def _named(self) -> str:
        return f"The {self._layout.called} {str(self.path)!r}"

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            self._create()
        if self._mark and not self._mark.exists():
            self._mark.touch(mode=0o600)
        # Only what is there: a plain path would make an empty database of a file that has just been moved away.
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            if application_id != self._layout.application_id:
                article = "an" if self._layout.called[0] in "aeiou" else "a"
                raise self.damage(f"it is not {article} {self._layout.called}")
            # An acknowledged write survives a power cut too.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring an older file to this schema, step by step in one transaction; a copy of it is kept beside."""
        if _schema(connection) == self._layout.schema:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            found = _schema(connection)  # another process may have been faster
            self.check_schema(found)
            if found < self._layout.schema:
                self._keep_copy(found)
            for step in range(found, self._layout.schema):
                for statement in _statements(self._layout.migrations[step]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {step + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _keep_copy(self, schema: int) -> None:
        copy = _beside(self.path, f".schema-{schema}")
        copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)

    def _create(self) -> None:
        """Make the file under another name and move it into place; only one process at a time."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if self.path.exists():
                return
            # SQLite would take the journal of a lost database for the new one's.
            if _beside(self.path, "-wal").exists():
                raise self.damage("the file is gone and its journal is still there")
            for rest in self._rests:
                if rest.exists():
                    raise self.damage(f"the file is gone and {rest.name!r}, made with it, is still there")
            self._create_here(_beside(self.path, ".new"))
            os.fsync(folder)
        finally:
            os.close(folder)

    def _create_here(self, new: Path) -> None:
        for leftover in (new, _beside(new, "-wal"), _beside(new, "-shm")):
            leftover.unlink(missing_ok=True)
        layout = self._layout
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN; {layout.tables} PRAGMA application_id = {layout.application_id};"
                f"PRAGMA user_version = {layout.schema}; COMMIT;"
            )
        os.replace(new, self.path)

    def _unusable(self, error: sqlite3.OperationalError) -> str:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            reason = f"another process has held it locked for {_BUSY_SECONDS:g} s; try again when that has finished"
        else:
            reason = f"{error}; check that its folder exists, is writable and has space left"
        return f"{self._named} cannot be used: {reason}."


def _schema(connection: sqlite3.Connection) -> int:
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    return int(schema)


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
