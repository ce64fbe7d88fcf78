"""The notes as vectors in Chroma: the only file that knows it.

An index, made from the record (note_log.py) and lost without loss; but complete in itself, documents and metadata
included, so that it can be read by other programs, move to a server, and give the record back where that is lost.

Chroma's own files are never rewritten while it is in use (`sync_threshold`): a write is one SQLite transaction, and
`kill -9` at any moment leaves the folder whole. `persist` writes the vectors' graph, of a copy, in a process that
holds nothing else (index_folder.py).
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import chromadb
import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.models.Collection import Collection
from chromadb.api.types import Metadata
from chromadb.config import Settings

from memory.config import ServerAddress
from memory.embedding import Neighbour, Vectors
from memory.errors import UserError
from memory.index_folder import IndexFailure
from memory.note_log import NoteLog
from memory.note_tables import searchable
from memory.records import Note

Embed = Callable[[Sequence[str]], Vectors]
Progress = Callable[[int, int], None]
"""Is told how many of how many are done."""

BATCH = 200
"""Notes a write; Chroma Cloud takes 300."""
_MOST_RESULTS = 300
_SCHEMA = 1
_NEVER = 10**9
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Space(NamedTuple):
    """What vectors are of one kind: one embedder's, of one length."""

    embedder: str
    length: int

    @property
    def name(self) -> str:
        """Short, of the characters that Chroma takes, and another one for each embedder."""
        digest = hashlib.sha256(f"{self.embedder}:{self.length}".encode()).hexdigest()[:10]
        return f"{digest}-{self.length}-v{_SCHEMA}"


class NoteIndex:
    """One collection: the notes of one record in one space. Safe between threads; IndexFailure where Chroma fails."""

    def __init__(self, client: ClientAPI, identity: str, space: Space) -> None:
        self._client = client
        self._identity = identity
        self.space = space
        with _chroma():
            self._collection = _collection(client, f"notes-{identity}-{space.name}", space)

    @classmethod
    def in_folder(cls, folder: Path, identity: str, space: Space) -> Self:
        """Only for who holds the folder's lock: a second process would lose vectors (index_folder.py)."""
        with _chroma():
            client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
        return cls(client, identity, space)

    @classmethod
    def on_server(cls, address: ServerAddress, identity: str, space: Space) -> Self:
        """UserError where the address is wrong, IndexFailure where nobody answers."""
        with _chroma():
            return cls(_connect(address), identity, space)

    def close(self) -> None:
        with _chroma():
            self._client.close()  # type: ignore[attr-defined]

    @property
    def cursor(self) -> int:
        """Number of the last event of the record that the index has seen."""
        return int((self._collection.metadata or {}).get("cursor", 0))

    @property
    def tail(self) -> int:
        """How many writes have to be replayed when the folder is opened."""
        return int((self._collection.metadata or {}).get("tail", 0))

    def count(self) -> int:
        with _chroma():
            return self._collection.count()

    def unseen(self, notes: Sequence[Note]) -> list[Note]:
        """Those that the index does not hold as they are now; writing a note again costs ten times a new one."""
        with _chroma():
            found = self._collection.get(ids=[note.id for note in notes], include=["metadatas"])
        held = dict(zip(found["ids"], found["metadatas"] or [], strict=True))
        return [note for note in notes if (held.get(note.id) or {}).get("digest") != _digest(note)]

    def write(self, notes: Sequence[Note], vectors: Vectors, gone: Sequence[str], cursor: int) -> None:
        """Put notes with their vectors, drop others, and move the cursor; at most BATCH of each."""
        with _chroma():
            if notes:
                self._collection.upsert(
                    ids=[note.id for note in notes],
                    embeddings=vectors,
                    documents=[note.text for note in notes],
                    metadatas=[_metadata(note) for note in notes],
                )
            if gone:
                self._collection.delete(ids=list(gone))
            # The cursor goes last: what was written without it is written once more.
            self._set_metadata(cursor, self.tail + len(notes) + len(gone))

    def nearest(self, vector: Vectors, limit: int) -> list[Neighbour]:
        """The notes whose vectors are nearest, the nearest first."""
        with _chroma():
            found = self._collection.query(
                query_embeddings=vector[np.newaxis], n_results=min(limit, _MOST_RESULTS), include=["distances"]
            )
        distances = (found["distances"] or [[]])[0]
        return [Neighbour(id, 1.0 - distance) for id, distance in zip(found["ids"][0], distances, strict=True)]

    def drop_other_spaces(self) -> None:
        """Delete what other embedders left of this record."""
        with _chroma():
            for other in self._client.list_collections():
                if other.name.startswith(f"notes-{self._identity}-") and other.name != self._collection.name:
                    self._client.delete_collection(other.name)

    def _set_metadata(self, cursor: int, tail: int) -> None:
        self._collection.modify(metadata={**_about(self.space), "cursor": cursor, "tail": tail})


def notes_in_folder(folder: Path) -> list[Note]:
    """The notes of the fullest index in a folder whose record is lost. IndexFailure where they cannot be read."""
    with _chroma():
        client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
        collections = [each for each in client.list_collections() if each.name.startswith("notes-")]
        found = list(_notes(max(collections, key=lambda each: each.count()))) if collections else []
        client.close()  # type: ignore[attr-defined]
    return found


