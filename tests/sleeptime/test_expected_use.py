"""Which of the questions that are expected comes first."""

from math import log

import pytest

from sleeptime.expected_use import question_shares


def test_the_more_predictable_question_is_the_likelier_one() -> None:
    assert question_shares([log(0.3), log(0.1)]) == pytest.approx([0.75, 0.25])


def test_where_nobody_told_all_are_alike() -> None:
    assert question_shares([None, None]) == [0.5, 0.5]
    assert question_shares([]) == []


def test_a_question_that_nobody_told_of_is_like_the_others() -> None:
    assert question_shares([log(0.3), None, log(0.1)]) == pytest.approx([0.5, 1 / 3, 1 / 6])


def test_what_is_as_good_as_impossible_is_still_a_share() -> None:
    assert question_shares([-10_000.0, -20_000.0]) == [0.5, 0.5]
