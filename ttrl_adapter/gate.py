"""Is an adapter better than what it would replace? Asked of canaries: held-out exercises whose right answers are known.

Pure. Agreement alone is blind: a collapsing policy agrees with itself more and more. So what decides is a paired test
on truth, and four more questions look at what is lost on the way. Inconclusive means rejected.
"""

import hashlib
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from memory.records import Record, Verdict
from ttrl_adapter.records import Ballot

_DRAWS = 20_000


class GateRules(Record):
    """What an adapter has to show."""

    level: float = 0.05
    """Of the one-sided paired test."""
    most_lost: float = 1.0
    """Canaries that pass@k at the largest k must not lose, summed over all: a rare answer that was drawn once more or
    less moves parts of one, in both directions; a whole one is the least that can be said to be lost."""
    least_length: float = 0.7
    """Mean length of an answer, as a share of what it was: rewards for nothing shorten answers."""
    least_distinct: float = 0.5
    """Different answers a canary, as a share of what they were."""
    least_loyalty: float = 0.7
    """Of the canaries on which the base agrees with itself, those on which the adapter's vote is the same."""
    sure: float = 0.3
    """The agreement from which the base agrees with itself."""
    least_canaries: int = 16
    """Fewer decide nothing."""


def judge(
    base: Sequence[Ballot],
    old: Sequence[Ballot],
    new: Sequence[Ballot],
    rules: GateRules | None = None,
    against: str | None = None,
) -> Verdict:
    """The verdict on `new`, which would replace `old` (`base` again, where no adapter is active).

    The three hold the ballots on the same canaries, in one order."""
    rules = rules or GateRules()
    names = [ballot.exercise for ballot in base]
    if not names == [ballot.exercise for ballot in old] == [ballot.exercise for ballot in new]:
        raise ValueError("the policies were not asked the same canaries")
    hashed = hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]
    if len(names) < rules.least_canaries:
        few = f"{len(names)} canaries decide nothing; there must be {rules.least_canaries}"
        return Verdict(passed=False, reasons=(few,), against=against, canaries=hashed)
    numbers = measure(base, old, new, rules)
    reasons = tuple(_objections(numbers, rules))
    return Verdict(passed=not reasons, reasons=reasons, against=against, canaries=hashed, numbers=numbers)


def measure(base: Sequence[Ballot], old: Sequence[Ballot], new: Sequence[Ballot], rules: GateRules) -> dict[str, float]:
    """Everything that the verdict stands on, before and after."""
    k = max(1, min(ballot.samples for ballot in (*old, *new)) // 2)
    differences = np.asarray([b.right / b.samples - a.right / a.samples for a, b in zip(old, new, strict=True)])
    sure = [(a, b) for a, b in zip(base, new, strict=True) if a.winner is not None and a.agreement >= rules.sure]
    numbers: dict[str, float] = {"canaries": len(new), "samples": new[0].samples, "k": k}
    for name, ballots in (("before", old), ("after", new)):
        numbers |= {
            f"pass@1 {name}": float(np.mean([b.right / b.samples for b in ballots])),
            f"pass@k {name}": float(np.mean([pass_at_k(b.samples, b.right, k) for b in ballots])),
            f"majority {name}": float(np.mean([b.right_winner for b in ballots])),
            f"length {name}": float(np.mean([b.tokens for b in ballots])),
            f"distinct {name}": float(np.mean([b.distinct for b in ballots])),
            f"agreement {name}": float(np.mean([b.agreement for b in ballots])),
        }
    return numbers | {
        "p": sign_flip_test(differences),
        "better on": int((differences > 0).sum()),
        "worse on": int((differences < 0).sum()),
        "sure": len(sure),
        "loyalty": sum(a.winner == b.winner for a, b in sure) / len(sure) if sure else 1.0,
    }


def _objections(n: Mapping[str, float], rules: GateRules) -> list[str]:
    found = []
    gain = n["pass@1 after"] - n["pass@1 before"]
    if gain <= 0 or n["p"] > rules.level:
        found.append(f"pass@1 {gain:+.1%} on {n['canaries']:.0f} canaries is not shown to be a gain (p = {n['p']:.3f})")
    # The sum is of shares: a whole canary is not missed for the last digit of a float.
    if n["canaries"] * (n["pass@k before"] - n["pass@k after"]) > rules.most_lost - 1e-9:
        found.append(f"pass@{n['k']:.0f} fell from {n['pass@k before']:.1%} to {n['pass@k after']:.1%}")
    if n["length after"] < rules.least_length * n["length before"]:
        found.append(f"answers shrank from {n['length before']:.1f} to {n['length after']:.1f} tokens")
    if n["distinct after"] < rules.least_distinct * n["distinct before"]:
        found.append(f"different answers a canary fell from {n['distinct before']:.1f} to {n['distinct after']:.1f}")
    if n["loyalty"] < rules.least_loyalty:
        found.append(f"of {n['sure']:.0f} sure votes of the base only {n['loyalty']:.0%} are kept")
    return found


def sign_flip_test(differences: NDArray[np.float64], seed: int = 0) -> float:
    """One-sided p of so large a mean where each difference might as well have the other sign (Fisher 1935)."""
    changed = differences[differences != 0]
    if not len(changed):
        return 1.0
    rng = np.random.default_rng(seed)
    sums = (rng.integers(0, 2, (_DRAWS, len(changed)), dtype=np.int8) * 2 - 1) @ changed
    return float((1 + (sums >= changed.sum() - 1e-12).sum()) / (1 + _DRAWS))


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Unbiased chance that at least one of k samples is right, from `right` of `samples` >= k (Chen et al. 2021)."""
    if samples - right < k:
        return 1.0
    return 1.0 - prod(1.0 - k / i for i in range(samples - right + 1, samples + 1))
