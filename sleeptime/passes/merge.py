"""Notes on notes: of two that say the same one stays, of two that contradict each other the one that knows better, and
what no question ever needed goes. Only tombstones; the user's own notes are never touched.

Whether two notes speak of the same is told by machine, and strictly: both are live, they share a file, they name the
same things of the code and most of their other words are the same. What is only alike, and what was true of an earlier
version of a file, a served model rewrites (rewriting.py), the notes that were used most first.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from agent.chat import count_prompt
from memory.freshness import state_of
from memory.records import Injection, Note
from sleeptime.note_words import Words, words_of
from sleeptime.records import Item, item_key
from sleeptime.rewriting import REPLY_TOKENS, merge_tokens, merged_by_model, near_duplicates, rethink_prompt, rethought
from sleeptime.study import Findings, Study
from sleeptime.work_queue import WorkQueue

VERSION = 1
SAME = 0.6
"""Jaccard of the plain words of two notes that say the same."""
OPPOSED = 0.7
"""And of two that differ in a number or a negation only."""
IDLE_USES = 100
"""Uses of the memory during which a note was never among those that were recalled."""
MOST_RETHOUGHT = 50
"""Stale notes that a model is asked about in a sleep."""
MECHANICAL = ("survey", "tests", "reflect")
"""Passes that take back themselves what no longer holds, and word their notes alike."""
_MOST_OF_A_FILE = 100
_SOME_USE = 0.01
_RANKS = {"user-said": 2, "observed": 1, "inferred": 0}


@dataclass(frozen=True)
class Clash:
    """Two notes of which one goes, or where both are the user's, none."""

    kind: Literal["the same", "a contradiction"]
    stays: Note
    goes: Note


class Merge:
    name = "merge"

    def __init__(self) -> None:
        self._thoughts: dict[str, Callable[[Study], Findings]] = {}

    def items(self, study: Study) -> Iterator[Item]:
        """One for each pair that clashes, and one for the notes that were never needed; more where there is a model."""
        self._thoughts = {}
        log = study.notes.log
        notes = log.notes()
        broken = study.notes.broken()
        injections = log.injections()
        uses = Counter(injection.note for injection in injections)
        with WorkQueue(study.home) as queue:
            makers = queue.makers([note.id for note in notes])
        told = frozenset(id for id, maker in makers.items() if maker in MECHANICAL)
        live = [note for note in notes if note.id not in broken]
        met: set[str] = set()
        gone: set[str] = set()
        for clash in clashes(live, uses, told):
            study.go_on()
            met |= {clash.stays.id, clash.goes.id}
            if clash.stays.id not in gone and clash.goes.id not in gone:
                if clash.goes.origin != "user-said":
                    gone.add(clash.goes.id)
                about = f"{clash.kind}: {clash.stays.id} and {clash.goes.id}"
                yield self._item(about, [clash.stays, clash.goes], _settled(clash))
        if idle := [note for note in never_needed(notes, injections) if note.id not in gone]:
            forget = Findings(forget=tuple(note.id for note in idle))
            yield self._item(f"{len(idle)} notes that were never needed", idle, forget)
        if study.model:
            settled = met | {note.id for note in idle} | told
            yield from self._alike(near_duplicates(live, settled), uses)
            stale = [note for note in notes if state_of(broken.get(note.id, [])) == "stale" and note.id not in settled]
            yield from self._stale(stale, injections, study)

    def work(self, item: Item, study: Study) -> Findings:
        return self._thoughts[item.key](study)

    def _item(self, about: str, notes: Sequence[Note], findings: Findings) -> Item:
        # Little use, but what is recalled next is better for it.
        return self._thinking(about, _versions(notes), lambda study: findings, use=_SOME_USE)

    def _alike(self, groups: Sequence[tuple[Note, ...]], uses: Mapping[str, int]) -> Iterator[Item]:
        """For a model to make one of each."""
        for group in groups:
            about = f"alike: {', '.join(note.id for note in group)}"
            think = partial(merged_by_model, group, uses)
            yield self._thinking(about, _versions(group), think, use=_SOME_USE, tokens=merge_tokens(group))

    def _stale(self, stale: Sequence[Note], injections: Sequence[Injection], study: Study) -> Iterator[Item]:
        """For a model to say what still holds: what was used and nothing has been made of yet, the most used first."""
        uses = Counter(injection.note for injection in injections)
        times = len({injection.used_by for injection in injections})
        wanted = [note for note in stale if uses[note.id] and _can_be_rethought(note, study)]
        wanted.sort(key=lambda note: (-uses[note.id], note.id))
        with WorkQueue(study.home) as queue:
            for note in wanted[:MOST_RETHOUGHT]:
                study.go_on()
                about = f"the stale note {note.id}"
                blobs = [study.blobs[anchor.path] for anchor in note.anchors]
                key = [*_versions([note]), *blobs]
                others = [done for done in queue.made_about(self.name, about) if done.item.key != self._key(about, key)]
                if others:
                    continue  # what was made of it has taken its place
                tokens = count_prompt(rethink_prompt(note, study)) + REPLY_TOKENS
                yield self._thinking(about, key, partial(rethought, note), use=uses[note.id] / times, tokens=tokens)

    def _key(self, about: str, words: Sequence[str]) -> str:
        return item_key(self.name, VERSION, [about, *words])

    def _thinking(
        self, about: str, words: Sequence[str], think: Callable[[Study], Findings], *, use: float, tokens: int = 0
    ) -> Item:
        key = self._key(about, words)
        self._thoughts[key] = think
        return Item(pass_name=self.name, key=key, about=about, expected_use=use, estimated_tokens=tokens)


