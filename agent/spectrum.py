"""Spectrum-based fault localisation: which lines do failing tests run that passing tests do not. Pure."""

from collections.abc import Collection, Mapping
from math import sqrt
from typing import TypeVar

Place = TypeVar("Place")


def ochiai(
    covered: Mapping[Place, Collection[str]], failing: Collection[str], passing: Collection[str]
) -> dict[Place, float]:
    """Return the suspiciousness, 0 < score <= 1, of each place that a failing test ran.

    `covered` maps a place to the tests that ran it; tests that are in neither collection count as nothing.
    Score = ef / sqrt((ef + nf) * (ef + ep)), with ef, nf the failing tests that ran it and did not, ep the passing
    tests that ran it (Abreu, Zoeteweij, van Gemund: An Evaluation of Similarity Coefficients for Software Fault
    Localization, PRDC 2006).
    """
    failing, passing = set(failing), set(passing)
    scores = {}
    for place, tests in covered.items():
        ef, ep = len(failing.intersection(tests)), len(passing.intersection(tests))
        if ef:
            scores[place] = ef / sqrt(len(failing) * (ef + ep))
    return scores
