"""ttrl_adapter/repair_signs.py: what is learnt from generated bugs."""

import random

import pytest

from ttrl_adapter.repair_signs import Choice, choices, fit

FUNCTIONS = [
    f"def f{i}(a, b):\n    if a < b:\n        return a + {i}\n    while a > b:\n        a -= 1\n    return b"
    for i in range(60)
]


def test_of_what_is_offered_one_is_right() -> None:
    found = list(choices(FUNCTIONS, random.Random(0)))
    assert 0.5 * len(FUNCTIONS) < len(found) <= len(FUNCTIONS)
    assert all(0 <= choice.right < len(choice.offered) for choice in found)
    assert any(choice.offered[choice.right][0] == "comparison: LtE > Lt" for choice in found)


def test_the_same_seed_chooses_the_same() -> None:
    assert list(choices(FUNCTIONS[:9], random.Random(3))) == list(choices(FUNCTIONS[:9], random.Random(3)))


def test_what_is_right_more_often_weighs_more() -> None:
    """`good` stands by the right one three times in four, `bad` never, `both` by all."""
    offered = (("both", "good"), ("both", "bad"), ("both",))
    found = fit([Choice(offered, 2 if i % 4 == 0 else 0) for i in range(400)], steps=300)
    assert found["good"] == pytest.approx(1.1, abs=0.15)  # log 3 against what has neither
    assert found["bad"] < -1.5 and "both" not in found and list(found) == ["good", "bad"]


def test_what_is_rare_is_left_out() -> None:
    choice = Choice((("often", "seldom"), ("often", "other")), 0)
    assert "seldom" not in fit([choice] * 9, steps=20)


def test_what_is_learnt_picks_the_right_change() -> None:
    found = list(choices(FUNCTIONS, random.Random(0)))
    known = fit(found, steps=100)
    first = sum(
        choice.right == max(range(len(choice.offered)), key=lambda i: sum(known.get(s, 0.0) for s in choice.offered[i]))
        for choice in found
    )
    assert first > len(found) / 3
