"""What may be stored as a note: checked on every way in, whoever writes."""

import json
import re
from collections.abc import Sequence

from memory.errors import NoteRefused
from memory.records import Answer, Note, NoteKind, Origin
from memory.secret_rules import find_secret

LONGEST_TEXT = 4_000
"""Bytes of UTF-8: one thing worth knowing. Far below the 16 KB of a document in Chroma Cloud."""
MOST_ANCHORS = 12
MOST_CHECKS = 20
LONGEST_PATH = 300
"""Bytes; with the limits around it, the anchors of a note fit into one metadata value of Chroma Cloud, 8 KB."""
LONGEST_ANSWER = 7_000
"""Bytes of JSON: it is one metadata value of Chroma Cloud too."""
FEW = 20
"""So many notes may always be forgotten at once, however few there are."""
_LONGEST_SYMBOL = 200
_LONGEST_FIELD = 500
_ID = re.compile(r"[0-9a-z]{6,40}")
_GIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def check_note(note: Note) -> None:
    """NoteRefused, with what to do, where the note may not be stored."""
    if not _ID.fullmatch(note.id):
        raise NoteRefused(f"{note.id!r} is no id of a note: it has 6 to 40 small letters and digits.")
    if not note.text.strip():
        raise NoteRefused("The note is empty: say what is worth knowing, or use `sleepwright memory forget`.")
    if (length := len(note.text.encode("utf-8", "surrogatepass"))) > LONGEST_TEXT:
        raise NoteRefused(
            f"The note has {length} bytes, more than {LONGEST_TEXT}: a note is one thing worth knowing; make several."
        )
    if note.kind == "rule" and note.origin != "user-said":
        raise NoteRefused("Only what the user said is a rule: store what was observed or inferred as a fact.")
    if note.revision < 1:
        raise NoteRefused(f"Revision {note.revision} does not exist: the first is 1.")
    if note.commit is not None and not _GIT_ID.fullmatch(note.commit):
        raise NoteRefused(f"The note is of the commit {note.commit!r}: it has to be git's whole id of one.")
    _check_anchors(note)
    _check_lengths(note)  # before anything is looked for in it
    _check_words(note)
    if note.answer:
        _check_answer(note.kind, note.answer)


def check_edit(before: Note, after: Note, by: Origin) -> None:
    """NoteRefused where this is not for this writer to change, or what was known would be lost."""
    if by == "user-said":
        return
    _check_whose(before)
    if after.origin != by:
        raise NoteRefused(f"The new text of {before.id!r} is {by}: it cannot be stored as {after.origin}.")
    if len(after.text.strip()) * 2 < len(before.text.strip()):
        raise NoteRefused(
            f"The new text of {before.id!r} has less than half the length of the old: knowledge would be lost; "
            "forget the note and add another one."
        )


def check_forgetting(notes: Sequence[Note], of: int, by: Origin) -> None:
    """NoteRefused where these notes, `of` all that there are, are not for this writer to forget."""
    if by == "user-said":
        return
    for note in notes:
        _check_whose(note)
    if len(notes) > max(FEW, of // 2):
        raise NoteRefused(f"Forgetting {len(notes)} of {of} notes at once is left to the user.")


def _check_whose(note: Note) -> None:
    if note.origin == "user-said":
        raise NoteRefused(f"The note {note.id!r} is the user's own: only the user changes or forgets it.")


def _check_anchors(note: Note) -> None:
    if len(note.anchors) > MOST_ANCHORS:
        raise NoteRefused(f"The note has {len(note.anchors)} anchors, more than {MOST_ANCHORS}: make several notes.")
    for anchor in note.anchors:
        parts = anchor.path.split("/")
        if not anchor.path or anchor.path.startswith("/") or ".." in parts or ".git" in parts:
            raise NoteRefused(f"The anchor {anchor.path!r} is no path inside the repository.")
        if len(anchor.path.encode("utf-8", "surrogateescape")) > LONGEST_PATH:
            raise NoteRefused(f"The anchor {anchor.path!r} is longer than {LONGEST_PATH} bytes: leave it out.")
        if len((anchor.symbol or "").encode("utf-8", "surrogateescape")) > _LONGEST_SYMBOL:
            raise NoteRefused(f"The symbol {anchor.symbol!r} is longer than {_LONGEST_SYMBOL} bytes: leave it out.")
        if not _GIT_ID.fullmatch(anchor.blob):
            raise NoteRefused(f"The anchor {anchor.path!r} has {anchor.blob!r} where git's id of the blob belongs.")


def _check_lengths(note: Note) -> None:
    for name, field in (("source", note.source or ""), ("run", note.run or "")):
        if len(field) > _LONGEST_FIELD:
            raise NoteRefused(f"The {name} of the note has more than {_LONGEST_FIELD} characters: shorten it.")
    if len(note.checks) > MOST_CHECKS or any(len(check) > _LONGEST_FIELD for check in note.checks):
        raise NoteRefused(
            f"At most {MOST_CHECKS} checks of {_LONGEST_FIELD} characters are kept with a note: shorten them."
        )


def _check_words(note: Note) -> None:
    """What is shown to people and models holds no secrets, and nothing that moves a terminal's cursor."""
    fields = [note.text, note.source or "", note.run or "", *note.checks]
    fields += [word for anchor in note.anchors for word in (anchor.path, anchor.symbol or "")]
    for text in fields:
        if found := _CONTROL.search(text):
            raise NoteRefused(f"The note holds the control character {found[0]!r}: leave it out.")
        if secret := find_secret(text):
            raise NoteRefused(f"The note holds {secret}: say where it is kept instead, secrets are not stored.")


def _check_answer(kind: NoteKind, answer: Answer) -> None:
    """The patch is applied, not shown: of control characters it may have what the code has."""
    if kind != "answer":
        raise NoteRefused(f"A note of kind {kind!r} has a patch: only an answer has one.")
    if not answer.patch.strip():
        raise NoteRefused("The answer has no patch: store what is known as a fact.")
    text = json.dumps(answer.model_dump(mode="json"))
    if len(text) > LONGEST_ANSWER:
        raise NoteRefused(f"The answer has {len(text)} bytes, more than {LONGEST_ANSWER}: it is too large for a note.")
    if _SURROGATE.search(text := "\n".join([answer.patch, answer.request, *answer.tests])):
        raise NoteRefused("The answer's patch is of a file that is not UTF-8: it is not stored.")
    if secret := find_secret(text):
        raise NoteRefused(f"The answer's patch holds {secret}: secrets are not stored.")
