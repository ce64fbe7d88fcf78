"""The interval of a proportion."""

from itertools import combinations

import pytest

from evals.estimates import paired_interval, wilson_interval
from ttrl_adapter.gate import pass_at_k


def test_a_textbook_value() -> None:
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_nothing_tried_says_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("successes", [0, 1, 29, 30])
def test_the_interval_holds_the_share_and_stays_within_0_and_1(successes: int) -> None:
    low, high = wilson_interval(successes, 30)

    assert 0 <= low <= successes / 30 <= high <= 1


def test_a_paired_difference_has_a_width_even_where_nothing_changed() -> None:
    assert paired_interval(0, 0, 25) == pytest.approx((-0.0726, 0.0726), abs=1e-4)


def test_a_paired_difference_is_mirrored_where_gains_and_losses_are() -> None:
    low, high = paired_interval(7, 2, 50)

    assert paired_interval(2, 7, 50) == (-high, -low) and low < 0.1 < high


@pytest.mark.parametrize(("samples", "right", "k"), [(5, 2, 1), (5, 2, 3), (6, 1, 4), (8, 0, 8), (4, 4, 2), (7, 5, 3)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(samples: int, right: int, k: int) -> None:
    subsets = list(combinations([True] * right + [False] * (samples - right), k))
    assert pass_at_k(samples, right, k) == pytest.approx(sum(any(s) for s in subsets) / len(subsets))
