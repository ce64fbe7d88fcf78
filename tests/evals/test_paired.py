"""Paired comparison: exact tests against known values, and differences inside the noise called that."""

import pytest

from evals.charts import Chart
from evals.paired import bootstrap_mean, chart, compare, corrected, fewest_changes, sign_test, table


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (6, 0, 0.03125), (0, 6, 0.03125), (9, 1, 0.021484375), (8, 2, 0.109375)],
)
def test_the_sign_test_is_the_exact_binomial_one(gained: int, lost: int, p: float) -> None:
    assert sign_test(gained, lost) == p


def test_many_changes_are_no_overflow() -> None:
    assert 0 < sign_test(2100, 1900) < 0.01


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    low, high = bootstrap_mean([0.0, 1.0] * 200)

    assert low == pytest.approx(0.5 - 1.96 * 0.5 / 20, abs=0.005)
    assert high == pytest.approx(0.5 + 1.96 * 0.5 / 20, abs=0.005)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [number**0.5 for number in range(40)]

    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


def run(solved: str) -> dict[str, float]:
    return {f"i{place}": float(mark) for place, mark in enumerate(solved)}


def test_a_clear_gain_is_better_and_its_mirror_is_worse() -> None:
    low, high = run("0000000000"), run("1111111100")

    better = compare(low, high, ("base", "notes"), "resolved")
    assert (better.gained, better.lost, better.difference, better.verdict) == (8, 0, 0.8, "better")
    assert compare(high, low, ("notes", "base"), "resolved").verdict == "worse"


def test_a_small_difference_is_inside_the_noise() -> None:
    found = compare(run("0000000000"), run("1110000000"), ("base", "notes"), "resolved")

    assert found.difference == pytest.approx(0.3) and found.verdict == "inside the noise"
    assert "inside the noise" in table([found]).markdown()


def test_equal_runs_differ_by_nothing_and_few_items_say_little() -> None:
    found = compare(run("0110"), run("0110"), ("a", "b"), "resolved")

    assert (found.p, found.difference, found.verdict) == (1.0, 0.0, "inside the noise")
    assert found.low < -0.2 and found.high > 0.2


def test_numbers_have_the_interval_of_the_bootstrap() -> None:
    first = {f"i{place}": place / 10 for place in range(8)}
    found = compare(first, {item: value + 0.25 for item, value in first.items()}, ("a", "b"), "recall")

    assert (found.low, found.high) == pytest.approx((0.25, 0.25)) and found.verdict == "better"


def test_what_changed_is_named() -> None:
    found = compare(run("0110"), run("1100"), ("a", "b"), "resolved")

    assert (found.gained_items, found.lost_items) == (("i0",), ("i2",))


def test_several_chances_to_be_fooled_are_counted() -> None:
    base = run("0" * 20)
    clear, just = run("1" * 12 + "0" * 8), run("1" * 6 + "0" * 14)
    alone = compare(base, just, ("base", "c"), "resolved")
    several = [compare(base, other, ("base", name), "resolved") for name, other in (("a", clear), ("b", base))]

    found = corrected([*several, alone])

    assert alone.verdict == "better" and [one.verdict for one in found] == ["better", *["inside the noise"] * 2]
    assert [one.p_holm for one in found] == [3 * several[0].p, 1.0, 2 * alone.p]


def test_fewer_changes_than_these_tell_nothing() -> None:
    assert fewest_changes() == 6


def test_the_differences_are_drawn_with_their_intervals() -> None:
    drawn: Chart = chart([compare(run("0000"), run("1100"), ("a", "b"), "resolved")], "difference")

    assert (drawn.categories, drawn.series[0].y) == (("b",), (0.5,))
    assert drawn.series[0].low[0] < 0.5 < drawn.series[0].high[0]


def test_runs_of_other_items_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="share no item"):
        compare({"a": 1.0}, {"b": 1.0}, ("x", "y"), "resolved")
