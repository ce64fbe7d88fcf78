"""The words of each blob, kept in an SQLite file, so that no blob is read twice to find the files of a task."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from memory.cache_file import CacheFile
from memory.file_text import FileText, Passage

SCHEMA = 3
"""Raised with every change of the table, or of what counts as a word, a definition or a passage."""
MOST_KEPT = 50_000
"""Blobs; of more the oldest are forgotten. A blob takes about as much as its text."""

_COLUMNS = "words TEXT, defines TEXT, names TEXT, passages TEXT"


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
        self._file = CacheFile(path, "words", _COLUMNS, SCHEMA, MOST_KEPT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def load(self, blobs: Iterable[str]) -> dict[str, FileText]:
        """What is known of these."""
        rows = self._file.load(blobs, "words, defines, names")
        return {blob: self._file_text(blob, *row) for blob, *row in rows}

    def store(self, found: Mapping[str, FileText]) -> None:
        """Keep files."""
        self._file.store([(blob, *packed(file)) for blob, file in found.items()])

    def _file_text(self, blob: str, words: str, defines: str, names: str) -> FileText:
        counts, defined, named = Counter(json.loads(words)), frozenset(json.loads(defines)), Counter(json.loads(names))
        return FileText(counts, defined, named, lambda: self._passages(blob))

    def _passages(self, blob: str) -> tuple[Passage, ...]:
        rows = self._file.load([blob], "passages")
        return tuple(Passage(start, Counter(words)) for _, passages in rows for start, words in json.loads(passages))
