"""BM25 over documents that are counts of words (Robertson and Zaragoza 2009)."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

K = TypeVar("K")

_K1, _B = 1.5, 0.75


def bm25(asked: Mapping[str, float], documents: Mapping[K, Counter[str]]) -> dict[K, float]:
    """The scores of those that hold an asked word; `asked` has a weight for each."""
    return bm25_each(asked, list(documents), list(documents.values()))


def bm25_each(asked: Mapping[str, float], keys: Sequence[K], documents: Sequence[Counter[str]]) -> dict[K, float]:
    """As `bm25`, of keys and documents side by side."""
    lengths = [document.total() for document in documents]
    mean = sum(lengths) / len(lengths) if lengths else 1.0
    scores: dict[K, float] = defaultdict(float)
    for word, weight in asked.items():
        holding = [(i, count) for i, document in enumerate(documents) if (count := document.get(word))]
        rarity = math.log(1 + (len(documents) - len(holding) + 0.5) / (len(holding) + 0.5))
        for i, count in holding:
            damped = count + _K1 * (1 - _B + _B * lengths[i] / mean) if mean else 1.0
            scores[keys[i]] += weight * rarity * count * (_K1 + 1) / damped
    return scores
