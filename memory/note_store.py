"""The notes of one repository, as seen from one of its work trees: what commands, agents and other programs use."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from memory.anchoring import evidence
from memory.config import MemoryConfig
from memory.embedding import Embedder, open_embedder
from memory.errors import EmbeddingError, NoteRefused
from memory.experiences import new_id
from memory.freshness import Broken, broken_anchors, broken_notes, current_path
from memory.home import MemoryHome
from memory.index_access import IndexAccess
from memory.index_folder import IndexFailure
from memory.known_answers import KnownAnswer, known_answers
from memory.known_failures import KnownFailures
from memory.note_log import NoteLog
from memory.recall import BUDGET, CANDIDATES, MOST_NOTES, Recall, Recalled, fuse, pack
from memory.records import Injection, Note, NoteKind, Origin, Tokens
from memory.work_tree import Held, WorkTree

_MOST_NEW = 400
"""Notes that are embedded before a question is answered; more are left to who has the time."""
_SIMILAR = 0.25
"""Cosine; below it, sentences and spellings have nothing in common."""


class NoteStore:
    """Closed by the context manager. Methods may raise StoreError and TreeError."""

    def __init__(self, tree: WorkTree, home: MemoryHome, config: MemoryConfig) -> None:
        self.tree = tree
        self.home = home
        self.log = NoteLog(home.notes, home.index)
        self.failures = KnownFailures(home.failures)
        self._config = config
        self._embedder: Embedder | None = None
        self._index: IndexAccess | None = None

    @classmethod
    def open(cls, directory: Path, config: MemoryConfig) -> Self:
        """The notes of the repository that the directory lies in."""
        tree = WorkTree.open(directory)
        return cls(tree, MemoryHome.for_repository(tree.common_dir), config)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._index:
            self._index.close()
        self.log.__exit__(kind, error, traceback)
        self.failures.__exit__(kind, error, traceback)

    @property
    def index(self) -> IndexAccess:
        """EmbeddingError where the embedder that is set up cannot be used."""
        if self._index is None:
            self._index = IndexAccess(self.home, self.embedder, self._config.server)
        return self._index

    @property
    def embedder(self) -> Embedder:
        """EmbeddingError where what is set up cannot be used."""
        if self._embedder is None:
            self._embedder = open_embedder(self._config)
        return self._embedder

    def add(
        self,
        text: str,
        places: Sequence[str] = (),
        *,
        origin: Origin,
        kind: NoteKind = "fact",
        run: str | None = None,
        source: str | None = None,
        cost: Tokens | None = None,
    ) -> Note:
        """Store a note on what lies at these places now. NoteRefused with the reason where it is not stored."""
        if origin != "user-said":
            self._refuse_known(text)
        found = evidence(self.tree, places)
        note = Note(
            id=new_id(),
            text=text.strip(),
            kind=kind,
            origin=origin,
            anchors=found.anchors,
            commit=found.commit,
            run=run,
            source=source,
            cost=cost or Tokens(),
        )
        self.log.add([note])
        return note

    def _refuse_known(self, text: str) -> None:
        """What an agent was told by a note it must not learn as something new."""
        said = " ".join(text.split()).casefold()
        for known in self.log.notes(self.log.search(text, CANDIDATES)):
            if " ".join(known.text.split()).casefold() == said:
                raise NoteRefused(f"That is known already, as the note {known.id!r}.")

    def broken(self, ids: Sequence[str] | None = None) -> dict[str, list[Broken]]:
        """The notes, of all or of some, that are not live in this tree, with the anchors that do not hold."""
        return broken_anchors(self.tree, self.tree.held(), self.log, ids)

    def recall(self, question: str, most: int = MOST_NOTES, budget: int = BUDGET) -> Recall:
        """The live notes that bear on a question, at most `most` and about `budget` tokens.

        No expected questions: they tell nothing.
        """
        words = self.log.search(question, CANDIDATES)
        ranks, problem = {"words": words}, None
        try:
            if (self.embedder.is_semantic or not words) and self.log.count():
                kind = "meaning" if self.embedder.is_semantic else "spelling"
                near = self.index.nearest(question, CANDIDATES, _MOST_NEW)
                ranks[kind] = [neighbour.id for neighbour in near if neighbour.similarity >= _SIMILAR]
        except (IndexFailure, EmbeddingError) as error:
            problem = f"Searched by words only: {error}"
        found = fuse(ranks)
        notes = {note.id: note for note in self.log.notes(found) if note.kind != "question"}
        order = [id for id in found if id in notes]
        held = self.tree.held()
        broken = broken_notes(self.tree, held, self.log, order)
        live = (self._placed(notes[id], held) for id in order if id not in broken)
        hidden = sum(id in broken for id in order[:most])
        return Recall(pack(live, most, budget), hidden, problem)

    def recalled(self, ids: Sequence[str]) -> list[Recalled]:
        """Notes that were recalled before, by their ids; those forgotten meanwhile are left out."""
        held = self.tree.held()
        return sorted((self._placed(note, held) for note in self.log.notes(ids)), key=lambda each: each.note.id)

    def answers(self, failing: Sequence[str], request: str) -> list[KnownAnswer]:
        """What was worked out beforehand for these failing tests or this request. Cheap: no vectors take part."""
        if not self.home.notes.exists():
            return []  # looking does not make a record
        return known_answers(self.tree, self.log, failing, request)

    def mark_used(self, ids: Sequence[str], used_by: str, *, is_read: bool = True) -> None:
        """Write into the ledger that notes were put into a prompt; without `is_read`, that their patches were used."""
        if ids:
            used = [(each.note.id, each.tokens if is_read else 0) for each in self.recalled(ids)]
            self.log.inject([Injection(note=id, used_by=used_by, tokens=tokens) for id, tokens in used])

    def _placed(self, note: Note, held: Held) -> Recalled:
        """A note with its anchors where their content lies now."""
        paths = {anchor: current_path(anchor, held, self.tree) for anchor in note.anchors}
        return Recalled(note, tuple(anchor.model_copy(update={"path": path}) for anchor, path in paths.items()))
