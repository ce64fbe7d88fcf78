"""The interval of a proportion."""

import pytest

from evals.estimates import wilson_interval


def test_a_textbook_value() -> None:
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_nothing_tried_says_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("successes", [0, 1, 29, 30])
def test_the_interval_holds_the_share_and_stays_within_0_and_1(successes: int) -> None:
    low, high = wilson_interval(successes, 30)

    assert 0 <= low <= successes / 30 <= high <= 1
