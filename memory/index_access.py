"""How a process gets at the vectors of the notes: as the owner of the folder, from its owner, or from a server.

The first one that asks owns the folder for as long as it is open; others ask it through a socket where it serves
(index_socket.py), and go without vectors where it does not. Notes are written to the record by anybody, and come to
the index when somebody catches up.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from memory.config import ServerAddress
from memory.embedding import Embedder, Neighbour, Vectors
from memory.home import MemoryHome
from memory.index_folder import IndexFailure, IndexFolder
from memory.index_socket import IndexClient, serving
from memory.note_log import NoteLog

if TYPE_CHECKING:
    from memory.notes import NoteIndex, Progress

_log = logging.getLogger(__name__)
LONG_TAIL = 1_500
"""Writes that are replayed at an opening in less than a second; with more, the graph is written to disk."""
_PATIENCE = 1.0  # seconds; a command holds the folder about as long

T = TypeVar("T")


class IndexAccess:
    """Safe between threads. Chroma is imported and opened when it is first needed: a CPU second."""

    def __init__(self, home: MemoryHome, embedder: Embedder, server: ServerAddress | None = None) -> None:
        self._home = home
        self._embedder = embedder
        self._server = server
        self._folder = IndexFolder(home.index)
        self._held = ExitStack()
        self._index: NoteIndex | None = None
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others have the folder; writes the graph where the next opening would be slow without."""
        with self._lock:
            try:
                if self._index is None:
                    return
                is_slow = not self._server and self._index.tail > LONG_TAIL
                self._close_index()
                if is_slow:
                    self._folder.persist()
            finally:
                self._held.close()

    @contextmanager
    def serving(self) -> Iterator[bool]:
        """Answer other processes' questions until the block ends; False where another process is the owner."""
        if self._server or not self._is_open():
            yield False
            return
        with serving(self._home.index, self._answer):
            yield True

    def nearest(self, text: str, limit: int, most_new: int | None = None) -> list[Neighbour]:
        """The notes nearest to the text, the nearest first.

        Catches up before, with no more than about `most_new` notes; where that is not enough, the newest are missing.
        IndexFailure where there is no way to the index now, EmbeddingError where the text cannot be embedded.
        """
        vector = self._embedder.embed([text])[0]
        return self.nearest_to(vector, limit, most_new)

    def nearest_to(self, vector: Vectors, limit: int, most_new: int | None = None) -> list[Neighbour]:
        """As `nearest`, of a vector."""
        if not self._is_open():
            return IndexClient(self._home.index).nearest(vector, limit, self._space_name)

        def ask(index: "NoteIndex") -> list[Neighbour]:
            self._catch_up(index, most_new)
            return index.nearest(vector, limit)

        return self._repaired(ask)

    def catch_up(self, most_new: int | None = None, progress: "Progress | None" = None) -> bool:
        """Bring the index to the record's last event; whether it got there.

        IndexFailure where another process owns the index.
        """
        if not self._is_open():
            raise IndexFailure("another process has the index open")
        return self._repaired(lambda index: self._catch_up(index, most_new, progress))

    def count(self) -> int:
        """Notes in the index. IndexFailure where another process owns it."""
        if not self._is_open():
            raise IndexFailure("another process has the index open")
        return self._repaired(lambda index: index.count())

    def _catch_up(self, index: "NoteIndex", most_new: int | None = None, progress: "Progress | None" = None) -> bool:
        from memory.notes import catch_up

        with NoteLog(self._home.notes, self._home.index) as log:
            if index.cursor == log.last_seq():
                return True
            is_there = catch_up(index, log, lambda texts: self._embed(texts, log), most_new, progress)
            held, known = index.count(), log.count()
            if index.cursor == log.last_seq() and held != known:  # nobody has written in between
                raise IndexFailure(f"{held} of {known} notes are in the index")
            if is_there:
                index.drop_other_spaces()
                log.drop_vectors(but=self._embedder.name)
            return is_there

    def _embed(self, texts: Sequence[str], log: NoteLog) -> Vectors:
        """From the record where they are known. Hashing is faster than looking up."""
        if not self._embedder.is_semantic:
            return self._embedder.embed(texts)
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        known = log.vectors(self._embedder.name, digests)
        missing = [i for i, digest in enumerate(digests) if digest not in known]
        new = self._embedder.embed([texts[i] for i in missing]) if missing else ()
        made = {digests[i]: vector.astype("<f4").tobytes() for i, vector in zip(missing, new, strict=True)}
        log.keep_vectors(self._embedder.name, made)
        import numpy as np

        rows = [np.frombuffer({**known, **made}[digest], dtype="<f4") for digest in digests]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self._embedder.length)

    def _repaired(self, use: "Callable[[NoteIndex], T]") -> T:
        """Use the index; where the folder turns out to be damaged, once more after it is made again."""
        with self._lock:
            assert self._index is not None
            try:
                return use(self._index)
            except IndexFailure as failure:
                if self._server:
                    raise
                _log.warning("the index failed: %s", failure)
                self._close_index()
                self._folder.put_aside()
                self._open_index()
                return use(self._index)

    def _is_open(self) -> bool:
        """Whether this process has the index, which it tries to get; False where another one has the folder."""
        with self._lock:
            if self._index is not None:
                return True
            if self._server:
                self._open_index()
                return True
            until = time.monotonic() + _PATIENCE
            while not self._held.enter_context(self._folder.locked()):
                self._held.close()
                if IndexClient(self._home.index).is_there() or time.monotonic() > until:
                    return False
                time.sleep(0.05)
            try:
                self._folder.make_ready()
                self._open_index()
            except BaseException:
                self._held.close()  # others may have more luck
                raise
            return True

    def _open_index(self) -> None:
        from memory.notes import NoteIndex, Space

        with NoteLog(self._home.notes) as log:
            identity = log.identity
        space = Space(self._embedder.name, self._embedder.length)
        if self._server:
            self._index = NoteIndex.on_server(self._server, identity, space)
            return
        try:
            self._index = NoteIndex.in_folder(self._home.index, identity, space)
        except IndexFailure:
            self._folder.put_aside()
            self._index = NoteIndex.in_folder(self._home.index, identity, space)

    def _close_index(self) -> None:
        with suppress(IndexFailure):
            if self._index:
                self._index.close()
        self._index = None
        if not self._server:
            self._folder.mark_closed()

    def _answer(self, vector: Vectors, limit: int, space: str) -> list[Neighbour]:
        if space != self._space_name:
            raise IndexFailure(f"it holds vectors of {self._space_name}, not of {space}")
        return self.nearest_to(vector, limit)

    @property
    def _space_name(self) -> str:
        return f"{self._embedder.name}:{self._embedder.length}"
