"""Paired comparison: exact tests against known values, and differences inside the noise called that."""

import pytest

from evals.paired import bootstrap_mean, compare, sign_test, table


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


def test_equal_runs_differ_by_nothing() -> None:
    found = compare(run("0110"), run("0110"), ("a", "b"), "resolved")

    assert (found.p, found.low, found.high, found.verdict) == (1.0, 0.0, 0.0, "inside the noise")


def test_runs_of_other_items_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="share no item"):
        compare({"a": 1.0}, {"b": 1.0}, ("x", "y"), "resolved")