def _notes(collection: Collection) -> Iterator[Note]:
    offset = 0
    while True:
        with _chroma():
            page = collection.get(limit=_MOST_RESULTS, offset=offset, include=["documents", "metadatas"])
        for id, text, metadata in zip(page["ids"], page["documents"] or [], page["metadatas"] or [], strict=True):
            rest = {**json.loads(str(metadata["rest"])), "anchors": json.loads(str(metadata["anchors"]))}
            answer = {"answer": json.loads(str(metadata["answer"]))} if metadata.get("answer") else {}
            yield Note.model_validate_json(json.dumps({**rest, **answer, "id": id, "text": text}))
        if len(page["ids"]) < _MOST_RESULTS:
            return
        offset += _MOST_RESULTS


def catch_up(
    index: NoteIndex, log: NoteLog, embed: Embed, most: int | None = None, progress: Progress | None = None
) -> bool:
    """Bring the index to the record's last event, `most` notes at a time; whether it got there.

    May be killed at any moment and run again, by several processes at once on a server.
    """
    end = log.last_seq()
    begin = index.cursor
    done = 0
    while index.cursor < end:
        if most is not None and done >= most:
            return False
        ids, seq = log.changed_after(index.cursor, BATCH)
        # What the notes are now, not what each event made of them.
        present = {note.id: note for note in log.notes(ids)}
        changed = index.unseen(list(present.values()))
        vectors = embed([searchable(note) for note in changed])
        index.write(changed, vectors, [id for id in ids if id not in present], seq)
        done += len(ids)
        if progress:
            progress(seq - begin, end - begin)
    return True


def probe(folder: Path) -> None:
    """Read a folder in all the ways that damage shows in; raises, or kills the process, where it is damaged."""
    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    for collection in client.list_collections():
        count = collection.count()
        some = collection.get(limit=50, include=["embeddings"])
        vectors = some["embeddings"]
        if vectors is not None and len(vectors):
            found = collection.query(query_embeddings=list(vectors)[:3], n_results=min(3, count))
            if not all(found["ids"]):
                raise RuntimeError("a stored vector is not found")
    client.close()  # type: ignore[attr-defined]


def persist(folder: Path) -> None:
    """Write the graph of the vectors to disk, so that the folder opens fast. Not safe against `kill -9`: of a copy.

    A changed `sync_threshold` holds from the next opening on.
    """
    for threshold in (1, _NEVER):
        client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
        for collection in client.list_collections():
            collection.modify(configuration={"hnsw": {"sync_threshold": threshold}})
            if threshold == _NEVER:
                collection.count()  # replays the tail, and writes the graph, since the threshold was 1 at the opening
                collection.modify(metadata={**(collection.metadata or {}), "tail": 0})
        client.close()  # type: ignore[attr-defined]


def _collection(client: ClientAPI, name: str, space: Space) -> Collection:
    collection = client.get_or_create_collection(
        name,
        embedding_function=None,
        # With Chroma's 100 for both ef's, one note in 3,000 did not find itself.
        configuration={"hnsw": {"space": "cosine", "sync_threshold": _NEVER, "ef_construction": 200, "ef_search": 200}},
        metadata={**_about(space), "cursor": 0, "tail": 0},
    )
    # Chroma would build an embedding function that is configured in the store, which can run code.
    function = collection.configuration_json.get("embedding_function") or {"type": "legacy"}
    if function.get("type") != "legacy":
        raise UserError(f"The collection {name!r} names an embedding function of its own: it is not used. Delete it.")
    return collection


def _about(space: Space) -> dict[str, str | int]:
    return {"embedder": space.embedder, "dimensions": space.length, "schema": _SCHEMA}


def _metadata(note: Note) -> Metadata:
    """Flat, as Chroma takes it: what can be filtered by, and the rest of the record."""
    rest = note.model_dump_json(exclude={"text", "anchors", "id", "answer"})
    anchors = json.dumps([anchor.model_dump(mode="json", exclude_none=True) for anchor in note.anchors])
    return {
        "digest": _digest(note),
        "kind": note.kind,
        "origin": note.origin,
        "revision": note.revision,
        "anchors": anchors,
        "rest": rest,
        **({"answer": note.answer.model_dump_json()} if note.answer else {}),
    }


def _digest(note: Note) -> str:
    return hashlib.sha256(note.model_dump_json().encode()).hexdigest()[:16]


def _connect(address: ServerAddress) -> ClientAPI:
    url = urlsplit(address.url)
    path = [part for part in url.path.split("/") if part]
    if url.scheme not in ("http", "https") or not url.hostname or len(path) not in (0, 2):
        raise UserError(
            f"{address.url!r} is no address of a Chroma server: it is http(s)://host[:port], for Chroma Cloud "
            "https://api.trychroma.com/TENANT/DATABASE."
        )
    if address.token and url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise UserError(f"A token is not sent to {address.url!r} in the clear: use https.")
    place = {"tenant": path[0], "database": path[1]} if path else {}
    return chromadb.HttpClient(
        host=url.hostname,
        port=url.port or (443 if url.scheme == "https" else 8000),
        ssl=url.scheme == "https",
        headers={"x-chroma-token": address.token} if address.token else None,
        settings=Settings(anonymized_telemetry=False),
        **place,
    )


@contextmanager
def _chroma() -> Iterator[None]:
    """Whatever goes wrong inside Chroma is one kind of failure: it raises many, panics of its core among them."""
    try:
        yield
    except (UserError, IndexFailure, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise IndexFailure(f"{type(error).__name__}: {error}") from error
