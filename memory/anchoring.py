"""From a place that somebody names to the anchor that a note stands on, as the tree is now."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from memory.errors import NoteRefused
from memory.records import Anchor
from memory.work_tree import WorkTree

_WORD = re.compile(r"\w+")
_NO_WORD = re.compile(r"<\w+>")  # `<locals>` in a qualified name stands in no file
_PLACE = re.compile(r"(?P<path>.+?)(?:::(?P<symbol>[\w.$<>~]+)|:(?P<first>\d+)(?:-(?P<last>\d+))?)?")


class Evidence(NamedTuple):
    """What a note stands on."""

    anchors: tuple[Anchor, ...]
    commit: str | None
    """HEAD, where it has all of them; None where some are not committed."""


def evidence(tree: WorkTree, places: Sequence[str]) -> Evidence:
    """The anchors for places like `src/a.py`, `src/a.py:12-30` or `src/a.py::Parser.parse`, from the tree's root.

    NoteRefused where there is no such file, or not so much in it.
    """
    parsed = [_parse(place) for place in dict.fromkeys(places)]
    held = tree.held()
    for path, _, _ in parsed:
        _refuse_inside_submodule(path, held.blobs)
    untracked = tree.hashed(path for path, _, _ in parsed if path not in held.blobs)
    anchors = []
    for path, symbol, lines in parsed:
        blob = held.blobs.get(path) or untracked.get(path)
        if blob is None:
            raise NoteRefused(
                f"There is no file {path!r} in the work tree: write its path from the root of the repository."
            )
        anchor = Anchor(path=path, blob=blob, symbol=symbol, lines=lines)
        _check_part(anchor, tree)
        anchors.append(anchor)
    head = tree.head()
    is_committed = head is not None and tree.holds_at_head([(anchor.path, anchor.blob) for anchor in anchors])
    return Evidence(tuple(anchors), head if is_committed else None)


def _parse(place: str) -> tuple[str, str | None, tuple[int, int] | None]:
    found = _PLACE.fullmatch(place.strip())
    if not found:
        raise NoteRefused(f"{place!r} names no file: write PATH, PATH:FIRST-LAST or PATH::SYMBOL.")
    path = found["path"].removeprefix("./").rstrip("/")
    if path.startswith("/") or ".." in path.split("/"):
        raise NoteRefused(f"{place!r} is not inside the repository: write the path from its root.")
    if not found["first"]:
        return path, found["symbol"], None
    first = int(found["first"])
    last = int(found["last"] or first)
    if not 1 <= first <= last:
        raise NoteRefused(f"{place!r} names no lines: the first is 1, and the last is not before the first.")
    return path, None, (first, last)


def _refuse_inside_submodule(path: str, blobs: dict[str, str]) -> None:
    """What git holds as one object has no files of its own."""
    for folder in map(str, PurePosixPath(path).parents):
        if folder in blobs:
            raise NoteRefused(
                f"{path!r} lies in the submodule {folder!r}: add the note there, or to the submodule as a whole."
            )


def _check_part(anchor: Anchor, tree: WorkTree) -> None:
    """That the file is as long as the anchor says, and has the words of its symbol."""
    if not (anchor.lines or anchor.symbol):
        return
    text = tree.content(anchor.path).decode("utf-8", "replace")
    if anchor.lines and anchor.lines[1] > (count := len(text.splitlines())):
        raise NoteRefused(f"{anchor.path!r} has {count} lines, and no line {anchor.lines[1]}.")
    there = set(_WORD.findall(text))
    missing = [word for word in _WORD.findall(_NO_WORD.sub("", anchor.symbol or "")) if word not in there]
    if missing:
        raise NoteRefused(f"{anchor.path!r} has no {missing[0]!r} in it: write the name as it stands there.")
