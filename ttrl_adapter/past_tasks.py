"""Exercises from what the agent has done: the functions that a finished task's candidates changed, as they were before.

Marked are the lines that candidates changed: what seemed suspicious, told without a label. What the tests said about a
candidate is known of the answer that comes to the same function.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.edits import decode
from agent.errors import EditRefused, RepositoryError
from agent.function_view import MARKS, View, parse, prompt, units, view_unit
from agent.workspace import Repository
from memory.records import Candidate, Experience
from ttrl_adapter.pool import exercise_id, is_canary
from ttrl_adapter.records import Exercise
from ttrl_adapter.reward import key_of_lines

MOST_MARKS = 6
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


@dataclass(frozen=True)
class Change:
    """One candidate's change of one file."""

    path: str
    lines: tuple[int, ...]
    """Of the old file, from 1: removed, or followed by something added."""
    new: str
    """The file after it."""
    passed: bool | None


def of_experience(experience: Experience, repository: Repository, fits: Callable[[str], bool]) -> Iterator[Exercise]:
    """One exercise for each function that its candidates changed and that `fits` the policy's prompt.

    None where git has cleared the snapshot away; never one that is a canary."""
    if is_canary(experience.id) or not repository.has(experience.task.snapshot):
        return
    files: dict[str, str] = {}
    changes: list[Change] = []
    for candidate in experience.candidates:
        found = _change(candidate, experience.task.snapshot, repository, files)
        if found:
            changes.append(found)
    for path in sorted({change.path for change in changes}):
        yield from _exercises([c for c in changes if c.path == path], files[path], experience.id, fits)


def _exercises(changes: Sequence[Change], source: str, origin: str, fits: Callable[[str], bool]) -> Iterator[Exercise]:
    tree = parse(source)
    for unit in units(tree) if tree else ():
        first, last = unit[0].lineno, unit[-1].end_lineno or unit[-1].lineno
        inside = [c for c in changes if any(first <= line <= last for line in c.lines)]
        view = view_unit(source, unit) if inside else None
        if view is None:
            continue
        places = Counter(place for c in inside for line in c.lines if (place := view.line_of(line)) is not None)
        marked = sorted(place for place, _ in places.most_common(MOST_MARKS))
        text = prompt(view.lines, marked)
        if marked and fits(text):
            yield Exercise(
                id=exercise_id(text),
                prompt=text,
                first=MARKS[: len(marked)],
                stop=MARKS,
                lines=view.lines,
                marked=tuple(marked),
                passed=_keys(inside, view, passed=True),
                failed=_keys(inside, view, passed=False),
                origin=origin,
            )


def _keys(changes: Sequence[Change], view: View, passed: bool) -> tuple[str, ...]:
    """Keys of the unit as the changes with this test result left it."""
    found = (_key_after(change, view) for change in changes if change.passed is passed)
    return tuple(dict.fromkeys(key for key in found if key))


def _key_after(change: Change, view: View) -> str | None:
    tree = parse(change.new)
    first = view.unit[0].lineno
    unit = next((u for u in units(tree) if u[0].lineno == first), None) if tree else None
    after = view_unit(change.new, unit) if unit else None
    return key_of_lines(after.lines, view.lines) if after else None


def _change(candidate: Candidate, snapshot: str, repository: Repository, files: dict[str, str]) -> Change | None:
    """Of a candidate that changed one Python file; None of any other."""
    paths = re.findall(r"^--- a/(.+)$", candidate.patch, re.MULTILINE)
    if candidate.abstained is not None or len(paths) != 1 or not paths[0].endswith(".py"):
        return None
    path = paths[0]
    try:
        if path not in files:
            files[path] = decode(repository.read(snapshot, path) or b"").text
    except (EditRefused, RepositoryError):
        return None
    patched = _patched(files[path], candidate.patch)
    if patched is None:
        return None
    lines, new = patched
    return Change(path, lines, new, None if candidate.check is None else candidate.check.passed)


def _patched(old: str, patch: str) -> tuple[tuple[int, ...], str] | None:
    """The changed lines and the new text; None where the hunks are not those of this text."""
    before = _lines(old)
    after: list[str] = []
    changed: list[int] = []
    position = 0
    for row in _lines(patch[patch.find("\n@@ -") + 1 :]):
        if hunk := _HUNK.match(row):
            start = int(hunk[1]) - (hunk[2] != "0")
            after += before[position:start]
            position = start
        elif row[0] == "+":
            after.append(row[1:])
            changed.append(min(position + 1, len(before)))
        elif row[0] in " -":
            if position >= len(before) or before[position].rstrip("\r\n") != row[1:].rstrip("\r\n"):
                return None
            if row[0] == " ":
                after.append(before[position])
            else:
                changed.append(position + 1)
            position += 1
    return tuple(dict.fromkeys(changed)), "".join([*after, *before[position:]])


def _lines(text: str) -> list[str]:
    """As git has them, which knows no other line breaks."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)
