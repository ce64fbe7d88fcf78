"""What sleep has found out and could find out again: what each commit changed, what each run of the tests showed.

An SQLite file in the memory home, keyed by content, safe for several processes; deleted, it costs only time.
"""

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from memory.database import Database, Layout
from memory.home import MemoryHome
from memory.records import Record, now

SCHEMA = 1

_TABLES = """
CREATE TABLE commits (id TEXT PRIMARY KEY, at INTEGER NOT NULL, paths TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE tests (
    key TEXT PRIMARY KEY, at TEXT NOT NULL, schema INTEGER NOT NULL, record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_LAYOUT = Layout(called="study of the repository", application_id=0x536C7053, schema=SCHEMA, tables=_TABLES)  # "SlpS"
_MOST_REPORTS = 50


class Change(NamedTuple):
    """A commit that is no merge."""

    at: int
    """Seconds since 1970, as its committer's clock had it."""
    paths: tuple[str, ...]
    """What it added, changed or deleted; of a rename, both."""


class SuspectLine(Record):
    """A line that may hold a fault, as agent/localise.py has it."""

    path: str
    line: int
    score: float


class FailingTest(Record):
    """A test that fails on a tree."""

    test: str
    """Its id, as the test runner has it; "" where the run failed and nothing said which test."""
    file: str
    """Its path from the root; "" where it is not known."""
    error: str
    """The last line of its traceback."""
    ran: tuple[str, ...] = ()
    """The files of the repository that it ran, itself left out, the most suspicious first."""


class TestReport(Record):
    """What a run of the tests on a tree showed."""

    __test__ = False  # no test, whatever pytest thinks of its name

    command: str
    snapshot: str
    exit_code: int
    timed_out: bool
    seconds: float
    passed: int
    failing: tuple[FailingTest, ...]
    suspects: tuple[SuspectLine, ...] = ()
    """Of all failing tests together, best first."""
    covers: dict[str, dict[str, tuple[str, ...]]] = {}
    """For each file and function in it, the tests that run it; what runs at import is left out."""
    slow: tuple[tuple[str, float], ...] = ()
    """The slowest tests with their seconds, slowest first."""
    flaky: tuple[str, ...] = ()
    """Tests that passed in one run and failed in another on the same tree."""


class StudyCache:
    """Opened on first use and closed by the context manager; for one thread. Methods may raise StoreError."""

    def __init__(self, home: MemoryHome) -> None:
        self._database = Database(home.study, _LAYOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def changes(self, commits: Sequence[str]) -> dict[str, Change]:
        """What is known of these commits."""
        with self._database.open() as connection:
            rows = connection.execute(
                "SELECT id, at, paths FROM commits WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(commits)),),
            )
            return {id: Change(at, tuple(json.loads(paths))) for id, at, paths in rows}

    def keep_changes(self, changes: Mapping[str, Change]) -> None:
        with self._database.write() as connection:
            rows = [(id, change.at, json.dumps(change.paths)) for id, change in changes.items()]
            connection.executemany("INSERT OR IGNORE INTO commits VALUES (?, ?, ?)", rows)

    def test_report(self, key: str) -> TestReport | None:
        """The one that was kept under this key."""
        with self._database.open() as connection:
            row = connection.execute("SELECT schema, record FROM tests WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        self._database.check_schema(row[0])
        return TestReport.model_validate(json.loads(row[1]))

    def keep_test_report(self, key: str, report: TestReport) -> None:
        """The oldest make room."""
        text = json.dumps(report.model_dump(mode="json"))
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO tests VALUES (?, ?, ?, ?)", (key, now().isoformat(), SCHEMA, text)
            )
            connection.execute(
                "DELETE FROM tests WHERE key NOT IN (SELECT key FROM tests ORDER BY at DESC LIMIT ?)", (_MOST_REPORTS,)
            )
