"""What the daemon remembers for good: which repositories it watches, and how each nap ended."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pydantic import Field

from agent.errors import ModelError
from memory.database import Database, Layout
from memory.errors import UserError
from memory.records import Record, now
from sleeptime.records import SleepRun

Ending = Literal["finished", "yielded", "capped", "failed", "killed"]
"""yielded: the user came back, or another repository's turn had come; capped: the day's CPU seconds were used up;
killed: the daemon died meanwhile."""

_TABLES = """
CREATE TABLE watched (root TEXT PRIMARY KEY, since TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE naps (seq INTEGER PRIMARY KEY, root TEXT NOT NULL, schema INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX naps_of ON naps (root, seq);
"""
_SCHEMA = 1
_LAYOUT = Layout(called="record of the daemon", application_id=0x536C7044, schema=_SCHEMA, tables=_TABLES)  # "SlpD"
_KEPT = 1_000  # naps of a repository


class Nap(Record):
    """One time that the daemon let a repository be studied."""

    began: datetime = Field(default_factory=now)
    ended: datetime | None = None
    ending: Ending | None = None
    """None while it lasts."""
    reason: str = ""
    """Why it ended, where it did not finish."""
    with_model: bool = True
    """Whether the model that is set up was to be asked; False while it is left alone after a failure."""
    exit_code: int | None = None
    cpu_seconds: float = 0.0
    run: SleepRun | None = None
    """What it came to, where it could say so."""

    @property
    def is_fault_of_model(self) -> bool:
        return self.exit_code == ModelError.exit_code

    @property
    def seconds(self) -> float:
        return ((self.ended or now()) - self.began).total_seconds()


class DaemonRecord:
    """Safe for several processes. A context manager. Methods may raise StoreError."""

    def __init__(self, file: Path) -> None:
        self._database = Database(file, _LAYOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def watch(self, root: Path) -> bool:
        """From now on; False where it is watched already. UserError for a path that cannot be written down."""
        if not str(root).isprintable():
            raise UserError(f"{str(root)!r} cannot be watched: its path holds characters that are not text.")
        with self._database.write() as connection:
            values = (str(root), now().isoformat())
            return connection.execute("INSERT OR IGNORE INTO watched VALUES (?, ?)", values).rowcount > 0

    def unwatch(self, root: Path) -> None:
        """No longer; UserError where it is not watched."""
        with self._database.write() as connection:
            if not connection.execute("DELETE FROM watched WHERE root = ?", (str(root),)).rowcount:
                raise UserError(f"{str(root)!r} is not watched: `sleepwright daemon status` lists what is.")

    def watched(self) -> list[Path]:
        """The work trees, those watched longest first."""
        with self._database.open() as connection:
            return [Path(root) for (root,) in connection.execute("SELECT root FROM watched ORDER BY since, root")]

    def begin(self, root: Path, nap: Nap) -> int:
        """Its number, to end it with."""
        with self._database.write() as connection:
            seq = connection.execute(
                "INSERT INTO naps (root, schema, record) VALUES (?, ?, ?)", (str(root), _SCHEMA, _text(nap))
            ).lastrowid
            assert seq is not None
            oldest = "SELECT seq FROM naps WHERE root = ? ORDER BY seq DESC LIMIT -1 OFFSET ?"
            connection.execute(f"DELETE FROM naps WHERE seq IN ({oldest})", (str(root), _KEPT))
            return seq

    def end(self, seq: int, nap: Nap) -> None:
        """Durable when this returns."""
        with self._database.write() as connection:
            connection.execute("UPDATE naps SET record = ? WHERE seq = ?", (_text(nap), seq))

    def naps(self, root: Path, limit: int = _KEPT) -> list[Nap]:
        """Of one work tree, the newest first."""
        with self._database.open() as connection:
            query = "SELECT schema, record FROM naps WHERE root = ? ORDER BY seq DESC LIMIT ?"
            rows = connection.execute(query, (str(root), limit)).fetchall()
        return [self._read(*row) for row in rows]

    def close_killed(self) -> list[Path]:
        """End the naps that a daemon left open when it died; the work trees that they were of."""
        with self._database.write() as connection:
            query = "SELECT seq, root, schema, record FROM naps WHERE json_extract(record, '$.ending') IS NULL"
            rows = connection.execute(query).fetchall()
            for seq, _, schema, text in rows:
                killed = self._read(schema, text).model_copy(
                    update={"ending": "killed", "reason": "the daemon was killed, or the machine went down"}
                )
                connection.execute("UPDATE naps SET record = ? WHERE seq = ?", (_text(killed), seq))
        return [Path(root) for _, root, *_ in rows]

    def _read(self, schema: int, text: str) -> Nap:
        self._database.check_schema(schema)
        try:
            return Nap.model_validate_json(text)
        except ValueError as error:
            raise self._database.damage("a nap is unreadable") from error


def failures(naps: Sequence[Nap]) -> list[Nap]:
    """Those of the newest naps that failed since the last that finished, the newest first."""
    failed = []
    for nap in naps:
        if nap.ending == "finished" and nap.with_model:
            break
        if nap.ending == "failed":
            failed.append(nap)
    return failed


def last_success(naps: Sequence[Nap]) -> Nap | None:
    return next((nap for nap in naps if nap.ending == "finished"), None)


def _text(nap: Nap) -> str:
    return json.dumps(nap.model_dump(mode="json"))
