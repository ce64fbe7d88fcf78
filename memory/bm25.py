"""BM25 over documents that are counts of words (Robertson and Zaragoza 2009)."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from memory.words import KEPT, stem

K = TypeVar("K")

_K1, _B = 1.5, 0.75


class Term(NamedTuple):
    """What is asked for: a word, or several that count as one."""

    weight: float
    forms: tuple[str, ...]


def as_written(asked: Mapping[str, float]) -> list[Term]:
    """Each word by itself, with its weight."""
    return [Term(weight, (word,)) for word, weight in asked.items()]


def in_all_forms(stems: Mapping[str, float], documents: Iterable[Counter[str]]) -> list[Term]:
    """Each stem as all the words of the documents that have it. Far cheaper than the stems of all the documents."""
    starts = {stem[:KEPT] for stem in stems}
    forms: dict[str, list[str]] = defaultdict(list)
    for word in set().union(*documents):
        if word[:KEPT] in starts:
            forms[stem(word)].append(word)
    return [Term(weight, tuple(forms[each])) for each, weight in stems.items() if each in forms]


def bm25(terms: Sequence[Term], documents: Mapping[K, Counter[str]]) -> dict[K, float]:
    """The scores of those that hold any of the terms."""
    return bm25_each(terms, list(documents), list(documents.values()))


def bm25_each(terms: Sequence[Term], keys: Sequence[K], documents: Sequence[Counter[str]]) -> dict[K, float]:
    """As `bm25`, of keys and documents side by side."""
    lengths = [document.total() for document in documents]
    mean = sum(lengths) / len(lengths) if lengths else 1.0
    scores: dict[K, float] = defaultdict(float)
    for weight, forms in terms:
        counts: Counter[int] = Counter()
        for form in forms:
            counts.update({i: count for i, document in enumerate(documents) if (count := document.get(form))})
        rarity = math.log(1 + (len(documents) - len(counts) + 0.5) / (len(counts) + 0.5))
        for i, count in counts.items():
            damped = count + _K1 * (1 - _B + _B * lengths[i] / mean) if mean else 1.0
            scores[keys[i]] += weight * rarity * count * (_K1 + 1) / damped
    return scores
