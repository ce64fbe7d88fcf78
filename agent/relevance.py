"""Which definitions of a snapshot a request speaks of, by its words and by what past commits did (memory/file_rank.py).

For tasks of which no failing test says where to look. What is read of a file is kept by its blob (word_cache.py).
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from agent.checks import is_test_file
from agent.own_code import is_own_path, own_attributes
from agent.word_cache import WordCache
from agent.workspace import Blob, Repository
from memory.file_rank import Definition, PastCommit, rank_definitions, rank_files
from memory.file_text import FileText
from memory.words import words

MOST_FILES = 6_000
"""Of more, those that lie deepest are left out."""
MOST_COMMITS = 2_000
"""Older ones say little about where something is now."""
BEST_FILES = 6
EACH = 3
"""Definitions of a file."""

_SOURCE = frozenset(
    "py pyi js jsx ts tsx mjs go rs java kt scala c h cc cpp cxx hpp cs rb php swift lua sh pl r jl ex hs ml".split()
)
_LARGEST = 1_000_000  # bytes of a file; larger ones are data
_BATCH = 200  # files that are read at once, between two looks at the time


class Relevant(NamedTuple):
    """A definition that a request may be about."""

    definition: Definition
    score: float
    """Of its file, 1 for the best."""


def is_source(path: str) -> bool:
    """Whether it is code and no test."""
    return path.rpartition(".")[2] in _SOURCE and not is_test_file(path)


def relevant(repository: Repository, snapshot: str, request: str, cache: WordCache, seconds: float) -> list[Relevant]:
    """The best definitions of the best files, file by file, best first; of a file without any, its first line.

    Files that were never seen before are read for at most `seconds` of wall clock; the next call goes on from there.
    RepositoryError where git cannot read the snapshot.
    """
    files = _files(repository, snapshot, cache, time.monotonic() + seconds)
    by_file = rank_files(request, files, list(past_commits(repository)))
    definitions = rank_definitions(request, files, by_file)
    top = max(by_file.values(), default=1.0)
    return [
        Relevant(definition, score / top)
        for path, score in islice(by_file.items(), BEST_FILES)
        for definition in [each for each in definitions if each.path == path][:EACH] or [Definition(path, 0)]
    ]


def past_commits(repository: Repository) -> Iterator[PastCommit]:
    """What led to HEAD, without merges, the newest first."""
    if repository.head is None:
        return
    listing = ("log", f"--max-count={MOST_COMMITS}", "--no-merges", "--name-only", "--no-renames", "-z")
    for commit in repository.git(*listing, "--format=%x01%B%x02").split(b"\x01")[1:]:
        message, _, names = commit.partition(b"\x02")
        paths = tuple(os.fsdecode(name) for part in names.split(b"\0") if (name := part.strip(b"\n")))
        yield PastCommit(Counter(words(message.decode("utf-8", "replace"))), paths)


def _files(repository: Repository, snapshot: str, cache: WordCache, until: float) -> dict[str, FileText]:
    """The source files of the repository's own by path."""
    blobs = repository.blobs(snapshot)
    is_own = own_attributes(repository, blobs)
    own = [blob for blob in blobs if is_source(blob.path) and is_own.get(blob.path, is_own_path(blob.path))]
    wanted = sorted(own, key=lambda blob: blob.path.count("/"))[:MOST_FILES]
    known = cache.load(dict.fromkeys(blob.id for blob in wanted))
    missing = list({blob.id: blob for blob in wanted if blob.id not in known}.values())
    known |= _read(repository, missing, cache, until) if missing else {}
    return {blob.path: known[blob.id] for blob in wanted if blob.id in known}


def _read(repository: Repository, blobs: Sequence[Blob], cache: WordCache, until: float) -> dict[str, FileText]:
    sizes = repository.sizes([blob.id for blob in blobs])
    ids = [blob.id for blob, size in zip(blobs, sizes, strict=True) if size <= _LARGEST]
    found: dict[str, FileText] = {}
    for begin in range(0, len(ids), _BATCH):
        if time.monotonic() >= until:
            break
        batch = ids[begin : begin + _BATCH]
        texts = (content.decode("utf-8", "replace") for content in repository.contents(batch))
        new = dict(zip(batch, map(FileText.of, texts), strict=True))
        cache.store(new)
        found |= new
    return found