def _settled(clash: Clash) -> Findings:
    if clash.goes.origin != "user-said":
        return Findings(forget=(clash.goes.id,))
    both = f"The notes {clash.stays.id} and {clash.goes.id} are both the user's and contradict each other."
    return Findings(dropped=(both,))


def _versions(notes: Sequence[Note]) -> list[str]:
    return [f"{note.id} {note.revision}" for note in notes]


def _can_be_rethought(note: Note, study: Study) -> bool:
    is_there = all(anchor.path in study.blobs for anchor in note.anchors)
    return note.origin == "inferred" and note.kind == "fact" and bool(note.anchors) and is_there


def clashes(notes: Sequence[Note], uses: Mapping[str, int], told: Collection[str] = frozenset()) -> Iterator[Clash]:
    """The pairs of notes that say the same or the opposite of the same things; `uses` is how often each was recalled.

    Pure. What the user said stays before what was observed, that before what a model inferred; of equals the one that
    was used more, of two that contradict each other the newer. Of the notes `told` by a machine no two clash.
    """
    by_path: dict[str, list[Note]] = {}
    for note in notes:
        for path in {anchor.path for anchor in note.anchors} or {""}:
            by_path.setdefault(path, []).append(note)
    seen: set[tuple[str, str]] = set()
    words = {note.id: words_of(note.text) for note in notes}
    for _, together in sorted(by_path.items()):
        newest = sorted(together, key=lambda note: note.id)[-_MOST_OF_A_FILE:]
        for place, one in enumerate(newest):
            for other in newest[place + 1 :]:
                if (one.id, other.id) in seen or one.kind != other.kind or one.kind == "answer":
                    continue
                if one.id in told and other.id in told:
                    continue
                seen.add((one.id, other.id))
                if clash := _clash(one, other, words[one.id], words[other.id], uses):
                    yield clash


def never_needed(notes: Sequence[Note], injections: Sequence[Injection]) -> list[Note]:
    """The inferred notes that none of the last IDLE_USES uses of the memory recalled, though they were there. Pure."""
    began: dict[str, Injection] = {}
    for injection in injections:
        began.setdefault(injection.used_by, injection)
    if len(began) < IDLE_USES:
        return []
    since = sorted(each.at for each in began.values())[-IDLE_USES]
    used = {injection.note for injection in injections if injection.at >= since}
    return [note for note in notes if note.origin == "inferred" and note.created_at < since and note.id not in used]


def _clash(one: Note, other: Note, words: Words, others: Words, uses: Mapping[str, int]) -> Clash | None:
    if words.code != others.code:
        return None
    all_words = words.plain | others.plain
    alike = len(words.plain & others.plain) / len(all_words) if all_words else 1.0
    is_opposed = words.numbers != others.numbers or words.negations % 2 != others.negations % 2
    if alike < (OPPOSED if is_opposed else SAME):
        return None
    if is_opposed:
        order = sorted((one, other), key=lambda note: (-_RANKS[note.origin], -note.created_at.timestamp()))
        return Clash("a contradiction", order[0], order[1])
    order = sorted(
        (one, other), key=lambda note: (-_RANKS[note.origin], -uses.get(note.id, 0), -len(note.text), note.id)
    )
    # What the user said twice may stay twice.
    return None if order[1].origin == "user-said" else Clash("the same", order[0], order[1])
