"""A served model rewrites what models have inferred: several notes that say much the same into one, and a note whose
file has changed into what holds now. What it writes is compared with the repository, and with what it is to replace.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from agent.chat import Message, count_prompt
from agent.errors import ModelError
from agent.templates import render_from
from memory.note_rules import MOST_ANCHORS, MOST_CHECKS
from memory.records import Note, Tokens
from sleeptime.claims import Claim
from sleeptime.note_words import words_of
from sleeptime.snapshot_text import shortened, text_of, tree_of
from sleeptime.study import Findings, Study
from sleeptime.verification import Invented, verify

NEAR = 0.3
"""Jaccard of the plain words of notes that are put before the model as perhaps the same."""
MOST_TOGETHER = 5
SHORTEST = 0.8
"""Of the length of the longest note that it replaces: a shorter text has lost something, whatever it names."""
REPLY_TOKENS = 400
_LONGEST_TEXT = 1_200
_NOTHING = "NOTHING"
_PROMPTS = Path(__file__).parent / "prompts"


def near_duplicates(notes: Sequence[Note], left_out: Collection[str]) -> list[tuple[Note, ...]]:
    """Groups of inferred facts on one file that say much the same, the oldest first; each note in one group. Pure.

    `left_out` are ids of notes that are dealt with otherwise.
    """
    by_subject: dict[tuple[str, str], list[Note]] = {}
    for note in sorted(notes, key=lambda note: note.id):
        if note.origin == "inferred" and note.kind == "fact" and note.anchors and note.id not in left_out:
            by_subject.setdefault((note.anchors[0].path, _subject(note)), []).append(note)
    found = []
    for together in by_subject.values():
        while together:
            first, *others = together
            group = [first, *(other for other in others if _is_near(first, other))][:MOST_TOGETHER]
            if len(group) > 1:
                found.append(tuple(group))
            together = [note for note in together if note not in group]
    return found


def loss(before: Sequence[Note], text: str) -> str | None:
    """What a text in the place of notes would lose, in words; None where nothing is lost as far as a machine tells."""
    if not text.strip():
        return "it is empty"
    if len(text) > _LONGEST_TEXT:
        return "it is too long for one note"
    if len(text) < SHORTEST * max(len(note.text) for note in before):
        return "it is shorter than what was known"
    for note in before:
        words = words_of(note.text)
        if missing := sorted(name for name in words.code | words.numbers if name not in text):
            return f"it leaves out {missing[0]!r}"
    return None


def merge_prompt(notes: Sequence[Note]) -> list[Message]:
    """To make one of several."""
    path, texts = notes[0].anchors[0].path, [_body(note) for note in notes]
    return [Message("user", render_from(_PROMPTS, "merge", path=path, texts=texts, nothing=_NOTHING))]


def merge_tokens(notes: Sequence[Note]) -> int:
    """At most, of asking."""
    return count_prompt(merge_prompt(notes)) + REPLY_TOKENS


def merged_by_model(notes: Sequence[Note], uses: Mapping[str, int], study: Study) -> Findings:
    """One note in the place of several, where the model's text holds and loses nothing."""
    said, tokens = _ask(merge_prompt(notes), study)
    if said is None:
        return Findings(tokens=tokens)
    stays = max(notes, key=lambda note: (uses.get(note.id, 0), len(note.text)))
    text = f"{_subject(stays)}: {said}" if _subject(stays) else said
    if problem := loss(notes, text) or _invention(said, stays, study):
        return Findings(tokens=tokens, dropped=(f"one note for {_ids(notes)}: {problem}",))
    order = (stays, *notes)
    anchors = {anchor.path: anchor for note in reversed(order) for anchor in reversed(note.anchors)}
    paths = dict.fromkeys(anchor.path for note in order for anchor in note.anchors)
    checks = dict.fromkeys(check for note in order for check in note.checks)
    together = stays.model_copy(
        update={
            "text": text,
            "anchors": tuple(anchors[path] for path in paths)[:MOST_ANCHORS],
            "checks": tuple(checks)[:MOST_CHECKS],
            "cost": stays.cost + tokens,
        }
    )
    return Findings(edits=(together,), forget=tuple(note.id for note in notes if note.id != stays.id), tokens=tokens)


def rethink_prompt(note: Note, study: Study) -> list[Message]:
    """To make of a stale note what holds now."""
    path = note.anchors[0].path
    content = text_of(study, path)
    shown = shortened(content)
    asked = render_from(
        _PROMPTS, "rethink", path=path, text=_body(note), content=shown, cut=shown != content, nothing=_NOTHING
    )
    return [Message("user", asked)]


def rethought(note: Note, study: Study) -> Findings:
    """What holds now, as a new note: the old one is true again where its file is as it was."""
    said, tokens = _ask(rethink_prompt(note, study), study)
    if said is None:
        return Findings(tokens=tokens)
    text = f"{_subject(note)}: {said}" if _subject(note) else said
    if problem := _invention(said, note, study) or ("it is empty" if not said else None):
        return Findings(tokens=tokens, dropped=(f"the stale note {note.id}: {problem}",))
    model = study.model.name if study.model else ""
    anchors = tuple(study.anchor(anchor.path, anchor.symbol) for anchor in note.anchors)
    fresh = Note(
        id="",
        text=text,
        kind=note.kind,
        origin="inferred",
        anchors=anchors,
        source=f"the model {model}, of the note {note.id}",
        checks=("all that it names is in the repository",),
        cost=tokens,
    )
    return Findings(notes=(fresh,), tokens=tokens)


def _ask(prompt: Sequence[Message], study: Study) -> tuple[str | None, Tokens]:
    """One answer, None where the model has nothing to say, and what it cost."""
    assert study.model
    replies = study.model.sample(prompt, temperature=0.2, max_tokens=REPLY_TOKENS, watch=lambda live: not study.stop())
    study.go_on()
    if not replies:
        raise ModelError("The model may be asked no more within the budget of this sleep.")
    tokens = sum((reply.tokens for reply in replies), Tokens())
    said = " ".join(replies[0].text.split())
    is_nothing = replies[0].was_cut or said.strip("`. ").upper() == _NOTHING
    return (None if is_nothing else said), tokens


def _invention(said: str, note: Note, study: Study) -> str | None:
    """What a text about the note's file names that is not there; None where all is."""
    try:
        verify(Claim("purpose", said), note.anchors[0].path, tree_of(study))
    except Invented as problem:
        return str(problem)
    return None


def _is_near(one: Note, other: Note) -> bool:
    words, others = words_of(_body(one)), words_of(_body(other))
    alike = len(words.plain & others.plain) / max(1, len(words.plain | others.plain))
    is_about_the_same = bool(words.code & others.code) or not (words.code or others.code)
    return is_about_the_same and alike >= NEAR


def _subject(note: Note) -> str:
    """What it begins with where it is a claim about its file, such as "a.py, pitfall"; "" else."""
    head, colon, _ = note.text.partition(": ")
    return head if colon and head.startswith(f"{note.anchors[0].path}, ") else ""


def _body(note: Note) -> str:
    subject = _subject(note)
    return note.text.removeprefix(f"{subject}: ") if subject else note.text


def _ids(notes: Sequence[Note]) -> str:
    return ", ".join(note.id for note in notes)
