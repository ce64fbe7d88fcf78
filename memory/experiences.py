"""The experience log of one repository: append-only, in SQLite, safe for several processes and against `kill -9`.

A row is the JSON of a record with its schema version and time. A log that cannot be read is an error with a way back,
never an empty log (database.py).
"""

import json
import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from memory.database import Database, Layout
from memory.errors import UserError
from memory.records import Experience, Outcome, Record

SCHEMA = 2

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32 sorts as its numbers do, without i l o u

R = TypeVar("R", bound=Record)

# The triggers make "append-only" a fact of the file instead of a promise of this module.
_TABLES = """
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
"""

_LAYOUT = Layout(
    called="experience log",
    application_id=0x536C7077,  # "Slpw"
    schema=SCHEMA,
    tables=_TABLES,
    migrations={1: ""},  # since 2 a record may say what was known to fail
    mark=".made",
)


def new_id() -> str:
    """15 characters: 9 of the time in milliseconds, so that ids sort by age, and 6 of chance."""
    return _base32(time.time_ns() // 1_000_000, 9) + _base32(secrets.randbits(30), 6)


def id_from(milliseconds: int, words: str) -> str:
    """21 characters: 9 of the time, so that ids sort by age, and 12 that the words decide."""
    return _base32(milliseconds, 9) + _base32(int.from_bytes(sha256(words.encode("utf-8")).digest()[:8]) >> 4, 12)


class NoSuchExperience(UserError):
    """No experience has this id."""


class ExperienceLog:
    """Opened on first use and closed by the context manager. Every method may raise StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path, _LAYOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def append(self, experience: Experience) -> None:
        """Durable when this returns."""
        self._insert("experiences", experience.id, experience, experience.created_at.isoformat())

    def add_outcome(self, outcome: Outcome) -> None:
        """Durable when this returns; the experience must be in the log."""
        self._insert("outcomes", outcome.experience_id, outcome, outcome.created_at.isoformat())

    def get(self, id_or_prefix: str) -> Experience:
        """The experience of this id, or the only one whose id begins so; NoSuchExperience, UserError for several."""
        wanted = id_or_prefix.strip().lower()
        where = "WHERE substr(id, 1, ?) = ? ORDER BY id LIMIT 2"
        found = self._experiences(where, (len(wanted), wanted)) if wanted and wanted.isalnum() else []
        if not found:
            raise NoSuchExperience(f"No experience has the id {id_or_prefix!r}: `sleepwright log` lists them.")
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

    def applied(self, repos: Collection[str] | None = None) -> Iterator[Experience]:
        """What was applied and not undone since, to a work tree of these paths if any are given; the latest first."""
        latest_outcomes = "SELECT id, max(seq) AS seq, json_extract(record, '$.kind') AS kind FROM outcomes GROUP BY id"
        rows = self._select(
            f"SELECT id FROM ({latest_outcomes}) WHERE kind IN ('applied', 'committed') ORDER BY seq DESC"
        )
        for (experience_id,) in rows:
            experience = self.get(experience_id)
            if repos is None or experience.task.repo in repos:
                yield experience

    def _experiences(self, where: str, values: Sequence[str | int]) -> list[Experience]:
        rows = self._select(f"SELECT id, schema, record FROM experiences {where}", values)
        return [self._read(row, Experience) for row in rows]

    def _insert(self, table: str, id: str, record: Record, created_at: str) -> None:
        # Lone surrogates (bytes of a patch that are not UTF-8) survive as \udcxx escapes; pydantic's own JSON
        # refuses them.
        text = json.dumps(record.model_dump(mode="json"))
        with self._database.open() as connection:
            connection.execute(
                f"INSERT INTO {table} (id, schema, created_at, record) VALUES (?, ?, ?, ?)",
                (id, SCHEMA, created_at, text),
            )

    def _select(self, query: str, values: Sequence[str | int] = ()) -> list[Any]:
        with self._database.open() as connection:
            return connection.execute(query, values).fetchall()

    def _read(self, row: tuple[str, int, str], kind: type[R]) -> R:
        experience_id, schema, text = row
        self._database.check_schema(schema)
        try:
            return kind.model_validate(json.loads(text))
        except (ValueError, RecursionError) as error:  # pydantic's ValidationError and JSONDecodeError are ValueErrors
            raise self._database.damage(f"the record of {experience_id!r} is unreadable") from error


def _base32(number: int, length: int) -> str:
    return "".join(_ID_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))
