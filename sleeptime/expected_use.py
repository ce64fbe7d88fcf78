"""Which files, and which of the questions expected, will somebody soon ask about: what decides the order of thinking.

Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import exp

WEIGHTS = {"failing": 4.0, "branch": 3.0, "asked": 2.0, "churn": 2.0, "central": 1.0}
"""How much each kind of sign says, where there is any of it."""
_ANYWHERE = 0.2
"""For what no sign points at."""


@dataclass(frozen=True)
class Signs:
    """What points at files: weights above 0 by path, of any scale; empty where there is nothing of a kind."""

    failing: Mapping[str, float] = field(default_factory=dict)
    """Suspicious of what fails now."""
    branch: Mapping[str, float] = field(default_factory=dict)
    """Changed on the open branch, or not committed yet."""
    asked: Mapping[str, float] = field(default_factory=dict)
    """Part of earlier questions and their answers."""
    churn: Mapping[str, float] = field(default_factory=dict)
    """Changed often and lately."""
    central: Mapping[str, float] = field(default_factory=dict)
    """Used by much of the code."""


def question_shares(predictabilities: Sequence[float | None]) -> list[float]:
    """For each question that is expected the chance that it is the next one, if one of them is; they sum up to 1.

    In proportion to the probability of a token of its text (geometric mean); one of which nobody told how predictable
    it is, is like the average of the others.
    """
    told = [exp(nats) for nats in predictabilities if nats is not None]
    average = sum(told) / len(told) if told else 1.0
    weights = [average if nats is None else exp(nats) for nats in predictabilities]
    total = sum(weights)
    return [weight / total if total else 1 / len(weights) for weight in weights]


def file_use(signs: Signs, paths: Collection[str]) -> dict[str, float]:
    """For each path the chance that the next question is about it; they sum up to 1.

    A mixture: each kind of sign is a distribution over the paths, weighted by WEIGHTS, beside a small even share.
    """
    if not paths:
        return {}
    use = dict.fromkeys(paths, _ANYWHERE / len(paths))
    total = _ANYWHERE
    for kind in fields(signs):
        weights = {path: weight for path, weight in getattr(signs, kind.name).items() if path in use and weight > 0}
        if not weights:
            continue
        share = WEIGHTS[kind.name]
        total += share
        sum_of_all = sum(weights.values())
        for path, weight in weights.items():
            use[path] += share * weight / sum_of_all
    return {path: weight / total for path, weight in use.items()}
