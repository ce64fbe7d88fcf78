"""The symbols of a whole snapshot as arrays; only blobs that were never seen before are read and parsed."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.own_code import is_own_path, own_attributes
from agent.symbol_cache import DEFINITION, REFERENCE, Packed, SymbolCache, key_of, pack
from agent.symbol_reader import SymbolReader
from agent.symbols import LARGEST_FILE, NOTHING, language_of
from agent.workspace import Blob, Repository

MOST_FILES = 30_000
"""A prompt waits for them all to be read from the cache and ranked."""
# What is read at once, without looking up in between, and what a kill loses.
_BATCH_BYTES = 4_000_000
_BATCH_BLOBS = 100


@dataclass(frozen=True)
class SymbolTable:
    """What the source files of a snapshot define and use. F files, D definitions, R pairs of file and name."""

    paths: tuple[str, ...]
    """(F) sorted by git, own code in a language that is read."""
    definitions: npt.NDArray[np.void]
    """(D) of DEFINITION; `owner` is an index into this array, or -1."""
    definition_file: npt.NDArray[np.int64]
    """(D) index into `paths`, ascending."""
    signatures: tuple[str, ...]
    """(D)"""
    references: npt.NDArray[np.void]
    """(R) of REFERENCE."""
    reference_file: npt.NDArray[np.int64]
    """(R) index into `paths`, ascending."""
    parsed: int
    """Blobs that were parsed for this."""
    left_out: int
    """Files that the time was too short for, or that were too many."""


class _File(NamedTuple):
    blob: Blob
    language: str
    key: str
    """In the cache."""


def symbols_of(
    repository: Repository,
    snapshot: str,
    cache: SymbolCache,
    most_seconds: float = float("inf"),
    most_files: int = MOST_FILES,
    go_on: Callable[[], None] = lambda: None,
) -> SymbolTable:
    """The symbols of the files of a commit in every language that is read.

    `go_on` is asked while files are parsed, and raises to end it all.

    Vendored and generated files are left out, of more than `most_files` the deepest, and files that parsing did not
    get to within `most_seconds` of wall clock; what was parsed is in the cache, so that the next call goes on from
    there. Huge files define nothing. RepositoryError where git cannot read the commit.
    """
    blobs = repository.blobs(snapshot)
    is_own = own_attributes(repository, blobs)
    wanted = [
        _File(blob, language, key_of(blob.id, language))
        for blob in blobs
        if (language := language_of(blob.path)) and is_own.get(blob.path, is_own_path(blob.path))
    ]
    files = _shallowest(wanted, most_files)
    known = cache.load(dict.fromkeys(file.key for file in files))
    missing = {file.key: file for file in files if file.key not in known}
    deadline = time.monotonic() + most_seconds
    parsed = _parse(repository, list(missing.values()), cache, deadline, go_on) if missing else {}
    known |= parsed
    return _table([file for file in files if file.key in known], known, len(parsed), len(wanted))


def _parse(
    repository: Repository, files: Sequence[_File], cache: SymbolCache, deadline: float, go_on: Callable[[], None]
) -> dict[str, Packed]:
    """The symbols of files, kept in the cache, by key; not of all where the time is up before."""
    parsed: dict[str, Packed] = {}
    sizes = repository.sizes([file.blob.id for file in files])
    huge = [file.key for file, size in zip(files, sizes, strict=True) if size > LARGEST_FILE]
    cache.store(dict.fromkeys(huge, pack(NOTHING)))
    with SymbolReader(go_on=go_on) as reader:
        for batch in _batches([(file, size) for file, size in zip(files, sizes, strict=True) if size <= LARGEST_FILE]):
            found: dict[str, Packed] = {}
            try:
                for file, content in zip(batch, repository.contents([file.blob.id for file in batch]), strict=True):
                    go_on()
                    if time.monotonic() >= deadline:
                        break
                    found[file.key] = pack(reader.read(content, file.language))
            finally:
                cache.store(found)
            parsed |= found
            if len(found) < len(batch):
                break
    return parsed | dict.fromkeys(huge, pack(NOTHING))


def _shallowest(files: list[_File], most: int) -> list[_File]:
    """At most so many, in their order."""
    if len(files) <= most:
        return files
    by_depth = sorted(range(len(files)), key=lambda index: files[index].blob.path.count("/"))
    return [files[index] for index in sorted(by_depth[:most])]


def _batches(files: Sequence[tuple[_File, int]]) -> Iterator[list[_File]]:
    """The files, given with their bytes, in parts that fit into memory."""
    batch: list[_File] = []
    total = 0
    for file, size in files:
        batch.append(file)
        total += size
        if len(batch) == _BATCH_BLOBS or total >= _BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _table(files: Sequence[_File], known: Mapping[str, Packed], parsed: int, wanted: int) -> SymbolTable:
    packed = [known[file.key] for file in files]
    definitions, definition_file = _joined([one.definitions for one in packed], DEFINITION)
    references, reference_file = _joined([one.references for one in packed], REFERENCE)
    # Owners were counted within their file.
    counts = np.bincount(definition_file, minlength=len(files))
    first = (np.cumsum(counts) - counts)[definition_file]
    definitions["owner"] += np.where(definitions["owner"] >= 0, first, 0).astype(np.int32)
    signatures = tuple(line for one in packed if one.definitions for line in one.signatures.split("\n"))
    return SymbolTable(
        tuple(file.blob.path for file in files),
        definitions,
        definition_file,
        signatures,
        references,
        reference_file,
        parsed,
        wanted - len(files),
    )


def _joined(parts: Sequence[bytes], kind: np.dtype[np.void]) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
    """The arrays in one, and which part each element came from."""
    lengths = [len(part) // kind.itemsize for part in parts]
    return np.frombuffer(b"".join(parts), kind).copy(), np.repeat(np.arange(len(parts)), lengths)
