"""Reads the edits in a model's answer: search/replace blocks and whole files, as tolerantly as is safe.

A block is found by its markers, wherever fences stand, so that fences in a file's own text do no harm:

    path/to/file.py
    ```
    <<<<<<< SEARCH
    lines as they are
    =======
    lines as they shall be
    >>>>>>> REPLACE
    ```

A fence without markers, right below a line that is a path, is a whole file.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from agent.edits import Edit

MARKER = 7
"""Signs in a marker, if nothing else is said."""

_SEARCH = re.compile(r"\s{0,3}(<{5,}) ?SEARCH\b.*", re.IGNORECASE)
_REPLACE = re.compile(r"\s{0,3}(>{5,})(?: ?REPLACE\b.*)?\s*", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s{0,3}(={5,})\s*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_DIFF = re.compile(r"[ `~]*(?:diff|patch)\b", re.IGNORECASE)
_BARE = re.compile(r"[\w.@+ ()\[\]-]+(?:/[\w.@+ ()\[\]-]+)*")
_NEW_PATH = re.compile(r"\w/[\w.-]+$|\w\.[A-Za-z]\w{0,7}$")
_LABEL = re.compile(r"(?:file(?:name|path)?|path)\s*:\s*", re.IGNORECASE)
_KIND = re.compile(r"\s*\((?:the )?(?:new|whole|full|complete|entire|updated)(?: file)?\)$", re.IGNORECASE)
_DECORATION = "*`'\":#>[] \t"
# Where a model leaves out code: "# ... rest of the class unchanged", "// existing code", "# ...".
_ELISION = re.compile(
    r"^\s*(?:#|//|/\*|--|<!--|;)?\s*(?:\.\.\.|…)\s*\(?(?:the )?"
    r"(?:rest|remaining|existing|previous|other|same|unchanged)\b.*$"
    r"|^\s*(?:#|//|/\*|--|<!--|;)\s*\(?(?:the )?(?:rest of|remaining|existing) (?:the )?"
    r"(?:code|file|class|methods?|functions?|module|implementation)\b.{0,40}$"
    r"|^\s*(?:#|//|/\*|--|<!--|;)\s*(?:\.\.\.|…)\s*(?:\*/|-->)?\s*$",
    re.IGNORECASE | re.MULTILINE,
)

Read = Callable[[str], str | None]
"""The text of a file that is there, with \\n; None where there is none."""


@dataclass(frozen=True)
class Answer:
    """What an answer asks for. Where `problem` is set, it is incomplete, and the sentences are for its author."""

    edits: tuple[Edit, ...]
    problem: str | None = None


class _Block(NamedTuple):
    first: int
    end: int
    edit: Edit | None
    problem: str


def read_answer(text: str, read: Read, files: Sequence[str], marker: int = MARKER) -> Answer:
    """The edits of an answer, in order. `files` are the paths that there are; `marker` the length of its markers."""
    lines = text.replace("\r\n", "\n").split("\n")
    paths = _Paths(read, files)
    blocks = _marked_blocks(lines, paths, marker)
    taken = {i for block in blocks for i in range(block.first, block.end)}
    blocks += _whole_files(lines, taken, paths)
    blocks.sort(key=lambda block: block.first)
    problems = [block.problem for block in blocks if block.problem]
    wanted = [block.edit for block in blocks if block.edit]
    edits = tuple(edit for edit in wanted if edit.old != edit.new)
    if wanted and not edits:
        problems.append("The edits change nothing: what they search for is what they put in its place.")
    if not edits and not problems:
        problems = ["There is no edit in the answer: no SEARCH/REPLACE block, and no whole file below its path."]
    return Answer(edits, "\n".join(problems) or None)


class _Paths:
    """Which file a line means."""

    def __init__(self, read: Read, files: Sequence[str]) -> None:
        self.read = read
        self._files = files
        self._known = frozenset(files)

    def named(self, line: str) -> str | None:
        """The path that a line consists of, whatever decorates it; None where it says something else."""
        text = _LABEL.sub("", line.strip(_DECORATION))
        text = _KIND.sub("", text.strip(_DECORATION)).strip(_DECORATION).removeprefix("./")
        if text in self._known:
            return text
        if not text or not _BARE.fullmatch(text.lstrip("/")):
            return None
        # A path that begins too late, or too early: a/calc.py, /repo/calc.py.
        ends = [path for path in self._files if path.endswith("/" + text)]
        ends += [path for path in self._files if "/" in path and text.endswith("/" + path)]
        ends += [path for path in self._files if text in (f"a/{path}", f"b/{path}", f"/repo/{path}")]
        if len(ends) == 1:
            return ends[0]
        is_path = " " not in text and not text.startswith("/") and _NEW_PATH.search(text)
        return text if is_path else None

    def mentioned(self, line: str) -> str | None:
        """The one known path among the words of a line; None where there is none, or several."""
        words = {word.strip(_DECORATION + ".,;()") for word in line.split()}
        found = words & self._known
        return found.pop() if len(found) == 1 else None


def _marked_blocks(lines: Sequence[str], paths: _Paths, marker: int) -> list[_Block]:
    blocks: list[_Block] = []
    openers = [i for i, line in enumerate(lines) if _length(_SEARCH, line, marker)]
    last_path: str | None = None
    for first, limit in pairwise([*openers, len(lines)]):
        path = _path_above(lines, first, paths, in_prose=True) or last_path
        blocks.append(_marked_block(lines, first, limit, path, marker))
        last_path = path
    return blocks


def _marked_block(lines: Sequence[str], first: int, limit: int, path: str | None, marker: int) -> _Block:
    """The block whose opener is at `first`, and which ends before `limit`."""
    where = f"the block for {path!r}" if path else f"the block at line {first + 1} of the answer"
    length = _length(_SEARCH, lines[first], marker)
    middle = _find(_SEPARATOR, lines[:limit], first + 1, length, marker)
    if middle is None:
        return _Block(first, limit, None, f"There is no {'=' * marker} between the two halves of {where}.")
    end = _find(_REPLACE, lines[:limit], middle + 1, length, marker)
    if end is None:
        return _Block(first, limit, None, f"There is no {'>' * marker} REPLACE at the end of {where}.")
    if path is None:
        return _Block(first, end + 1, None, f"There is no path on the line above {where}.")
    old, new = _joined(lines[first + 1 : middle]), _joined(lines[middle + 1 : end])
    elision = _ELISION.search(new)
    if elision and elision[0] not in old:
        return _Block(first, end + 1, None, _leaves_out(path, elision[0]))
    return _Block(first, end + 1, Edit(path, old if old.strip() else "", new), "")


def _length(marker: re.Pattern[str], line: str, length: int) -> int:
    """How many signs the marker on this line has, 0 where it is none. Only the usual length may be miscounted."""
    match = marker.fullmatch(line)
    return len(match[1]) if match and (length == MARKER or len(match[1]) == length) else 0


def _find(pattern: re.Pattern[str], lines: Sequence[str], start: int, length: int, marker: int) -> int | None:
    """The first marker from `start`; one as long as the opener comes before others."""
    found = {i: n for i in range(start, len(lines)) if (n := _length(pattern, lines[i], marker))}
    return next((i for i, n in found.items() if n == length), next(iter(found), None))


def _path_above(lines: Sequence[str], first: int, paths: _Paths, *, in_prose: bool) -> str | None:
    """The path of a block: on the line before it, or before its fence, or behind the fence's language."""
    for i in range(first - 1, max(-1, first - 4), -1):
        fence = _FENCE.fullmatch(lines[i])
        if fence:
            info = fence[2].strip().rpartition(" ")[2].rpartition(":")[2]
            if ("." in info or "/" in info) and (path := paths.named(info)):
                return path
        elif lines[i].strip():
            return paths.named(lines[i]) or (paths.mentioned(lines[i]) if in_prose else None)
    return None


