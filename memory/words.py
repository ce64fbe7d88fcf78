"""Text to words for lexical search: identifiers are kept whole and split, so that both ways of writing them match."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

_TOKEN = re.compile(r"[^\W_]\w*")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_FOREIGN_PART = re.compile(r"[^\W\d_]+|\d+")  # where letters are not ASCII, case is left alone
_STOP = frozenset(
    "a an and are as at be but by can do does for from has have how i if in into is it its me my no not of on or our "
    "should so than that the their them then there these they this to use used uses using was we were what when where "
    "which who why will with would you your".split()
)

_ENDINGS = (
    ("ies", "y"), ("sses", "ss"), ("ization", "ize"), ("ations", "ate"), ("ation", "ate"), ("ings", ""), ("ing", ""),
    ("ed", ""), ("ers", "er"), ("ions", "ion"), ("es", "e"), ("s", ""),
)  # fmt: skip
KEPT = 3
"""Letters at the beginning of a word that its stem keeps, at least."""


def words(text: str) -> list[str]:
    """In their order and with repetitions: of `parseURL_now` come parseurl_now, parse, url, now. No stop words."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        whole = token.lower()
        pattern = _PART if token.isascii() else _FOREIGN_PART
        parts = [part.lower() for part in pattern.findall(token)]
        found += [whole] if parts == [whole] or not parts else [whole, *parts]
    return [word for word in found if word not in _STOP]


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """A word without the ending of its plural or of its verb: `parsing`, `parsed` and `parses` become `pars`.

    Only for comparing: what comes out need not be a word.
    """
    if len(word) <= KEPT or not (word.isascii() and word.isalpha()) or word.endswith("ss"):
        return word
    for ending, rest in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= KEPT:
            word = word.removesuffix(ending) + rest
            break
    if len(word) > KEPT:
        word = word.removesuffix("e")
    is_doubled = len(word) > KEPT + 1 and word[-1] == word[-2] and word[-1] not in "aeiouls"
    return word[:-1] if is_doubled else word


def stems_of(counts: Mapping[str, int]) -> Counter[str]:
    """The words of a text by their stems."""
    found: Counter[str] = Counter()
    for word, count in counts.items():
        found[stem(word)] += count
    return found
