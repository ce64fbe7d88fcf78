"""Rounds in a row: played with adapters that are there already, so that nothing is trained here."""

from pathlib import Path

import pytest

from agent.policy import SHIPPED
from evals.run_folder import RunConfig, RunFolder
from evals.ttrl_rounds import Played, chart, play, read_played, table
from evals.ttrl_tasks import LearningTask
from memory.records import Verdict
from tests.agent.lora_examples import write_lora
from tests.ttrl_adapter.exercises import area
from ttrl_adapter.records import Exercise, Recipe
from ttrl_adapter.round import CANARIES, CHOSEN, POLLS, VERDICT, Chosen

RECIPE = Recipe(votes=4, trained=4, max_tokens=8)
HELD_OUT = {"pass@1 T=1": 0.5, "greedy": 0.6, "maj@64": 0.7, "pass@64": 0.9, "agreement": 0.4}


def played(number: int, promoted: bool, right: float) -> Played:
    verdict = Verdict(passed=promoted, reasons=() if promoted or not number else ("no gain",))
    held_out = {**HELD_OUT, "pass@1 T=1": right}
    return Played(number=number, promoted=promoted, verdict=verdict, agreement=None, held_out=held_out)


def trained_round(folder: Path, number: int, passed: bool) -> None:
    place = folder / "rounds" / f"{number:04}"
    write_lora(place / "training" / "adapter", SHIPPED, rank=16, size=0.01, seed=number)
    many = tuple(Exercise(id=f"{number}-{i}", prompt=f"p{i}") for i in range(16))
    some = Chosen(exercises=many, base_votes={}, asked=16, replayed=0).model_dump_json()
    for name in (CHOSEN, CANARIES):
        (place / name).write_text(some)
    (place / VERDICT).write_text(Verdict(passed=passed, reasons=() if passed else ("no",)).model_dump_json())


def test_what_was_promoted_is_active_until_another_is_and_a_second_call_goes_on(tmp_path: Path) -> None:
    folder = RunFolder.begin(tmp_path / "run", RunConfig.of("ttrl-rounds", "x"))
    task = LearningTask("x", SHIPPED, [], [], {}, [area()], [area()] * 16, RECIPE, [], lambda number: [])
    said: list[str] = []
    for number, passed in ((1, True), (2, False)):
        trained_round(folder.path, number, passed)
    play(task, RECIPE, 1, 16, True, folder, said.append)
    play(task, RECIPE, 2, 16, True, folder, said.append)
    base, first, second = read_played(folder)
    assert (base.number, first.promoted, second.promoted) == (0, True, False)
    assert second.held_out == first.held_out
    assert [line.partition(":")[0] for line in said] == ["round 1/1", "round 2/2"]
    assert not (folder.path / "rounds" / "0002" / POLLS).exists()  # its verdict was there


def test_the_table_has_the_worst_of_what_was_active() -> None:
    rows = [played(0, False, 0.5), played(1, True, 0.4), played(2, False, 0.4), played(3, True, 0.7)]
    made = table(rows, "sorting")
    assert "3 rounds, 2 promoted" in made.caption and "at worst 40.0%" in made.caption
    assert [row[-1] for row in made.shown] == ["base", "promoted", "no gain", "promoted"]
    drawn = chart(rows, "sorting")
    assert drawn.series[0].y == pytest.approx((0.5, 0.4, 0.4, 0.7)) and drawn.series[0].x == (0, 1, 2, 3)
