"""The words of each blob, kept in an SQLite file, so that no blob is read twice to find the files of a task."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from memory.cache_file import CacheFile
from memory.file_text import FileText, Passage

SCHEMA = 1
"""Raised with every change of the table, or of what counts as a word, a definition or a passage."""
MOST_KEPT = 50_000
"""Blobs; of more the oldest are forgotten. A blob takes about as much as its text."""

_COLUMNS = "blob TEXT PRIMARY KEY, words TEXT, defines TEXT, names TEXT, passages TEXT"


class Row(NamedTuple):
    """What is kept of a blob, as JSON."""

    words: str
    defines: str
    names: str
    passages: str


def packed(file: FileText) -> Row:
    """The form in which a file is kept."""
    passages = [(passage.start, passage.words) for passage in file.passages]
    return Row(json.dumps(file.words), json.dumps(sorted(file.defines)), json.dumps(file.names), json.dumps(passages))


class WordCache:
    """Keys are blob ids. Opened on first use and closed by the context manager; raises nothing of SQLite's.

    The passages of what it returns can only be read before it is closed.
    """

    def __init__(self, path: Path) -> None:
        self._file = CacheFile(path, "words", _COLUMNS, SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def load(self, blobs: Iterable[str]) -> dict[str, FileText]:
        """What is known of these; one query."""
        wanted = json.dumps(list(blobs))
        query = "SELECT blob, words, defines, names FROM words WHERE blob IN (SELECT value FROM json_each(?))"
        rows = self._file.use(lambda connection: connection.execute(query, (wanted,)).fetchall())
        return {blob: self._file_text(blob, *row) for blob, *row in rows}

    def store(self, found: Mapping[str, FileText]) -> None:
        """Keep files, and forget the oldest where there are too many."""
        rows = [(blob, *packed(file)) for blob, file in found.items()]
        oldest = "DELETE FROM words WHERE rowid <= (SELECT max(rowid) FROM words) - ?"

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT OR REPLACE INTO words VALUES (?, ?, ?, ?, ?)", rows)
                connection.execute(oldest, (MOST_KEPT,))

        self._file.use(write)

    def _file_text(self, blob: str, words: str, defines: str, names: str) -> FileText:
        counts, defined, named = Counter(json.loads(words)), frozenset(json.loads(defines)), Counter(json.loads(names))
        return FileText(counts, defined, named, lambda: self._passages(blob))

    def _passages(self, blob: str) -> tuple[Passage, ...]:
        query = "SELECT passages FROM words WHERE blob = ?"
        rows = self._file.use(lambda connection: connection.execute(query, (blob,)).fetchall())
        return tuple(Passage(start, Counter(words)) for (passages,) in rows for start, words in json.loads(passages))
