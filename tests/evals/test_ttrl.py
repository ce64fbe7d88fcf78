"""The tables of `eval ttrl` and `eval passk` are made from kept samples alone."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from evals.cli import evaluate
from evals.passk import Studied, Surprise
from evals.passk_tables import bins, crossover, curve, curve_mean, of, solved
from evals.passk_tables import tables as study
from evals.run_folder import RunConfig, RunFolder
from evals.ttrl import (
    BASE,
    COLLAPSE,
    Asked,
    Split,
    Trained,
    asked_again,
    chart,
    measured,
    practised,
    signals_of,
    tables,
)
from evals.ttrl_tasks import LearningTask
from memory.records import Verdict
from ttrl_adapter.records import Ballot, Exercise, Poll, Recipe, Step


def ballot(exercise: str, right: int, samples: int) -> Ballot:
    return Ballot(
        exercise=exercise, samples=samples, winner="w", agreement=0.5, right=right, right_winner=2 * right > samples,
        distinct=3, abstentions=0, tokens=5.0,
    )  # fmt: skip


def asked(
    arm: str, exercise: str, right: int, samples: int = 64, temperature: float = 1.0, seed: int = 0,
    split: Split = "held-out",
) -> Asked:  # fmt: skip
    said = Poll(exercise=exercise, temperature=temperature, said={"x": samples}, tokens=5.0)
    return Asked(seed=seed, arm=arm, split=split, poll=said, ballot=ballot(exercise, right, samples))


def studied(arm: str, exercise: str, right: int, samples: int = 8, top_up: bool = False) -> Studied:
    said = Poll(exercise=exercise, temperature=1.0, said={"x": samples}, tokens=5.0)
    known = Surprise(under_base=(2.0,), under_self=(1.5,), right_under_base=1.1)
    return Studied(
        seed=0, arm=arm, split="held-out", poll=said, ballot=ballot(exercise, right, samples), surprise=known,
        top_up=top_up,
    )  # fmt: skip


ASKED = [
    *(asked(BASE, name, right) for name, right in (("a", 16), ("b", 32))),
    *(asked("TTRL", name, right) for name, right in (("a", 32), ("b", 64))),
    asked(BASE, "a", 0, 1, 0.0),
    asked("TTRL", "a", 1, 1, 0.0),
]
TRAINED = [
    Trained(
        seed=0, arm="TTRL", verdict=Verdict(passed=True),
        steps=tuple(
            Step(step=i, steps=8, labelled=1, agreement=1, reward=1, label_accuracy=i / 8) for i in range(1, 9)
        ),
    )
]  # fmt: skip


def test_the_table_says_what_the_samples_come_to() -> None:
    means, differences = tables(ASKED, TRAINED, "sorting")
    assert means.shown[0][:4] == [BASE, "37.5%", "", "0.0%"]
    assert means.shown[1][:4] == ["TTRL", "75.0%", "", "100.0%"]
    assert means.shown[1][-2:] == ["93.8%", "1/1"]  # of the last two of eight steps
    first = differences.shown[0]
    assert first[:5] == ["TTRL", "pass@1 T=1", "37.5%", "75.0%", "+37.5%"] and first[-1] == "+100%"


def test_of_what_is_learnt_from_no_more_is_asked_again_than_is_held_out() -> None:
    made = [Exercise(id=name, prompt=name) for name in "abcdefgh"]
    task = LearningTask("sorting", Path(), made[:4], made[2:6], {}, made[6:], [], Recipe(), [], lambda number: [])
    assert [e.id for e in asked_again("TTRL", task)] == ["a", "b"]
    assert [e.id for e in asked_again("true labels", task)] == ["c", "d"]
    assert [e.id for e in asked_again(BASE, task)] == ["a", "b", "c", "d"]


def test_other_bugs_are_asked_in_functions_that_an_arm_learnt_from() -> None:
    made = [Exercise(id=name, prompt=name) for name in "abcdefgh"]
    twins = {name: Exercise(id=name.upper(), prompt=name.upper()) for name in "abde"}
    task = LearningTask("repair", Path(), made[:4], made[3:6], {}, made[6:], [], Recipe(), [], lambda number: [], twins)
    assert [e.id for e in practised("TTRL", task)] == ["A", "B"]
    assert [e.id for e in practised("true labels", task)] == ["D", "E"]
    assert [e.id for e in practised(BASE, task)] == ["A", "B", "D", "E"]
    rows = [asked(arm, "A", right, split="practised") for arm, right in ((BASE, 16), ("TTRL", 48))]
    *_, own = tables([*ASKED, *rows], TRAINED, "repair")
    assert own.name == "ttrl-practised" and own.shown[0][:5] == ["TTRL", "pass@1 T=1", "25.0%", "75.0%", "+50.0%"]


def test_an_arm_says_what_it_rewards() -> None:
    assert signals_of(["true labels", "TTRL", COLLAPSE]) == {"tests", "vote"}


def test_what_it_learnt_from_has_a_table_of_its_own() -> None:
    adapted = [asked(arm, "z", right, split="adapted") for arm, right in ((BASE, 16), ("TTRL", 48))]
    *held_out, own = tables([*ASKED, *adapted], TRAINED, "sorting")
    assert own.name == "ttrl-adapted" and own.shown[0][:5] == ["TTRL", "pass@1 T=1", "25.0%", "75.0%", "+50.0%"]
    assert held_out == tables(ASKED, TRAINED, "sorting")


def test_seeds_that_asked_the_same_exercise_are_one_value() -> None:
    rows = [asked(BASE, "a", right, seed=seed) for seed, right in ((0, 0), (1, 64))]
    assert measured(rows)[(BASE, "pass@1 T=1")] == {"a": 0.5}


def test_the_chart_has_a_line_an_arm() -> None:
    drawn = chart(ASKED, "sorting")
    assert [series.label for series in drawn.series] == [BASE, "TTRL"]
    assert drawn.series[0].x == (1, 2, 4, 8, 16, 32, 64)


# Four exercises: both solve it, only the base, only the adapter, only the adapter until the base is asked more often.
STUDIED = [
    *(studied(BASE, name, right) for name, right in zip("abcd", (2, 1, 0, 0), strict=True)),
    *(studied("TTRL", name, right) for name, right in zip("abcd", (8, 0, 4, 4), strict=True)),
    studied(BASE, "c", 0, 32, top_up=True),
    studied(BASE, "d", 1, 32, top_up=True),
]


def test_new_is_only_what_the_base_does_not_solve_when_asked_more_often() -> None:
    found = solved(STUDIED, "TTRL", "held-out")
    assert (found.both, found.lost, found.new, found.unclear) == (("0:a",), ("0:b",), ("0:c",), ("0:d",))
    assert found.flipped_right == ("0:a",)


def test_an_exercise_that_three_seeds_asked_is_not_three() -> None:
    once = {row.poll.exercise: row for row in STUDIED if row.arm == BASE and not row.top_up}
    thrice = {f"{seed}:{name}": row for seed in range(3) for name, row in once.items()}
    mean, ends = curve(once, 2)
    assert [curve(thrice, 2)[0], *curve(thrice, 2)[1]] == pytest.approx([mean, *ends])


def test_the_crossover_is_the_first_k_at_which_the_base_is_as_good() -> None:
    sharp = [studied("TTRL", "a", 8), studied("TTRL", "b", 0)]
    broad = [studied(BASE, "a", 3), studied(BASE, "b", 3)]
    base, mine = of([*sharp, *broad], BASE, "held-out"), of([*sharp, *broad], "TTRL", "held-out")
    k = crossover(base, mine, 8)
    assert (
        k is not None
        and curve_mean(base, k) >= curve_mean(mine, k)
        and curve_mean(base, k - 1) < curve_mean(mine, k - 1)
    )
    assert crossover(of(STUDIED, BASE, "held-out"), of(STUDIED, "TTRL", "held-out"), 8) is None


def test_pass_at_k_rises_with_k_and_is_the_mean_at_one() -> None:
    rows = of(STUDIED, BASE, "held-out")
    values = [curve_mean(rows, k) for k in range(1, 9)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(3 / 32)


def test_the_histogram_has_never_and_always_by_themselves() -> None:
    assert bins([0, 0.05, 0.1, 0.99, 1]) == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]


def test_the_study_has_all_its_tables() -> None:
    found = {table.name: table for table in study(STUDIED, "repair")}
    assert set(found) == {"pass-at-k", "capacity", "solvable", "accuracies", "perplexity"}
    assert found["capacity"].shown[1][-1] == "samples more efficiently"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ((3, 3, 3, 3), "samples more efficiently"),
        ((3, 1, 3, 1), "inside the noise"),
        ((0, 1, 0, 0), "samples less efficiently"),
    ],
)
def test_an_arm_is_said_to_be_better_only_outside_of_the_noise(right: tuple[int, ...], said: str) -> None:
    base = [studied(BASE, name, 2) for name in "abcd"]
    rows = [*base, *(studied("TTRL", name, number) for name, number in zip("abcd", right, strict=True))]
    [capacity] = [table for table in study(rows, "repair") if table.name == "capacity"]
    assert capacity.shown[1][-1] == said


def test_an_arm_under_way_is_compared_on_what_it_was_asked() -> None:
    asked_one = [row for row in STUDIED if row.arm == BASE or row.poll.exercise == "a"]
    [capacity] = [table for table in study(asked_one, "repair") if table.name == "capacity"]
    gap = [column.name for column in capacity.columns].index("gap")
    assert capacity.shown[1][gap] == "0.0%"  # the base solves "a" at eight, the arm at once


@pytest.mark.parametrize("command", ["ttrl", "passk"])
def test_a_kept_run_is_read_again_without_a_model(tmp_path: Path, command: str) -> None:
    folder = RunFolder.begin(tmp_path / "run", RunConfig.of(command, "x", {"task": "sorting"}))
    with folder.samples() as samples:
        for row in STUDIED if command == "passk" else ASKED:
            samples.append(row.model_dump(mode="json"))
    done = CliRunner().invoke(evaluate, [command, "--from", str(folder.path)])
    assert done.exit_code == 0, done.output
    assert "TTRL" in done.output and (folder.path / "tables").exists()


@pytest.mark.parametrize("command", ["ttrl", "passk"])
def test_a_run_of_another_command_and_one_without_answers_are_refused(tmp_path: Path, command: str) -> None:
    for name in ("swe", command):
        RunFolder.begin(tmp_path / name, RunConfig.of(name, "x", {"task": "sorting"}))
    asked = [CliRunner().invoke(evaluate, [command, "--from", str(tmp_path / name)]) for name in ("swe", command)]
    assert "holds a run of `eval swe`" in str(asked[0].exception)
    assert "has no answers" in str(asked[1].exception)


def test_an_unknown_arm_is_named_with_those_that_there_are() -> None:
    done = CliRunner().invoke(evaluate, ["ttrl", "--arm", "magic"])
    assert done.exit_code == 2 and "magic" in done.output and COLLAPSE in done.output
