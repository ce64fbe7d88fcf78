"""An SQLite file of what could be made again at any time: never an error, only slower.

Safe for several processes. Where the file is damaged or of another version it is made anew, where it cannot be used at
all its content is kept in memory.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

_log = logging.getLogger(__name__)
_BUSY_SECONDS = 10.0
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # the last: it has not our table

T = TypeVar("T")


class CacheFile:
    """One table of rows by key. Opened on first use; raises nothing of SQLite's."""

    def __init__(self, path: Path, table: str, columns: str, schema: int, most: int) -> None:
        """`columns` after the key, as SQL has them; `schema` is raised with every change of them or of what they hold.

        Of more rows than `most` the oldest are forgotten.
        """
        self.path = path
        self._table = table
        self._columns = f"key TEXT PRIMARY KEY, {columns}"
        self._schema = schema
        self._most = most
        self._connection: sqlite3.Connection | None = None

    def load(self, keys: Iterable[str], columns: str) -> list[tuple[Any, ...]]:
        """Key and columns of the rows that there are; one query."""
        wanted = json.dumps(list(keys))
        query = f"SELECT key, {columns} FROM {self._table} WHERE key IN (SELECT value FROM json_each(?))"
        return self._use(lambda connection: connection.execute(query, (wanted,)).fetchall())

    def store(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep whole rows, the key first."""
        marks = ", ".join("?" * (1 + self._columns.count(",")))
        oldest = f"DELETE FROM {self._table} WHERE rowid <= (SELECT max(rowid) FROM {self._table}) - ?"

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(f"INSERT OR REPLACE INTO {self._table} VALUES ({marks})", rows)
                connection.execute(oldest, (self._most,))

        self._use(write)

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _use(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """Run the step; where the file is damaged, on a new one; where it cannot be used, in memory."""
        make = self._connect
        for _ in range(2):
            try:
                self._connection = self._connection or make()
                return step(self._connection)
            except (sqlite3.Error, OSError) as error:
                _log.warning("the cache %s: %s", self.path, error)
                self.close()
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                    break
                make = self._connect_anew
        self._connection = self._prepare(sqlite3.connect(":memory:", isolation_level=None))
        return step(self._connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            return self._prepare(connection)
        except BaseException:
            connection.close()
            raise

    def _connect_anew(self) -> sqlite3.Connection:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        return self._connect()

    def _prepare(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Make the table, anew where it is of another version; one process at a time."""
        if connection.execute("PRAGMA user_version").fetchone() != (self._schema,):
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone() != (self._schema,):
                connection.execute(f"DROP TABLE IF EXISTS {self._table}")
                connection.execute(f"CREATE TABLE {self._table} ({self._columns}) STRICT")
                connection.execute(f"PRAGMA user_version = {self._schema}")
            connection.execute("COMMIT")
        return connection
