"""Estimators that the reports share."""

from math import sqrt
from typing import NamedTuple

_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


class Interval(NamedTuple):
    """Both ends between 0 and 1."""

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
