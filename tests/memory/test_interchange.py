"""Out and in again without loss, by both forms, whatever the notes hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.errors import NoteRefused
from memory.interchange import Format, export_notes, import_notes
from memory.records import Anchor, Answer, Note, Tokens

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t`#~-"), min_size=1)
ANCHORS = st.builds(
    Anchor,
    path=st.from_regex(r"[a-zé \"`]{1,9}\.py", fullmatch=True),
    blob=st.just("8ab686eafeb1f44702738c8b0f24f2567c36da6d"),
    symbol=st.none() | st.just("A.b"),
    lines=st.none() | st.just((3, 9)),
)
NOTES = st.builds(
    Note,
    id=st.from_regex(r"[0-9a-z]{6,15}", fullmatch=True),
    revision=st.integers(1, 5),
    text=TEXT,
    kind=st.sampled_from(["fact", "lesson"]),
    origin=st.sampled_from(["user-said", "observed", "inferred"]),
    anchors=st.lists(ANCHORS, max_size=3).map(tuple),
    commit=st.none() | st.just("1" * 40),
    run=st.none() | st.just("run-1"),
    source=st.none() | TEXT,
    checks=st.lists(TEXT, max_size=2).map(tuple),
    cost=st.builds(Tokens, prompt=st.integers(0, 9)),
    answer=st.none() | st.builds(Answer, patch=TEXT, tests=st.just(("t::a",)), request=TEXT),
)


@pytest.mark.parametrize("form", ["markdown", "jsonl"])
@given(notes=st.lists(NOTES, max_size=3))
def test_what_goes_out_comes_in_again(form: Format, notes: list[Note]) -> None:
    exported = export_notes(notes, form)
    assert (import_notes(exported) if notes else []) == notes


def test_markdown_can_be_read_and_edited() -> None:
    note = Note(id="abc123", text="The parser is slow.", origin="inferred", created_at="2026-01-02T03:04:05Z")  # type: ignore[arg-type]
    exported = export_notes([note], "markdown")
    assert exported == (
        "# Notes (sleepwright, version 1)\n\n## abc123\n\n"
        '- created_at: "2026-01-02T03:04:05Z"\n- origin: "inferred"\n\n```text\nThe parser is slow.\n```\n'
    )
    (edited,) = import_notes(exported.replace("slow", "fast").replace("\n", "\r\n"))
    assert edited == note.model_copy(update={"text": "The parser is fast."})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no export of notes"),
        ("hello", "no export of notes"),
        ('{"id": "abc123"}', "line 1 is no note: text: Field required"),
        ('{"id": "abc123", "text": "a", "origin": "god"}', "line 1 is no note: origin"),
        ("# N\n## abc123\n", "the section of 'abc123' in line 2 has no fenced text"),
        ("# N\n## abc123\n```\ntext\n", "is not closed"),
        ("# N\n## abc123\n- origin: inferred\n```\ntext\n```\n", "no `- name: JSON`: '- origin: inferred'"),
        ("# N\n## abc123\n- run: " + "[" * 100_000 + "\n```\ntext\n```\n", "no `- name: JSON`: '- run: "),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(NoteRefused, match=reason):
        import_notes(text)
