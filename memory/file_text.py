"""What the search for files knows of one: its words, the names that it defines, its functions one by one."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

from memory.words import words

_LONGEST_PASSAGE = 80  # lines
_DEFINES = re.compile(
    r"^[ \t]*(?:(?:export|pub(?:\(\w+\))?|static|async|public|private|protected|abstract|final)[ \t]+)*"
    r"(?:def|class|func|function|fn|struct|enum|trait|impl|interface|type|module)[ \t]+(?:\([^)\n]*\)[ \t]*)?(\w+)",
    re.MULTILINE,
)


class Passage(NamedTuple):
    """A piece of a file."""

    start: int | None
    """The line, from 0, in which its function or class begins; None before the first."""
    words: Counter[str]


@dataclass(frozen=True)
class FileText:
    """One version of a file."""

    words: Counter[str]
    defines: frozenset[str]
    """Names of its functions and classes."""
    names: Counter[str]
    """Their words."""
    read_passages: Callable[[], tuple[Passage, ...]]
    """Called when they are first needed; of most files they never are."""

    @classmethod
    def of(cls, text: str) -> Self:
        defines = frozenset(_DEFINES.findall(text))
        names = Counter(word for name in defines for word in words(name))
        return cls(Counter(words(text)), defines, names, lambda: _passages(text))

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """Each function in pieces of so many lines, and what stands before the first."""
        return self.read_passages()

    def definition_at(self, line: int) -> int | None:
        """The line in which the function or class begins that holds this one; both from 0, None before the first."""
        starts = (passage.start for passage in self.passages if passage.start is not None)
        return max((start for start in starts if start <= line), default=None)


def _passages(text: str) -> tuple[Passage, ...]:
    lines = text.split("\n")
    definitions = [i for i, line in enumerate(lines) if _DEFINES.match(line)]
    return tuple(
        Passage(start, Counter(words("\n".join(lines[i : min(i + _LONGEST_PASSAGE, end)]))))
        for start, end in zip([None, *definitions], [*definitions, len(lines)], strict=True)
        for i in range(start or 0, end, _LONGEST_PASSAGE)
    )
