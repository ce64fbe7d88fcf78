"""The parts of a note's text: what it names of the code, its numbers, its negations, its plain words. Pure."""

import re
from typing import NamedTuple

_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|\d+(?:\.\d+)*|[\w./:-]*[\w/]")
_CODE = re.compile(r"[\w.-]+(?:[/:][\w.-]+)+|\w*_\w+|\w+\.\w[\w.]*|\w+\(\)|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|`[^`]+`")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)*(?![\w.]*\w)")
_NEGATION = re.compile(r"\b(?:not|no|never|none|cannot|without|\w+n't)\b", re.IGNORECASE)


class Words(NamedTuple):
    """What a note's text is made of."""

    code: frozenset[str]
    numbers: frozenset[str]
    negations: int
    plain: frozenset[str]


def words_of(text: str) -> Words:
    """The parts of a text that decide whether another one says the same."""
    code = frozenset(match.strip("`") for match in _CODE.findall(text))
    rest = _CODE.sub(" ", text)
    numbers = frozenset(_NUMBER.findall(rest))
    negations = len(_NEGATION.findall(rest))
    plain = _NEGATION.sub(" ", _NUMBER.sub(" ", rest)).casefold()
    return Words(code, numbers, negations, frozenset(word for word in _WORD.findall(plain) if len(word) > 2))
