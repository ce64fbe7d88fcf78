"""Notes as a file that a person can read, edit and import again without loss: Markdown, or a JSON object a line."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pydantic import ValidationError

from memory.errors import NoteRefused
from memory.records import Note

Format = Literal["markdown", "jsonl"]
_TITLE = "# Notes (sleepwright, version 1)"
_HEAD = re.compile(r"## ([0-9a-z]+)\s*")
_FIELD = re.compile(r"- (\w+): (.*)")
_FENCE = re.compile(r"(`{3,}|~{3,})\w*\s*")


def export_notes(notes: Iterable[Note], form: Format) -> str:
    """All that is known of the notes."""
    if form == "jsonl":
        return "".join(_json(note) + "\n" for note in notes)
    return "\n".join([_TITLE, "", *(_section(note) for note in notes)])


def import_notes(text: str) -> list[Note]:
    """The notes in an export of either form. NoteRefused, with the place, where one cannot be read."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    first = next((line for line in text.split("\n") if line.strip()), "")
    if first.startswith("{"):
        return [_note(line, f"line {n}") for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not first.startswith("#"):
        raise NoteRefused("This is no export of notes: it begins neither with a heading nor with a JSON object.")
    return [_parsed(id, lines, where) for id, lines, where in _sections(text.split("\n"))]


def _json(note: Note) -> str:
    return json.dumps(note.model_dump(mode="json", exclude_defaults=True) | {"id": note.id}, ensure_ascii=False)


def _section(note: Note) -> str:
    fields = json.loads(_json(note))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", note.text)), default=0))
    lines = [
        f"- {name}: {json.dumps(fields[name], ensure_ascii=False)}" for name in fields if name not in ("id", "text")
    ]
    return "\n".join([f"## {note.id}", "", *lines, "", f"{fence}text", note.text, fence, ""])


def _sections(lines: Sequence[str]) -> Iterator[tuple[str, list[str], str]]:
    """Id, lines and place of each; a heading within a fence is text."""
    found: tuple[str, list[str], str] | None = None
    fence = ""
    for number, line in enumerate(lines, start=1):
        head = _HEAD.fullmatch(line) if not fence else None
        if head:
            if found:
                yield found
            found = head[1], [], f"the section of {head[1]!r} in line {number}"
            continue
        if fence:
            fence = "" if line.strip() == fence else fence
        elif opening := _FENCE.fullmatch(line):
            fence = opening[1]
        if found:
            found[1].append(line)
    if found:
        yield found


def _parsed(id: str, lines: Sequence[str], where: str) -> Note:
    fields: dict[str, object] = {"id": id}
    opening = next((i for i, line in enumerate(lines) if _FENCE.fullmatch(line)), None)
    fence = _FENCE.fullmatch(lines[opening]) if opening is not None else None
    if opening is None or fence is None:
        raise NoteRefused(f"{where} has no fenced text.")
    end = next((i for i in range(opening + 1, len(lines)) if lines[i].strip() == fence[1]), None)
    if end is None:
        raise NoteRefused(f"The fence in {where} is not closed.")
    for line in filter(str.strip, lines[:opening]):
        field = _FIELD.fullmatch(line.strip())
        try:
            fields[field[1] if field else ""] = json.loads(field[2] if field else "")
        except (ValueError, RecursionError):
            raise NoteRefused(f"{where} has a line that is no `- name: JSON`: {line.strip()[:200]!r}.") from None
    return _note(json.dumps({**fields, "text": "\n".join(lines[opening + 1 : end])}), where)


def _note(text: str, where: str) -> Note:
    try:
        return Note.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the line"
        raise NoteRefused(f"{where} is no note: {place}: {first['msg']}.") from None
