"""Which notes bear on a question: lexical and vector ranks fused, live notes only, packed into a budget of tokens.

Reciprocal rank fusion (Cormack et al. 2009, SIGIR) with weights. The packed notes are in the order of their ids, which
does not depend on the question, so that a server's prefix cache is hit when the next question recalls the same ones.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memory.records import Anchor, Note

MOST_NOTES = 5
BUDGET = 1_000
"""Tokens for all of them."""
CANDIDATES = 50
"""Of each kind of rank."""
_K = 60  # of the paper; ranks far below it hardly differ
_WEIGHTS = {"words": 1.0, "meaning": 1.0, "spelling": 0.1}
"""On notes, words and meaning do equally well; spelling is for questions whose words no note has."""
_PIECE = re.compile(r"\w{1,4}|[^\w\s]|\n")


@dataclass(frozen=True)
class Recalled:
    """A note that bears on a question."""

    note: Note
    anchors: tuple[Anchor, ...]
    """Where its evidence lies in this tree; a renamed file under its new path."""

    @property
    def text(self) -> str:
        """As a model or a person is shown it: who says so, since when, of what; the note itself as quoted JSON."""
        note = self.note
        about = f"{note.id} · {note.origin} {note.kind} · {note.created_at:%Y-%m-%d}"
        places = ", ".join(describe(anchor) for anchor in self.anchors)
        return f"[{about}{' · ' + places if places else ''}]\n{json.dumps(note.text, ensure_ascii=False)}"

    @property
    def tokens(self) -> int:
        """Roughly, in a prompt."""
        return len(_PIECE.findall(self.text))


@dataclass(frozen=True)
class Recall:
    """The answer to a question."""

    notes: tuple[Recalled, ...]
    hidden: int = 0
    """Notes that would have been among them, but are stale or dormant in this tree."""
    problem: str | None = None
    """Why vectors took no part, where they should have."""

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(recalled.note.id for recalled in self.notes)

    @property
    def tokens(self) -> int:
        return sum(recalled.tokens for recalled in self.notes)


def describe(anchor: Anchor) -> str:
    """An anchor as it is written on a command line."""
    if anchor.lines:
        return f"{anchor.path}:{anchor.lines[0]}-{anchor.lines[1]}"
    return f"{anchor.path}::{anchor.symbol}" if anchor.symbol else anchor.path


def fuse(ranks: Mapping[str, Sequence[str]]) -> list[str]:
    """Ids, best first, from lists of ids by the kind of rank; equal ones by age."""
    scores: dict[str, float] = defaultdict(float)
    for kind, ids in ranks.items():
        for rank, id in enumerate(ids, start=1):
            scores[id] += _WEIGHTS[kind] / (_K + rank)
    return sorted(scores, key=lambda id: (-scores[id], id))


def pack(best_first: Iterable[Recalled], most: int, budget: int) -> tuple[Recalled, ...]:
    """The best that fit, in the order of their ids. One that does not fit makes room for a smaller one."""
    packed: list[Recalled] = []
    for recalled in best_first:
        if len(packed) == most:
            break
        if recalled.tokens <= budget:
            packed.append(recalled)
            budget -= recalled.tokens
    return tuple(sorted(packed, key=lambda recalled: recalled.note.id))
