from math import sqrt

import pytest

from agent.spectrum import ochiai


def test_a_place_that_only_failing_tests_run_scores_one() -> None:
    assert ochiai({"line": {"f"}}, ["f"], ["p"]) == {"line": 1.0}


def test_the_score_is_that_of_the_formula() -> None:
    covered = {"line": {"f1", "f2", "p1"}}
    assert ochiai(covered, ["f1", "f2", "f3"], ["p1", "p2"])["line"] == pytest.approx(2 / sqrt((2 + 1) * (2 + 1)))


def test_each_passing_test_that_runs_a_place_makes_it_less_suspicious() -> None:
    scores = ochiai({"a": {"f"}, "b": {"f", "p1"}, "c": {"f", "p1", "p2"}}, ["f"], ["p1", "p2"])
    assert scores["a"] > scores["b"] > scores["c"]


def test_a_place_that_no_failing_test_runs_is_no_suspect() -> None:
    assert ochiai({"line": {"p"}}, ["f"], ["p"]) == {}


def test_what_ran_outside_of_the_known_tests_counts_as_nothing() -> None:
    assert ochiai({"line": {"f", "", "skipped"}}, ["f"], []) == {"line": 1.0}


def test_without_a_failing_test_there_are_no_suspects() -> None:
    assert ochiai({"line": {"p"}}, [], ["p"]) == {}
