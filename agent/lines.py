"""Find a block of lines in a text and put other lines in its place.

A search text is whole lines. It is looked for exactly, then with trailing whitespace ignored, then with its indentation
shifted as one block or written in tabs for spaces; at each step it must be unique. Lines that the replacement does not
change keep what the file has: line endings, trailing whitespace, tabs.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import islice
from typing import NamedTuple

from agent.errors import EditRefused

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_TAB_WIDTHS = (4, 8, 2, 3)
_SHOWN = 20  # places in a refusal
_SHOWN_LINES = 40
_AROUND = 2  # lines shown before and after a block that may have been meant
_COMPARED = 5000  # distinct lines that a refusal compares: a second at most
_CLIP = 200  # characters of a line that a refusal compares and shows


class _Line(NamedTuple):
    text: str
    eol: str


def replace_lines(text: str, old: str, new: str) -> str:
    """Return `text` with the one occurrence of the lines `old` replaced by the lines `new`; both may lack a last break.

    Raises EditRefused with line numbers where `old` is not empty but absent or ambiguous.
    """
    lines, new_lines = _split(text), _split(new)
    texts, wanted, wished = ([line.text for line in part] for part in (lines, _split(old), new_lines))
    start = _locate(texts, wanted, wished)
    end = start + len(wanted)
    endings = Counter(line.eol for line in lines if line.eol).most_common(1)
    reindented = [
        _Line(text, line.eol) for text, line in zip(_reindent(wished, texts[start:end], wanted), new_lines, strict=True)
    ]
    lines[start:end] = _merge(lines[start:end], wanted, wished, reindented, endings[0][0] if endings else "\n")
    return "".join(line.text + line.eol for line in lines)


def _split(text: str) -> list[_Line]:
    """Lines and their endings; a lone CR ends a line, form feeds and Unicode separators do not."""
    return [_Line(*match.groups()) for match in _LINE.finditer(text)][:-1]  # the last match is the empty end


def _locate(texts: list[str], wanted: list[str], wished: list[str]) -> int:
    """The index of the one place where the `wanted` lines stand; refuses with what it saw instead."""
    for starts in _places(texts, wanted):
        if len(starts) > 1:
            numbers = ", ".join(str(start + 1) for start in starts[:_SHOWN])
            more = " and more" if len(starts) > _SHOWN else ""
            raise EditRefused(f"the search text is ambiguous: it matches at lines {numbers}{more}; add lines around it")
        if starts:
            return starts[0]
    done = next(_find(texts, wished), None) if wished else None
    hint = "" if done is None else f" The new text is in it, at line {done + 1}: is this edit applied already?"
    raise EditRefused(
        f"the search text is not in the file; it must be whole lines as they are.{hint} {_nearest(texts, wanted)}"
    )


def _places(texts: list[str], wanted: list[str]) -> Iterator[list[int]]:
    """Where `wanted` stands, from the strictest way of looking to the most lenient."""
    for key in (str, str.rstrip, _bare):
        found = _find([key(text) for text in texts], [key(text) for text in wanted])
        fitting = (start for start in found if _shifts(texts[start : start + len(wanted)], wanted))
        yield list(islice(fitting, _SHOWN + 1))


def _find(texts: Sequence[str], wanted: Sequence[str]) -> Iterator[int]:
    """The indices where `wanted` stands as whole lines; the string search keeps it linear on hostile files."""
    haystack, needle = ("".join("\n" + text for text in part) + "\n" for part in (texts, wanted))
    index, last, position = 0, 0, haystack.find(needle)
    while position >= 0:
        index += haystack.count("\n", last, position)
        yield index
        last, position = position, haystack.find(needle, position + 1)


def _nearest(texts: list[str], wanted: list[str]) -> str:
    """The real lines that are most like the wanted ones, numbered, with a little around a block."""
    stripped = [text.strip()[:_CLIP] for text in texts]
    starts = _like(stripped, wanted)
    if not starts:
        return "No line is like it." if any(stripped) else "The file has no text."
    near = sorted({i for start in starts for i in _window(start, wanted) if i < len(texts)})
    shown = "\n".join(f"{i + 1}\t{texts[i][:_CLIP]}" for i in near[:_SHOWN_LINES])
    return f"The nearest lines, each after its number, are:\n{shown}"


def _like(stripped: list[str], wanted: list[str]) -> list[int]:
    """Where a block begins that may have been meant: where most of the wanted lines are, at most three places."""
    distinct = list(dict.fromkeys(filter(None, stripped)))[:_COMPARED]
    sought = [text.strip()[:_CLIP] for text in wanted]
    found: dict[int, int] = {}
    # The longest lines say most about the place that was meant.
    for offset, like in sorted(enumerate(sought), key=lambda item: -len(item[1]))[:3]:
        close = [line for line in distinct if like in line][:3] if like else []
        if not close and not found:
            close = get_close_matches(like, distinct, n=3, cutoff=0.6)
        for line in close:
            for i in islice((i for i, other in enumerate(stripped) if other == line), _SHOWN):
                start = i - offset
                found[start] = _agreement(sought, [stripped[j] for j in _window(start, sought) if j < len(stripped)])
    most = max(found.values(), default=0)
    return [start for start, count in found.items() if count == most][:3]


def _agreement(sought: list[str], window: list[str]) -> int:
    """How many lines two blocks share, in the same order."""
    matcher = SequenceMatcher(None, sought[:_SHOWN_LINES], window[:_SHOWN_LINES])
    return sum(block.size for block in matcher.get_matching_blocks())


def _window(start: int, wanted: list[str]) -> range:
    """The indices of a block of so many lines, with a little around it."""
    around = _AROUND if len(wanted) > 1 else 0
    return range(max(0, start - around), max(0, start + len(wanted) + around))


def _merge(window: list[_Line], old: list[str], new: list[str], reindented: list[_Line], eol: str) -> list[_Line]:
    """The lines that take the window's place: the file's own where `old` and `new` agree."""
    merged: list[_Line] = []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            merged += window[i:i_end]
        elif i_end - i == j_end - j:
            pairs = zip(window[i:i_end], old[i:i_end], reindented[j:j_end], strict=True)
            merged += [_Line(_keep_tail(line.text, before, after.text), line.eol) for line, before, after in pairs]
        else:
            merged += [_Line(line.text, "\r" if line.eol == "\r" else eol) for line in reindented[j:j_end]]
    if not merged:
        return []
    *body, (text, ending) = [_Line(line.text, line.eol or eol) for line in merged]
    return [*body, _Line(text, ending if window[-1].eol else "")]


def _keep_tail(line: str, before: str, after: str) -> str:
    """`after` with the file's trailing whitespace, where the edit has not changed what trails."""
    kept = after.rstrip()
    if not kept or before[len(before.rstrip()) :] != after[len(kept) :]:
        return after
    return kept + line[len(line.rstrip()) :]


