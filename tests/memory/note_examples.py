"""Notes for tests."""

from memory.experiences import new_id
from memory.records import Anchor, Answer, Note, NoteKind, Origin


def note(
    text: str = "The parser reads UTF-8 only.",
    *,
    id: str | None = None,
    origin: Origin = "inferred",
    kind: NoteKind = "fact",
    anchors: tuple[Anchor, ...] = (),
    run: str | None = None,
    commit: str | None = None,
    answer: Answer | None = None,
) -> Note:
    return Note(
        id=id or new_id(),
        text=text,
        origin=origin,
        kind=kind,
        anchors=anchors,
        run=run,
        commit=commit,
        answer=answer,
    )


def anchor(path: str = "src/parser.py", blob: str = "8ab686eafeb1f44702738c8b0f24f2567c36da6d") -> Anchor:
    return Anchor(path=path, blob=blob)


def answer(*tests: str, patch: str = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n", request: str = "") -> Note:
    """A note with a patch."""
    return note("x is 2.", kind="answer", answer=Answer(patch=patch, tests=tests, request=request))
