"""Is one run better than another on the same items? Paired tests, and an interval around the difference.

Yes and no: McNemar's exact test, the binomial one over the items that changed (McNemar 1947, Psychometrika 12; its
exact form in Fagerland et al. 2013, BMC Med. Res. Methodol. 13:91). Other numbers: the sign test, which is the same
over the signs of the differences. Several runs compared with one first run are several chances to be fooled: their p
are Holm's (1979, Scand. J. Stat. 6). The interval is the percentile bootstrap's over items (Efron 1979, Ann. Stat. 7),
of yes and no that of Agresti and Min, since the bootstrap sees no spread in few changes.
"""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Literal

import numpy as np

from evals.charts import Chart, Series
from evals.estimates import Interval, paired_interval
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
    gained_items: tuple[str, ...]
    lost_items: tuple[str, ...]
    difference: float
    """Second mean less first mean."""
    low: float
    high: float
    """The ends of the 95 % interval around the difference."""
    p: float
    """Of the two-sided test that gains and losses are equally likely."""
    p_holm: float
    """The same for one of several comparisons with the same first run."""
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
    gained = tuple(item for item, difference in zip(items, differences, strict=True) if difference > 0)
    lost = tuple(item for item, difference in zip(items, differences, strict=True) if difference < 0)
    if {*(first[item] for item in items), *(second[item] for item in items)} <= {0.0, 1.0}:
        interval = paired_interval(len(gained), len(lost), len(items))
    else:
        interval = bootstrap_mean(differences, seed)
    p = sign_test(len(gained), len(lost))
    found = Comparison(
        first=names[0],
        second=names[1],
        measure=measure,
        items=len(items),
        first_mean=float(np.mean([first[item] for item in items])),
        second_mean=float(np.mean([second[item] for item in items])),
        gained=len(gained),
        lost=len(lost),
        gained_items=gained,
        lost_items=lost,
        difference=float(np.mean(differences)),
        low=interval.low,
        high=interval.high,
        p=p,
        p_holm=p,
        verdict="inside the noise",
    )
    return _judged(found, p)


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Several comparisons with one first run, judged by Holm's p; in the order given."""
    by_p = sorted(range(len(comparisons)), key=lambda place: comparisons[place].p)
    found, highest = list(comparisons), 0.0
    for rank, place in enumerate(by_p):
        highest = max(highest, min(1.0, comparisons[place].p * (len(comparisons) - rank)))
        found[place] = _judged(comparisons[place], highest)
    return found


def _judged(comparison: Comparison, p_holm: float) -> Comparison:
    is_real = p_holm < LEVEL and not comparison.low <= 0 <= comparison.high
    verdict = "inside the noise" if not is_real else "better" if comparison.difference > 0 else "worse"
    return comparison.model_copy(update={"p_holm": p_holm, "verdict": verdict})


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


def fewest_changes() -> int:
    """Items that have to change, all one way, before one comparison can be more than noise."""
    return next(changed for changed in range(1, 100) if sign_test(changed, 0) < LEVEL)


def table(comparisons: Sequence[Comparison], name: str = "comparison") -> Table:
    """Of several with the same first run, a row for each."""
    first = comparisons[0]
    return Table(
        name=name,
        caption=f"{first.measure}, each run against {first.first}, paired over the items that both have: the "
        "difference of the means with its 95 % interval, the items gained and lost, and p of the exact sign test "
        "(McNemar's, where items are solved or not), Holm's where there are several. Where fewer than "
        f"{fewest_changes()} items change, nothing can be told from noise.",
        columns=(
            *(Column(name="run"), Column(name="items")),
            *(Column(name="mean", format=".3f"), Column(name="against", format=".3f")),
            *(Column(name=heading, format="+.3f") for heading in ("difference", "from", "to")),
            *(Column(name="gained"), Column(name="lost")),
            *(Column(name="p", format=".4f"), Column(name="p, Holm", format=".4f"), Column(name="verdict")),
        ),
        rows=tuple(
            (
                *(c.second, c.items, c.second_mean, c.first_mean, c.difference, c.low, c.high),
                *(c.gained, c.lost, c.p, c.p_holm, c.verdict),
            )
            for c in comparisons
        ),
    )


def chart(comparisons: Sequence[Comparison], name: str) -> Chart:
    """The differences with their intervals: one that crosses zero may be none."""
    first = comparisons[0]
    return Chart(
        name=name,
        title=f"Difference to {first.first}, with its 95 % interval",
        x_label="run",
        y_label=f"difference, {first.measure}",
        kind="differences",
        categories=tuple(c.second for c in comparisons),
        series=(
            Series(
                label="difference",
                y=tuple(c.difference for c in comparisons),
                low=tuple(c.low for c in comparisons),
                high=tuple(c.high for c in comparisons),
            ),
        ),
    )
