"""What a sleep would think about and change, without doing it."""

from collections.abc import Sequence
from dataclasses import dataclass

from memory.records import Note
from sleeptime.records import Item
from sleeptime.study import Pass, Study
from sleeptime.work_queue import WorkQueue

LIGHT = ("survey", "reflect", "merge")
"""Passes whose work without a model only looks; what they would change is shown, the others' items are only named."""
REWRITING = "merge"
"""The pass that changes what is known: what it would make of it is shown even where a model has to be asked for it."""


@dataclass(frozen=True)
class Foreseen:
    """An item that is still to be thought about, and what would come of it, as far as that can be told."""

    item: Item
    added: tuple[Note, ...] = ()
    edited: tuple[tuple[Note, Note], ...] = ()
    """Before and after."""
    forgotten: tuple[Note, ...] = ()
    dropped: tuple[str, ...] = ()


def foresee(study: Study, passes: Sequence[Pass], queue: WorkQueue) -> list[Foreseen]:
    """For every item that is not finished, best first. Nothing is written but caches."""
    found = []
    budget = study.budget
    for each in passes:
        for item in queue.unfinished(list(each.items(study))):
            study.go_on()
            most = budget if each.name == REWRITING else 0
            is_shown = each.name in LIGHT and item.estimated_tokens <= most
            found.append(_changes(item, each, study) if is_shown else Foreseen(item))
            budget -= item.estimated_tokens if is_shown else 0
    return sorted(found, key=lambda foreseen: -foreseen.item.worth)


def _changes(item: Item, thinker: Pass, study: Study) -> Foreseen:
    findings = thinker.work(item, study)
    log = study.notes.log
    before = {note.id: note for note in log.notes([note.id for note in findings.edits])}
    return Foreseen(
        item,
        added=findings.notes,
        edited=tuple((before[note.id], note) for note in findings.edits if note.id in before),
        forgotten=tuple(log.notes(findings.forget)),
        dropped=findings.dropped,
    )
