"""Is one run better than another on the same items? Paired tests, and an interval around the difference.

Yes and no: McNemar's exact test, the binomial one over the items that changed (McNemar 1947, Psychometrika 12; its
exact form in Fagerland et al. 2013, BMC Med. Res. Methodol. 13:91). Other numbers: the sign test, which is the same
over the signs of the differences. The interval is the percentile bootstrap's over items (Efron 1979, Ann. Stat. 7).
"""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Literal

import numpy as np

from evals.estimates import Interval
from evals.tables import Column, Table
from memory.records import Record

LEVEL = 0.05
_RESAMPLES = 10_000
_CHUNK = 1_000_000  # numbers at a time, so that many items need little memory

Verdict = Literal["better", "worse", "inside the noise"]


class Comparison(Record):
    """Of a second run with a first, over the items that both have."""

    first: str
    second: str
    measure: str
    items: int
    first_mean: float
    second_mean: float
    gained: int
    """Items on which the second is higher."""
    lost: int
    """Items on which it is lower."""
    difference: float
    """Second mean less first mean."""
    low: float
    high: float
    """The ends of the 95 % interval around the difference."""
    p: float
    """Of the two-sided test that gains and losses are equally likely."""
    verdict: Verdict
    """Of the second run; a difference is called one only where the test and the interval agree."""


def compare(
    first: Mapping[str, float], second: Mapping[str, float], names: tuple[str, str], measure: str, seed: int = 0
) -> Comparison:
    """Compare over the items that both have. Raises ValueError where they share none."""
    items = sorted(first.keys() & second.keys())
    if not items:
        raise ValueError(f"{names[0]!r} and {names[1]!r} share no item")
    differences = [second[item] - first[item] for item in items]
    gained, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    mean, interval, p = float(np.mean(differences)), bootstrap_mean(differences, seed), sign_test(gained, lost)
    is_real = p < LEVEL and not interval.low <= 0 <= interval.high
    return Comparison(
        first=names[0],
        second=names[1],
        measure=measure,
        items=len(items),
        first_mean=float(np.mean([first[item] for item in items])),
        second_mean=float(np.mean([second[item] for item in items])),
        gained=gained,
        lost=lost,
        difference=mean,
        low=interval.low,
        high=interval.high,
        p=p,
        verdict="inside the noise" if not is_real else "better" if mean > 0 else "worse",
    )


def sign_test(gained: int, lost: int) -> float:
    """Two-sided p of so uneven a split or a more uneven one where both are equally likely; McNemar's exact test."""
    changed = gained + lost
    tail = sum(comb(changed, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**changed))


def bootstrap_mean(values: Sequence[float], seed: int = 0, resamples: int = _RESAMPLES) -> Interval:
    """The 95 % percentile interval of the mean over resampled items."""
    numbers = np.asarray(values, dtype=float)
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(numbers))
    means = np.concatenate(
        [
            numbers[rng.integers(0, len(numbers), (min(step, resamples - done), len(numbers)))].mean(axis=1)
            for done in range(0, resamples, step)
        ]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(low), float(high))


def table(comparisons: Sequence[Comparison]) -> Table:
    """A row for each, what matters most first."""
    return Table(
        name="comparison",
        caption="Paired over the items that both runs have: the difference of the means with its 95 % bootstrap "
        "interval, and p of the exact sign test (McNemar's, where items are solved or not).",
        columns=(
            Column(name="run"),
            Column(name="verdict"),
            Column(name="difference", format="+.3f"),
            Column(name="from", format="+.3f"),
            Column(name="to", format="+.3f"),
            Column(name="p", format=".4f"),
            Column(name="items"),
            Column(name="gained"),
            Column(name="lost"),
            Column(name="mean", format=".3f"),
            Column(name="its mean", format=".3f"),
            Column(name="against"),
            Column(name="measure"),
        ),
        rows=tuple(
            (
                *(c.second, c.verdict, c.difference, c.low, c.high, c.p, c.items, c.gained, c.lost),
                *(c.second_mean, c.first_mean, c.first, c.measure),
            )
            for c in comparisons
        ),
    )
