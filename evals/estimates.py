"""Estimators that the reports share."""

from math import sqrt
from typing import NamedTuple

_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


class Interval(NamedTuple):
    """Both ends."""

    low: float
    high: float


def wilson_interval(successes: int, trials: int) -> Interval:
    """The 95 % score interval of a proportion (Wilson 1927, JASA 22); everything is possible after 0 trials."""
    if trials == 0:
        return Interval(0.0, 1.0)
    share = successes / trials
    scale = 1 + _Z**2 / trials
    centre = (share + _Z**2 / (2 * trials)) / scale
    half = _Z * sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2)) / scale
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def paired_interval(gained: int, lost: int, items: int) -> Interval:
    """The 95 % interval of the difference of two shares over the same items, of which so many were gained and lost.

    Wald's after half an item is added to each of the four cells (Agresti and Min 2005, Stat. Med. 24): unlike the
    bootstrap's it has a width where no item changed, or all changed alike.
    """
    gains, losses, total = gained + 0.5, lost + 0.5, items + 2
    centre = (gains - losses) / total
    half = _Z * sqrt(gains + losses - (gains - losses) ** 2 / total) / total
    return Interval(max(-1.0, centre - half), min(1.0, centre + half))
