"""Patches that were tried in vain: what need not be tried again on the same state of a failing test.

Kept by what the outcome of the test hangs on (`FailureState.key`), so that nothing has to be taken back: where a file
or the command has changed the key is another one, and after a revert the old one again. An SQLite file in the memory
home, safe for several processes; deleted, it costs only time.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from memory.database import Database, Layout
from memory.records import FailureState, now

SCHEMA = 1
_MOST_STATES = 2_000

_TABLES = """
CREATE TABLE states (key TEXT PRIMARY KEY, test TEXT NOT NULL, at TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX states_of ON states (test);
CREATE TABLE failures (
    key TEXT NOT NULL REFERENCES states (key) ON DELETE CASCADE, patch TEXT NOT NULL, PRIMARY KEY (key, patch)
) STRICT, WITHOUT ROWID;
"""
_LAYOUT = Layout(called="record of failures", application_id=0x536C7046, schema=SCHEMA, tables=_TABLES)  # "SlpF"


class KnownFailures:
    """Opened on first use and closed by the context manager; for one thread. Methods may raise StoreError."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _LAYOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def tests(self) -> frozenset[str]:
        """The tests of which anything is known, in whatever state; looking makes no file."""
        if not self._database.path.exists():
            return frozenset()
        with self._database.open() as connection:
            return frozenset(test for (test,) in connection.execute("SELECT DISTINCT test FROM states"))

    def of(self, states: Sequence[FailureState]) -> frozenset[str]:
        """The fingerprints of the patches that left one of these tests failing."""
        keys = json.dumps([state.key for state in states])
        with self._database.open() as connection:
            query = "SELECT DISTINCT patch FROM failures WHERE key IN (SELECT value FROM json_each(?))"
            return frozenset(patch for (patch,) in connection.execute(query, (keys,)))

    def keep(self, failed: Mapping[FailureState, Collection[str]]) -> None:
        """Remember the fingerprints of the patches that left a test failing; the oldest states make room."""
        at = now().isoformat()
        with self._database.write() as connection:
            for state, patches in failed.items():
                connection.execute("INSERT OR IGNORE INTO states VALUES (?, ?, ?)", (state.key, state.test, at))
                rows = [(state.key, patch) for patch in patches]
                connection.executemany("INSERT OR IGNORE INTO failures VALUES (?, ?)", rows)
            newest = "SELECT key FROM states ORDER BY at DESC, key LIMIT ?"
            connection.execute(f"DELETE FROM states WHERE key NOT IN ({newest})", (_MOST_STATES,))
