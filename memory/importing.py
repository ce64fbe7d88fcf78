"""Brings exported notes into a record: what is new, and what was edited by hand since."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from memory.errors import NoteRefused
from memory.experiences import new_id
from memory.note_log import NoteLog
from memory.note_rules import check_note
from memory.records import Note


class BroughtIn(NamedTuple):
    """What became of the notes of an export."""

    added: int
    changed: int
    same: int
    run: str
    """Takes all of it back, given to `memory undo`."""


def bring_in(log: NoteLog, notes: Sequence[Note]) -> BroughtIn:
    """Add, edit and bring back, in one run. NoteRefused, and nothing is changed, where one may not be stored.

    A text that was edited is the user's from then on; a new note keeps who said so.
    """
    _check(notes)
    run = f"import-{new_id()}"
    present = {note.id: note for note in log.notes([note.id for note in notes])}
    new = [note for note in notes if note.id not in present]
    log.bring_back(new, run)
    changed = 0
    for note in notes:
        before = present.get(note.id)
        if before is None or _content(before) == _content(note):
            continue
        update = {"origin": "user-said", "source": "edited in an export"} if before.text != note.text else {}
        log.edit(note.model_copy(update=update), seen=before.revision, by="user-said", run=run)
        changed += 1
    return BroughtIn(len(new), changed, len(notes) - len(new) - changed, run)


def _check(notes: Sequence[Note]) -> None:
    for note in notes:
        try:
            check_note(note)
        except NoteRefused as refusal:
            raise NoteRefused(f"{note.id}: {refusal}") from None
    for id, count in Counter(note.id for note in notes).items():
        if count > 1:
            raise NoteRefused(f"The note {id!r} is there {count} times: give what is new an id of its own.")


def _content(note: Note) -> Note:
    """Without what each edit changes by itself."""
    return note.model_copy(update={"revision": 1, "created_at": None, "run": None})
