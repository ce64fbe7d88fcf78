"""Answers that were worked out beforehand: which of them bear on what is asked now.

By the tests that fail now, where the answer was found by failing tests; otherwise by the words of the request. Whether
the tree is still the one that an answer was found on is said, not decided on: its patch is tried where it applies.
"""

from collections.abc import Sequence
from typing import NamedTuple

from memory.freshness import broken_anchors
from memory.note_log import NoteLog
from memory.records import Note
from memory.words import words
from memory.work_tree import WorkTree

_MOST = 50  # of each kind, the newest
_ALIKE = 0.6
"""Share of the words of the shorter text that are in the other; below it, two requests have little in common."""


class KnownAnswer(NamedTuple):
    """One that bears on the question."""

    note: Note
    is_live: bool
    """False where the tree has moved on since: only a hint."""


def known_answers(tree: WorkTree, log: NoteLog, failing: Sequence[str], request: str) -> list[KnownAnswer]:
    """Those for tests that fail now, or in whose words the request is put: the live ones first, of them those that mend
    most tests, which are the least likely to fit one by chance, of them the newest."""
    by_test = log.answers_for(failing)[:_MOST]
    by_words = [
        note.id
        for note in log.notes(log.answers_in_words()[:_MOST])
        if note.answer and _alike(request, note.answer.request)
    ]
    ids = list(dict.fromkeys([*by_test, *by_words]))
    if not ids:
        return []
    notes = {note.id: note for note in log.notes(ids)}
    broken = broken_anchors(tree, tree.held(), log, ids)
    found = [KnownAnswer(notes[id], id not in broken) for id in ids if id in notes]
    return sorted(found, key=lambda each: (not each.is_live, each.note.id not in by_test, -_tests(each.note)))


def _tests(note: Note) -> int:
    return len(note.answer.tests) if note.answer else 0


def _alike(one: str, other: str) -> bool:
    ours, theirs = set(words(one)), set(words(other))
    return bool(ours and theirs) and len(ours & theirs) >= _ALIKE * min(len(ours), len(theirs))
