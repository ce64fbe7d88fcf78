"""Text to words for lexical search: identifiers are kept whole and split, so that both ways of writing them match."""

import re

_TOKEN = re.compile(r"[^\W_]\w*")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_FOREIGN_PART = re.compile(r"[^\W\d_]+|\d+")  # where letters are not ASCII, case is left alone
_STOP = frozenset(
    "a an and are as at be but by can do does for from has have how i if in into is it its me my no not of on or our "
    "should so than that the their them then there these they this to use used uses using was we were what when where "
    "which who why will with would you your".split()
)


def words(text: str) -> list[str]:
    """In their order and with repetitions: of `parseURL_now` come parseurl_now, parse, url, now. No stop words."""
    found: list[str] = []
    for token in _TOKEN.findall(text):
        whole = token.lower()
        pattern = _PART if token.isascii() else _FOREIGN_PART
        parts = [part.lower() for part in pattern.findall(token)]
        found += [whole] if parts == [whole] or not parts else [whole, *parts]
    return [word for word in found if word not in _STOP]
