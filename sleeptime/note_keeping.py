"""Stores what came of an item: new notes in the place of what the same pass said before about the same thing.

A note's id follows from its item, so that a kill between storing it and finishing the item doubles nothing. Of what was
said before, a note that says the same stays as it is; one that is live otherwise makes room for the new one; stale
ones, which a checkout or a revert may bring back, are kept a few versions deep. All by tombstones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from memory.errors import NoteConflict, NoteRefused, UserError
from memory.experiences import id_from
from memory.note_rules import FEW, check_note
from memory.records import Note, Origin, Tokens
from sleeptime.records import Item
from sleeptime.study import Findings, Study
from sleeptime.work_queue import Done, Leased, WorkQueue

KEPT_VERSIONS = 3
"""Of what was said about a thing and is not true of this tree."""

_APART = {
    **{"id": "", "revision": 1, "created_at": datetime.min, "commit": None, "run": None, "cost": Tokens()},
    "predictability": None,
}


@dataclass(frozen=True)
class Kept:
    """What storing an item's findings came to."""

    item: Item
    added: int = 0
    forgotten: int = 0
    dropped: tuple[str, ...] = ()


@dataclass
class _Plan:
    """What is to be written for one item."""

    leased: Leased
    new: list[Note] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    """Ids of notes that say the same already."""
    earlier: list[Done] = field(default_factory=list)
    forgotten: int = 0
    dropped: list[str] = field(default_factory=list)


class NoteKeeper:
    """Writes for one sleep run. Methods may raise StoreError and TreeError."""

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue

    def stored(self, leased: Leased, study: Study) -> list[str]:
        """Ids of the notes that an earlier run stored for this item before it died."""
        found: list[str] = []
        while leased.was_cut and study.notes.log.events(1, _note_id(leased, len(found))):
            found.append(_note_id(leased, len(found)))
        return found

    def keep(self, worked: Sequence[tuple[Leased, Findings]], study: Study) -> list[Kept]:
        """Store the findings, durable and their items finished when this returns."""
        plans = [self._plan(leased, findings, study) for leased, findings in worked]
        study.notes.log.add([note for plan in plans for note in plan.new])
        self._finish(plans, study)
        return [Kept(plan.leased.item, len(plan.new), plan.forgotten, tuple(plan.dropped)) for plan in plans]

    def finish_stored(self, leased: Leased, notes: Sequence[str], study: Study) -> None:
        """What is left to do for an item whose notes an earlier run has stored."""
        plan = _Plan(leased, same=list(notes), earlier=self._earlier(leased.item))
        self._finish([plan], study)

    def _plan(self, leased: Leased, findings: Findings, study: Study) -> _Plan:
        plan = _Plan(leased, dropped=list(findings.dropped), earlier=self._earlier(leased.item))
        log = study.notes.log
        may_forget = True
        for note in findings.edits:
            try:
                # Never in the user's name.
                by: Origin = "inferred" if note.origin == "inferred" else "observed"
                log.edit(note, seen=note.revision, by=by, run=study.run)
            except (NoteRefused, NoteConflict, UserError) as refusal:
                plan.dropped.append(str(refusal))
                may_forget = False  # what was to be forgotten may have been to go into this one
        if may_forget:
            plan.forgotten += self._forget(findings.forget, study, plan.dropped)
        before = {_said(note): note.id for note in log.notes([id for done in plan.earlier for id in done.notes])}
        for note in findings.notes:
            if known := before.get(_said(note)) or _known(note, study):
                plan.same.append(known)
                continue
            stored = note.model_copy(
                update={
                    "id": _note_id(leased, len(plan.new)),
                    "run": study.run,
                    "commit": study.head if _is_committed(note, study) else None,
                }
            )
            try:
                check_note(stored)
            except NoteRefused as refusal:
                plan.dropped.append(str(refusal))
                continue
            plan.new.append(stored)
        return plan

    def _finish(self, plans: Sequence[_Plan], study: Study) -> None:
        mine = {id for plan in plans for id in [*plan.same, *(note.id for note in plan.new)]}
        candidates = [id for plan in plans for done in plan.earlier for id in done.notes if id not in mine]
        there = {note.id for note in study.notes.log.notes(candidates)} if candidates else set()
        broken = study.notes.broken(sorted(there)) if there else {}
        given_up: list[str] = []
        for plan in plans:
            outdated = _outdated(plan.earlier, there, broken)
            plan.forgotten += self._forget(outdated, study, plan.dropped)
            given_up += outdated
        done = [Done(plan.leased.item, (*plan.same, *(note.id for note in plan.new))) for plan in plans]
        self._queue.finish(done, given_up)

    def _earlier(self, item: Item) -> list[Done]:
        return self._queue.made_about(item.pass_name, item.about)

    def _forget(self, ids: Iterable[str], study: Study, dropped: list[str]) -> int:
        log = study.notes.log
        there = [note.id for note in log.notes(list(ids))]
        count = 0
        for begin in range(0, len(there), FEW):
            try:
                count += len(log.forget(there[begin : begin + FEW], by="observed", run=study.run))
            except NoteRefused as refusal:
                dropped.append(str(refusal))
        return count


def _outdated(earlier: Sequence[Done], there: set[str], broken: Iterable[str]) -> list[str]:
    """Of the earlier notes that are `there`: the live ones, and those of all but the newest versions."""
    found = []
    versions = 0
    for done in earlier:
        left = [id for id in done.notes if id in there]
        found += [id for id in left if id not in broken or versions >= KEPT_VERSIONS]
        versions += any(id in broken for id in left)
    return found


def _note_id(leased: Leased, number: int) -> str:
    return id_from(leased.queued_at, f"{leased.item.key} {number}")


def _said(note: Note) -> Note:
    """What a note says, without what tells it from another that says the same."""
    return Note(**{**note.__dict__, **_APART})


def _known(note: Note, study: Study) -> str | None:
    """The id of a live note with the same words, where a model says what is known already."""
    if note.origin != "inferred":
        return None
    log = study.notes.log
    same = [known.id for known in log.notes(log.search(note.text, 10)) if _words(known) == _words(note)]
    broken = study.notes.broken(same) if same else {}
    return next((id for id in same if id not in broken), None)


def _words(note: Note) -> str:
    return " ".join(note.text.split()).casefold()


def _is_committed(note: Note, study: Study) -> bool:
    return all(study.committed.get(anchor.path) == anchor.blob for anchor in note.anchors)
