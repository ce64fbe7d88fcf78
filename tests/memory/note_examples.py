"""Notes for tests."""

from memory.experiences import new_id
from memory.records import Anchor, Note, NoteKind, Origin


def note(
    text: str = "The parser reads UTF-8 only.",
    *,
    id: str | None = None,
    origin: Origin = "inferred",
    kind: NoteKind = "fact",
    anchors: tuple[Anchor, ...] = (),
    run: str | None = None,
    commit: str | None = None,
) -> Note:
    return Note(id=id or new_id(), text=text, origin=origin, kind=kind, anchors=anchors, run=run, commit=commit)


def anchor(path: str = "src/parser.py", blob: str = "8ab686eafeb1f44702738c8b0f24f2567c36da6d") -> Anchor:
    return Anchor(path=path, blob=blob)