def _whole_files(lines: Sequence[str], taken: set[int], paths: _Paths) -> list[_Block]:
    blocks = []
    i = 0
    while i < len(lines):
        fence = None if i in taken else _FENCE.fullmatch(lines[i])
        if not fence:
            i += 1
            continue
        close = re.compile(rf" {{0,3}}{re.escape(fence[1][0])}{{{len(fence[1])},}}\s*")
        end = next((j for j in range(i + 1, len(lines)) if j not in taken and close.fullmatch(lines[j])), None)
        stop = len(lines) if end is None else end
        path = _path_above(lines, i + 1, paths, in_prose=False)
        if path and taken.isdisjoint(range(i, stop)):
            blocks.append(_whole_file(lines, i, end, path, paths))
        i = stop + 1
    return blocks


def _whole_file(lines: Sequence[str], first: int, end: int | None, path: str, paths: _Paths) -> _Block:
    if end is None:
        return _Block(first, len(lines), None, f"The fence around {path!r} is not closed.")
    if _DIFF.match(lines[first]) and not path.endswith((".diff", ".patch")):
        return _Block(first, end + 1, None, f"The block for {path!r} is a diff: write SEARCH and REPLACE instead.")
    new = _joined(lines[first + 1 : end])
    old = paths.read(path)
    if problem := _not_whole(path, old, new):
        return _Block(first, end + 1, None, problem)
    return _Block(first, end + 1, Edit(path, old or "", new), "")


def _not_whole(path: str, old: str | None, new: str) -> str:
    """Why a text without markers cannot be the whole new file: a snippet would wipe out the rest. Empty if it can."""
    if old is None or not old.strip():
        return ""
    elision = _ELISION.search(new)
    if elision and elision[0] not in old:
        return _leaves_out(path, elision[0])
    kept = {line.strip() for line in new.split("\n")}
    before = [line.strip() for line in old.split("\n") if line.strip()]
    lost = sum(line not in kept for line in before)
    if lost > max(3, len(before) / 3):
        return (
            f"The block for {path!r} has no SEARCH/REPLACE markers, and {lost} of the file's {len(before)} lines are"
            " missing in it: use SEARCH/REPLACE blocks, or write the whole file."
        )
    return ""


def _leaves_out(path: str, line: str) -> str:
    return f"The block for {path!r} leaves out code where it says {line.strip()!r}: write the lines as they shall be."


def _joined(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)
