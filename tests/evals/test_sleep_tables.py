"""The tables of `eval sleep`: ratios, what is as good, and what a query costs."""

from math import inf

import pytest

from evals.sleep_tables import amortised, charts, curve, ratio, savings, sleeps
from evals.sleep_trials import Slept, Trial
from evals.tables import Cell, Table


def trial(question: str, arm: str, budget: int, score: float, written: int, *, anticipated: bool = True) -> Trial:
    return Trial(
        question=question,
        scene="s",
        arm=arm,
        budget=budget,
        anticipated=anticipated,
        score=score,
        was_known=not written,
        prompt=10,
        completion=written,
        seconds=1.0,
        touched=("a.py", "b.py"),
        right=("a.py",),
    )


TRIALS = [
    trial("one", "without", 8, 0.0, 100),
    trial("two", "without", 8, 0.0, 100, anticipated=False),
    trial("one", "without", 128, 1.0, 1_000),
    trial("two", "without", 128, 1.0, 1_000, anticipated=False),
    trial("one", "with", 8, 1.0, 0),
    trial("two", "with", 8, 0.0, 100, anticipated=False),
    trial("one", "with", 128, 1.0, 0),
    trial("two", "with", 128, 1.0, 1_000, anticipated=False),
]
SLEPT = [Slept(scene="s", arm="with", notes=3, answers=1, prompt=50, completion=2_000, seconds=9.0)]


def rows(table: Table, *begin: Cell) -> list[tuple[Cell, ...]]:
    return [row for row in table.rows if row[: len(begin)] == begin]


def test_the_curve_has_a_row_for_each_group_arm_and_budget() -> None:
    table = curve(TRIALS)
    assert len(table.rows) == 12
    (row,) = rows(table, "together", "with", 8)
    assert row[3:5] == (2, 0.5) and row[7] == 50.0 and row[12] == 0.5 and row[13:] == (0.5, 1.0)


def test_groups_that_say_the_same_are_one() -> None:
    assert {row[0] for row in curve([t for t in TRIALS if t.anticipated]).rows} == {"together"}


def test_savings_are_at_the_same_budget_and_beside_the_least_that_is_as_good() -> None:
    (row,) = rows(savings(TRIALS), "together", "with", 8)
    assert row[5] == 2.0  # 100 and 100 beside 0 and 100
    assert row[8] == "128" and row[10] == 20.0


def test_what_is_never_as_good_is_said() -> None:
    better = [t.model_copy(update={"score": 0.0}) if t.arm == "without" else t for t in TRIALS]
    (row,) = rows(savings(better), "together", "with", 128)
    assert str(row[8]).startswith("none, best ")


def test_without_a_token_the_ratio_is_infinite() -> None:
    (row,) = rows(savings(TRIALS), "anticipated", "with", 8)
    assert row[5:8] == (inf, inf, inf)


def test_sleep_is_shared_by_the_queries_of_a_state() -> None:
    table = amortised(TRIALS, SLEPT)
    costs = {row[3]: row[4] for row in rows(table, "anticipated", "with", 128)}
    assert costs == {1: 2_000.0, 2: 1_000.0, 5: 400.0, 10: 200.0}
    ten = rows(table, "anticipated", "with", 128)[-1]
    assert ten[5] == 10_000.0 and ten[6] == 50.0
    # Read counts a fifth: 10 x (1000 + 2) beside (2000 + 10) / 10 + 10 x 2.
    assert ten[9] == pytest.approx(10_020 / (201 + 20))


def test_an_arm_that_nobody_slept_for_has_no_cost() -> None:
    shuffled = [t.model_copy(update={"arm": "shuffled"}) for t in TRIALS if t.arm == "with"]
    assert {row[1] for row in amortised([*TRIALS, *shuffled], SLEPT).rows} == {"with"}
    assert {row[1] for row in savings([*TRIALS, *shuffled]).rows} == {"with", "shuffled"}


def test_a_ratio_has_an_interval_that_holds_it() -> None:
    found = ratio([10, 20, 30, 40], [1, 2, 5, 4])
    assert found.low < found.value == 100 / 12 < found.high


def test_a_sleep_is_shown_with_its_means() -> None:
    (row,) = sleeps([*SLEPT, SLEPT[0].model_copy(update={"completion": 0})]).rows
    assert row[:2] == ("with", 2) and row[4] == 1_000.0


def test_there_is_a_curve_for_each_group() -> None:
    drawn = charts(TRIALS)
    assert [chart.name for chart in drawn] == ["curve-anticipated", "curve-not-anticipated", "curve-together"]
    assert drawn[0].series[1].x == (0.0, 0.0) and drawn[0].series[1].y == (1.0, 1.0)


def test_questions_about_the_same_are_resampled_together() -> None:
    apart, together = (ratio([100.0] * 6 + [10.0] * 6, [10.0] * 12, about) for about in ((), ["a"] * 6 + ["b"] * 6))
    assert apart.value == together.value == 5.5
    assert (together.low, together.high) == (1.0, 10.0) and apart.low > 1.0 and apart.high < 10.0
