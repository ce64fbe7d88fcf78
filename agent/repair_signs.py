"""What speaks for a change of a line and what against it, beside its kind: what it does to the names of the unit.

A wrong line often betrays itself: a name stands in it twice, is read before anything is assigned to it, or is the only
one that is never read; the right one is like other lines. Each such observation is a *sign*, a short text. The weights
of signs and kinds (agent/repair_kinds.py) lie in weights/repair_signs.json; `python -m ttrl_adapter.repair_signs`
fitted them on generated bugs.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from keyword import iskeyword
from pathlib import Path

_TABLE = Path(__file__).parent / "weights" / "repair_signs.json"
_WORD = re.compile(
    r"""[^\W\d]\w*|\d[\w.]*|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[-+*/%@&|^<>=!:]=|\*\*=?|//=?|<<=?|>>=?|->|<\|\w+\|>|\S"""
)
_FAR = 4
"""Lines; what is farther away is far."""


@cache
def weights() -> dict[str, float]:
    """Log-odds by kind and sign; what is not in it weighs nothing."""
    found: dict[str, float] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return found


@lru_cache(4096)  # the lines of a unit are asked for again and again, each change once
def words_of(line: str) -> tuple[str, ...]:
    """Names, numbers, texts and operators of a line in normal form."""
    return tuple(_WORD.findall(line))


class Surroundings:
    """The words of a unit, as seen from one of its lines."""

    def __init__(self, lines: Sequence[str], line: int) -> None:
        words = [words_of(text) for text in lines]
        self._old = words[line]
        self._head = self._old[0] if self._old and iskeyword(self._old[0]) else "="
        self._bound = _bound(self._old)
        self._old_twins = tuple(_twins("old", self._old))
        self._line = line
        self._before = frozenset(words[line - 1]) if line else frozenset()
        self._after = frozenset(words[line + 1]) if line + 1 < len(words) else frozenset()
        self._others = frozenset(text.strip() for i, text in enumerate(lines) if i != line)
        self._first: dict[str, int] = {}
        self._near: dict[str, int] = {}
        self._times: Counter[str] = Counter()
        self._reads: Counter[str] = Counter()
        self._later: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, ...]] = Counter()
        self._triples: Counter[tuple[str, ...]] = Counter()
        for i, row in enumerate(words):
            for word in row:
                self._first.setdefault(word, i)
            if i == line:
                continue
            framed = ("^", *row, "$")
            self._times.update(row)
            self._pairs.update(pairwise(framed))
            self._triples.update(zip(framed, framed[1:], framed[2:], strict=False))
            read = row[_bound(row) :]
            self._reads.update(read)
            if i > line:
                self._later.update(read)
            for word in row:
                self._near[word] = min(self._near.get(word, _FAR), abs(i - line))

    def signs(self, kind: str, answer: str) -> Iterator[str]:
        """Of a change of this kind, said as in agent/function_view.py; the kind is one of them."""
        yield kind
        template = kind.partition(":")[0]
        old = self._old
        if old and self._head == "=" and "(" not in old and "=" not in old:
            yield f"no effect: {template}"
        if template == "move":
            yield from self._moved(kind)
            return
        text = answer.partition("|>")[2]
        new = words_of(text)
        head = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        most = min(len(old), len(new)) - head
        tail = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
        gone, come = old[head : len(old) - tail], new[head : len(new) - tail]
        kept = old[:head] + old[len(old) - tail :]
        yield f"{template} in {self._head}"
        yield f"{template} {len(come) - len(gone):+}"
        yield from self._change("old", gone, come, head, kept)
        yield from self._change("new", come, gone, head, kept)
        frame = ("^", "^", *old[:head]), (*old[len(old) - tail :], "$", "$")
        yield from self._seams("old", gone, *frame)
        yield from self._seams("new", come, *frame)
        if text in self._others:
            yield "new line stands elsewhere"
        yield from self._old_twins
        yield from _twins("new", new)

    def _change(
        self, side: str, words: Sequence[str], others: Sequence[str], head: int, kept: Sequence[str]
    ) -> Iterator[str]:
        """What is known of each word that goes (`old`) or comes (`new`)."""
        for word in dict.fromkeys(words):
            sort = _sort(word)
            if sort is None or word == "self" or word in others:
                continue
            what = f"{side} {sort}"
            yield f"{what} {_some(self._times[word])}"
            if word in kept:
                yield f"{what} twice in the line"
            if sort == "name":
                yield f"{what} {_some(self._times[word])} read {_some(self._reads[word])}"
                yield f"{what} at {self._near.get(word, _FAR)}"
                if self._first.get(word, self._line) >= self._line:
                    yield f"{what} not before"
                if word in self._before:
                    yield f"{what} in the line before"
                if word in self._after:
                    yield f"{what} in the line after"
                if head < self._bound:
                    yield f"{what} assigned, later read {_some(self._later[word])}"
                if self._old[max(0, head - 2) : head] == (word, "="):
                    yield f"{what} like its keyword"

    def _seams(self, side: str, words: Sequence[str], left: Sequence[str], right: Sequence[str]) -> Iterator[str]:
        """Whether the words stand beside their neighbours elsewhere too."""
        row = (*left[-2:], *words, *right[:2])
        yield f"{side} left {_some(self._pairs[row[1:3]])}"
        yield f"{side} right {_some(self._pairs[row[-3:-1]])}"
        yield f"{side} two left {min(self._triples[row[:3]], 2)}"
        yield f"{side} two right {min(self._triples[row[-3:]], 2)}"
        if len(words) == 1:
            yield f"{side} between {min(self._triples[row[1:4]], 2)}"

    def _moved(self, kind: str) -> Iterator[str]:
        """Of a line that goes, or to another depth."""
        old = self._old
        yield f"{kind} {self._head}"
        names = [word for word in old[self._bound :] if _sort(word) == "name"]
        if any(word in self._before for word in names):
            yield f"{kind} reads of the line before"
        if any(self._first.get(word) == self._line - 1 for word in names):
            yield f"{kind} reads what is new in the line before"
        targets = [word for word in old[: self._bound] if _sort(word) == "name"]
        if targets:
            yield f"{kind} assigned, later read {_some(max(self._later[word] for word in targets))}"


def _twins(side: str, row: Sequence[str]) -> Iterator[str]:
    """The same name on both sides of an operator; a number before a comparison."""
    for one, operator, other in zip(row, row[1:], row[2:], strict=False):
        if one == other and _sort(one) == "name" and _sort(operator) is None and operator not in "([{,.:":
            yield f"{side} same on both sides"
        if operator in ("<", ">", "<=", ">=", "==", "!=") and _sort(one) == "number":
            yield f"{side} number first"


def _bound(row: Sequence[str]) -> int:
    """How many words at the beginning of a line are, or belong to, what it assigns to."""
    if row[:1] in (("def",), ("async",), ("import",), ("from",)):
        return len(row)
    if row[:1] == ("for",) and "in" in row:
        return row.index("in")
    depth = 0
    for i, word in enumerate(row):
        depth += (word in "([{") - (word in ")]}")
        if word == "=" and not depth:
            return i
    return 0


@lru_cache(4096)
def _sort(word: str) -> str | None:
    if word.isidentifier():
        return None if iskeyword(word) else "name"
    return "number" if word[0].isdigit() else "text" if word[0] in "'\"" else None


def _some(times: int) -> str:
    return str(times) if times < 3 else "3+" if times < 6 else "6+"
