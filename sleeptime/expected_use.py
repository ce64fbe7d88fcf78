"""Which files will somebody soon ask about: what decides the order of thinking. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

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
