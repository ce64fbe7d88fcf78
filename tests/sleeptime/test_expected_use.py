"""Which of the questions that are expected comes first."""

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import pytest

from agent.chat import Reply
from sleeptime.expected_use import question_shares
from sleeptime.passes.presolve import Presolve
from tests.sleeptime.desk import open_desk


class Served:
    """A model that is there and asked nothing."""

    name = "served"

    def sample(self, *arguments: Any, **more: Any) -> list[Reply]:
        raise AssertionError

    def predictability(self, *arguments: Any) -> None:
        raise AssertionError


def test_the_more_predictable_question_is_the_likelier_one() -> None:
    assert question_shares([log(0.3), log(0.1)]) == pytest.approx([0.75, 0.25])


def test_where_nobody_told_all_are_alike() -> None:
    assert question_shares([None, None]) == [0.5, 0.5]
    assert question_shares([]) == []


def test_a_question_that_nobody_told_of_is_like_the_others() -> None:
    assert question_shares([log(0.3), None, log(0.1)]) == pytest.approx([0.5, 1 / 3, 1 / 6])


def test_what_is_as_good_as_impossible_is_still_a_share() -> None:
    assert question_shares([-10_000.0, -20_000.0]) == [0.5, 0.5]


def test_presolve_answers_the_more_predictable_question_first(repo: Path) -> None:
    with open_desk(repo) as study:
        for text, nats in (("Why does add subtract?", -4.0), ("Could double take a list?", -1.0)):
            note = study.notes.add(text, ["calc.py"], origin="inferred", kind="question")
            study.notes.log.forget([note.id], by="user-said")
            study.notes.log.add([note.model_copy(update={"id": f"{note.id}0", "predictability": nats})])
        items = list(Presolve().items(replace(study, model=Served())))
    best = max(items, key=lambda item: item.worth)
    assert len(items) == 2 and best.about == "Could double take a list?"
    assert max(item.expected_use for item in items) > 10 * min(item.expected_use for item in items)
