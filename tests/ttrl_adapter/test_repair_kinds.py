"""ttrl_adapter/repair_kinds.py: what is counted of generated bugs, and what becomes of it."""

import math
import random
from collections import Counter

import pytest

from agent.repair_kinds import LEAST
from ttrl_adapter.repair_kinds import count, log_odds

FUNCTIONS = [
    f"def f{i}(a, b):\n    if a < b:\n        return a + {i}\n    while a > b:\n        a -= 1\n    return b"
    for i in range(60)
]


def test_what_repairs_is_counted_among_what_is_offered() -> None:
    right, offered = count(FUNCTIONS, random.Random(0))
    assert 0.5 * len(FUNCTIONS) < right.total() <= len(FUNCTIONS) < offered.total()
    assert right.keys() <= offered.keys()
    odds = log_odds(right, offered)
    assert odds["comparison: LtE > Lt"] > 0.3 > -0.3 > odds["call: Name > Call(X)"]


def test_the_same_seed_counts_the_same() -> None:
    assert count(FUNCTIONS[:9], random.Random(3)) == count(FUNCTIONS[:9], random.Random(3))


def test_odds_are_against_the_average_and_never_below_the_least() -> None:
    right = Counter({"often": 90, "seldom": 10})
    offered = Counter({"often": 1_000, "seldom": 1_000, "never": 10_000, "hardly seen": 1})
    odds = log_odds(right, offered)
    average = 100 / 12_001
    assert odds["often"] == pytest.approx(math.log(92 / (1_000 * average + 2)), abs=0.01)
    assert odds["never"] == round(LEAST, 2) and "hardly seen" not in odds and list(odds)[-1] == "never"
