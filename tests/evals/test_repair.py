"""evals/repair.py: cases from wheels, and what counts as right."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.policy import Policy
from evals.classics import load_classics
from evals.repair import Case, Repair, Sampling, classic_cases, make_cases, measure, rates, scores, table

SOURCE = """\
def mean(values, default):
    if not values:
        return default
    total = 0
    for value in values:
        total += value
    return total / len(values)


def clamp(x, low, high):
    if x < low:
        return low
    return min(x, high)
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("small/numbers.py", SOURCE)
        file.writestr("small/tests/test_numbers.py", "def test_that_is_no_material():\n    a = 1\n    assert a\n")
    return path


def test_a_case_marks_the_faulty_line_among_others(wheel: Path) -> None:
    for case in make_cases([wheel], 2, 3, 0):
        assert case.bug.line in case.marked and len(case.marked) == 3
        assert "\n".join(case.original) + "\n" in SOURCE.replace("\n\n\n", "\n")


def test_the_same_seed_makes_the_same_cases(wheel: Path) -> None:
    assert make_cases([wheel], 2, 3, 5) == make_cases([wheel], 2, 3, 5)


def test_a_classic_is_a_case_where_its_bug_lies_in_one_function() -> None:
    classics = load_classics()
    cases = classic_cases(classics, 3, 0)
    assert len(cases) >= 50 and all(case.bug.line in case.marked for case in cases)
    [case] = classic_cases([classic for classic in classics if classic.name == "calculator"], 3, 0)
    assert [line.strip() for line in case.bug.fixed] == ["value -= self.term()"]


def test_every_sample_of_the_shipped_policy_is_counted(wheel: Path) -> None:
    found = list(measure(make_cases([wheel], 2, 3, 0), Policy(), Sampling(samples=8)))
    assert len(found) == 2
    assert all(r.samples == 8 and 1 <= r.distinct <= 8 and 0 <= r.right <= 8 and r.nats > 0 for r in found)
    assert all(r.rank is None or 1 <= r.rank <= r.distinct for r in found)


def repair(right: int, kind: str = "constant") -> Repair:
    return Repair(
        kind=kind,
        marks=3,
        prompt_tokens=50,
        samples=64,
        right=right,
        majority_right=right > 32,
        nats=2.0,
        rank=3 if right else None,
        distinct=4,
    )


def test_rates_are_means_over_functions() -> None:
    assert rates([repair(64), repair(0)]) == [0.5, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5]


def test_the_table_has_a_row_for_all_and_one_per_kind() -> None:
    rows = table([repair(64), repair(0, "slice")]).shown
    assert [row[:3] for row in rows] == [["all", "2", "50.0"], ["constant", "1", "100.0"], ["slice", "1", "0.0"]]


def test_runs_are_compared_by_what_is_among_the_first_eight() -> None:
    assert scores([repair(64), repair(0)]) == {"0000": 1.0, "0001": 0.0}


def test_a_case_is_asked_in_the_form_of_training(wheel: Path) -> None:
    case: Case = make_cases([wheel], 1, 2, 0)[0]
    count: Callable[[str], int] = case.question.count
    assert count("<|0|>") == count("<|1|>") == count("<|fix|>") == 1
