"""What a model says about a file: read from its replies, and several drafts of it made one. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from agent.loose_json import NotJson, parse

ClaimKind = Literal["purpose", "invariant", "pitfall", "where-to-change", "question"]
_KINDS: tuple[ClaimKind, ...] = get_args(ClaimKind)

_LONGEST = 600  # characters of a claim
_MOST_EVIDENCE = 6
_ALIKE = 0.6
"""Share of words that two claims of one kind have in common, from which on they say the same."""
_WORD = re.compile(r"\w+")


class Quote(NamedTuple):
    """Words that stand in a file."""

    path: str
    text: str


@dataclass(frozen=True)
class Claim:
    """One thing that a model says."""

    kind: ClaimKind
    text: str
    symbols: tuple[str, ...] = ()
    """As PATH::NAME."""
    quotes: tuple[Quote, ...] = ()


@dataclass
class Agreed:
    """A claim, and in which drafts it was made."""

    claim: Claim
    drafts: set[int] = field(default_factory=set)


def read_claims(reply: str, about: str) -> tuple[list[Claim], list[str]]:
    """The claims of a reply on the file `about`, and for each thing that is no claim the reason."""
    begin = reply.find("[")
    if begin < 0:
        return [], ["a draft is no JSON list"]
    try:
        found = parse(reply, begin).value
    except NotJson as error:
        return [], [f"a draft is no JSON list: {error}"]
    claims, problems = [], []
    for entry in found if isinstance(found, list) else []:
        claim = _claim(entry, about)
        if isinstance(claim, Claim):
            claims.append(claim)
        else:
            problems.append(claim)
    return claims, problems


def _claim(entry: Any, about: str) -> Claim | str:
    if not isinstance(entry, dict) or not isinstance(entry.get("text"), str) or not entry["text"].strip():
        return "a claim has no text"
    text = " ".join(entry["text"].split())
    kind = next((known for known in _KINDS if known == entry.get("kind")), None)
    if kind is None:
        return f"a claim is of no known kind: {str(entry.get('kind'))[:40]!r}"
    if len(text) > _LONGEST:
        return f"a claim has more than {_LONGEST} characters"
    symbols, quotes = entry.get("symbols") or [], entry.get("quotes") or []
    if not isinstance(symbols, list) or not isinstance(quotes, list):
        return "the evidence of a claim is no list"
    if not all(isinstance(symbol, str) for symbol in symbols):
        return "a symbol is no text"
    read = [_quote(quote, about) for quote in quotes]
    if None in read:
        return "a quotation has no text"
    return Claim(
        kind=kind,
        text=text,
        symbols=tuple(dict.fromkeys(symbols))[:_MOST_EVIDENCE],
        quotes=tuple(quote for quote in read if quote)[:_MOST_EVIDENCE],
    )


def _quote(entry: Any, about: str) -> Quote | None:
    """A bare text is taken to be of the file that the claim is about."""
    if isinstance(entry, str):
        return Quote(about, entry) if entry.strip() else None
    if isinstance(entry, dict) and isinstance(entry.get("text"), str) and entry["text"].strip():
        path = entry.get("path") or about
        return Quote(path, entry["text"]) if isinstance(path, str) else None
    return None


def merged(drafts: Sequence[Sequence[Claim]]) -> list[Agreed]:
    """The claims of all drafts without repetition, those first that most drafts make, then the earliest.

    Of claims that say the same in other words, the first that was made stands for all.
    """
    found: list[Agreed] = []
    for number, draft in enumerate(drafts):
        for claim in draft:
            known = next((each for each in found if _is_same(each.claim, claim)), None)
            if known is None:
                known = Agreed(claim)
                found.append(known)
            known.drafts.add(number)
    return sorted(found, key=lambda each: -len(each.drafts))


def _is_same(one: Claim, other: Claim) -> bool:
    if one.kind != other.kind:
        return False
    if one.kind == "purpose":
        return True  # a file has one
    words = [{word.casefold() for word in _WORD.findall(claim.text)} for claim in (one, other)]
    return len(words[0] & words[1]) >= _ALIKE * len(words[0] | words[1])
