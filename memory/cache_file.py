"""An SQLite file of what could be made again at any time: never an error, only slower.

Safe for several processes. Where the file is damaged or of another version it is made anew, where it cannot be used at
all its content is kept in memory.
"""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

_log = logging.getLogger(__name__)
_BUSY_SECONDS = 10.0
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)  # the last: it has not our table

T = TypeVar("T")


class CacheFile:
    """One table. Opened on first use and closed by the context manager; raises nothing of SQLite's."""

    def __init__(self, path: Path, table: str, columns: str, schema: int) -> None:
        """`columns` as SQL has them; `schema` is raised with every change of them or of what they hold."""
        self.path = path
        self._table = table
        self._columns = columns
        self._schema = schema
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def use(self, step: Callable[[sqlite3.Connection], T]) -> T:
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