def _bare(text: str) -> str:
    return text.rstrip().lstrip(" \t")


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" \t"))]


def _indents(window: list[str], wanted: list[str]) -> list[tuple[str, str]]:
    """Pairs of indentation, in the search text and in the file; blank lines have none."""
    return [(_indent(text), _indent(line)) for line, text in zip(window, wanted, strict=True) if text.strip()]


def _shifts(window: list[str], wanted: list[str]) -> dict[int, int]:
    """Tab width -> columns, for the tab widths at which the file stands equally far right of every wanted line."""
    pairs = _indents(window, wanted)
    shifts = {}
    for tab in _TAB_WIDTHS:
        columns = {len(there.expandtabs(tab)) - len(here.expandtabs(tab)) for here, there in pairs} or {0}
        if len(columns) == 1:
            shifts[tab] = columns.pop()
    return shifts


def _reindent(new: list[str], window: list[str], old: list[str]) -> list[str]:
    """The new lines, indented as the file is: shifted as the old ones are, in tabs where the file has tabs there."""
    known = dict(_indents(window, old))
    if all(here == there for here, there in known.items()):
        return new
    tabs = any("\t" in there for there in known.values())

    def column(text: str, tab: int, shift: int) -> int:
        return max(0, len(_indent(text).expandtabs(tab)) + shift)

    def cost(candidate: tuple[int, int]) -> tuple[int, int]:
        ragged = sum(column(text, *candidate) % candidate[0] > 0 for text in new if text.strip())
        return ragged if tabs else 0, abs(candidate[1])

    tab, shift = min(_shifts(window, old).items(), key=cost)

    def indented(text: str) -> str:
        indent = _indent(text)
        width = column(text, tab, shift)
        fresh = "\t" * (width // tab) + " " * (width % tab) if tabs else " " * width
        return known.get(indent, fresh) + text[len(indent) :] if text.strip() else text

    return [indented(text) for text in new]
