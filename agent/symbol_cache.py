"""The symbols of each blob, kept in an SQLite file, so that no blob is parsed twice."""

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from agent.symbols import Symbols
from memory.cache_file import CacheFile

SCHEMA = 2
"""Raised with every change of the tables, of the queries, or of what is read of a file."""
MOST_KEPT = 100_000
"""Blobs; of more the oldest are forgotten. A blob takes about 2 kB."""

DEFINITION = np.dtype([("name", "<u8"), ("line", "<i4"), ("owner", "<i4"), ("weight", "<f4")])
"""name: `name_key`; line, owner: as in `Definition`; weight: `name_weight`."""
REFERENCE = np.dtype([("name", "<u8"), ("count", "<i4")])

_COLUMNS = "definitions BLOB, uses BLOB, signatures TEXT"


class Packed(NamedTuple):
    """The symbols of a blob as bytes of arrays."""

    definitions: bytes
    """Of DEFINITION."""
    references: bytes
    """Of REFERENCE."""
    signatures: str
    """Of the definitions, a line each."""


@cache
def name_key(name: str) -> int:
    """64 bits that stand for a name, the same in every process."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")


@cache
def name_weight(name: str) -> float:
    """How much a reference to such a name says: 10 for long compound names, a tenth for private ones, else 1.

    The factors are aider's (repomap.py, 0.86).
    """
    is_compound = "_" in name.strip("_") or (name != name.lower() and name != name.upper())
    return (10.0 if len(name) >= 8 and is_compound else 1.0) * (0.1 if name.startswith("_") else 1.0)


def pack(symbols: Symbols) -> Packed:
    """The form in which symbols are kept and ranked."""
    definitions = np.empty(len(symbols.definitions), DEFINITION)
    definitions["name"] = [name_key(found.name) for found in symbols.definitions]
    definitions["line"] = [found.line for found in symbols.definitions]
    definitions["owner"] = [found.owner for found in symbols.definitions]
    definitions["weight"] = [name_weight(found.name) for found in symbols.definitions]
    references = np.empty(len(symbols.references), REFERENCE)
    references["name"] = [name_key(name) for name in symbols.references]
    references["count"] = list(symbols.references.values())
    signatures = "\n".join(found.signature for found in symbols.definitions)
    return Packed(definitions.tobytes(), references.tobytes(), signatures)


class SymbolCache:
    """Keys are `key_of`'s. Opened on first use and closed by the context manager; raises nothing of SQLite's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = CacheFile(path, "symbols", _COLUMNS, SCHEMA, MOST_KEPT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def load(self, keys: Iterable[str]) -> dict[str, Packed]:
        """What is known of these blobs."""
        return {key: Packed(*packed) for key, *packed in self._file.load(keys, "definitions, uses, signatures")}

    def store(self, found: Mapping[str, Packed]) -> None:
        """Keep the symbols of blobs."""
        self._file.store([(key, *packed) for key, packed in found.items()])


def key_of(blob: str, language: str) -> str:
    """What a blob's symbols are kept under: programs of different versions do not read each other's."""
    return f"{SCHEMA} {language} {blob}"
