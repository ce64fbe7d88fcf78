"""The tables and the plot of an evaluation, from its predictions and grades."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from evals.charts import Chart, Series
from evals.estimates import wilson_interval
from evals.swe.grade import Grade, Outcome
from evals.swe.instances import Dataset
from evals.swe.predict import Prediction
from evals.tables import Cell, Column, Table

_OUTCOMES: tuple[Outcome, ...] = ("resolved", "unresolved", "empty", "error")


def rates_table(label: str, found: Mapping[str, Any], predictions: Iterable[Prediction]) -> Table:
    """One row: how many of all instances are resolved, with the interval, and what became of the others."""
    failed = sum(one.status == "error" for one in predictions)
    total, resolved = found["total_instances"], found["resolved_instances"]
    low, high = wilson_interval(resolved, total)
    counts = (found[f"{name}_instances"] for name in ("unresolved", "empty_patch", "error"))
    columns = (
        Column(name="run"),
        Column(name="instances"),
        Column(name="resolved"),
        Column(name="rate", format=".1%"),
        Column(name="from", format=".1%"),
        Column(name="to", format=".1%"),
        *(Column(name=name) for name in ("unresolved", "empty", "error", "not graded", "agent failed")),
    )
    return Table(
        name="rates",
        caption="Resolved, of all instances, with the 95 % Wilson interval. Where the agent failed the patch is empty.",
        columns=columns,
        rows=((label, total, resolved, resolved / total, low, high, *counts, len(found["incomplete_ids"]), failed),),
    )


def groups_table(dataset: Dataset, grades: Mapping[str, Grade]) -> Table:
    """A row for each difficulty, in the order in which they first come."""
    rows: list[tuple[Cell, ...]] = []
    for difficulty in dict.fromkeys(instance.difficulty or "all" for instance in dataset.instances):
        group = [one.instance_id for one in dataset.instances if (one.difficulty or "all") == difficulty]
        counts = Counter(grades[id].outcome for id in group if id in grades)
        rows.append((difficulty, len(group), *(counts[outcome] for outcome in _OUTCOMES)))
    columns = (Column(name="difficulty"), Column(name="instances"), *(Column(name=name) for name in _OUTCOMES))
    return Table(name="difficulty", caption="What became of the instances.", columns=columns, rows=tuple(rows))


def groups_chart(dataset: Dataset, grades: Mapping[str, Grade]) -> Chart:
    """The share that is resolved by difficulty, with intervals."""
    rows = [row[:3] for row in groups_table(dataset, grades).rows]
    shares, lows, highs = [], [], []
    for _, total, resolved in rows:
        assert isinstance(total, int) and isinstance(resolved, int)
        low, high = wilson_interval(resolved, total)
        shares.append(resolved / total)
        lows.append(low)
        highs.append(high)
    series = Series(label="resolved", y=tuple(shares), low=tuple(lows), high=tuple(highs))
    return Chart(
        name="resolved",
        title="Resolved instances, with the 95 % Wilson interval",
        x_label="difficulty",
        y_label="resolved",
        kind="bars",
        categories=tuple(str(row[0]) for row in rows),
        series=(series,),
        y_range=(0.0, 1.0),
        percent=True,
    )


def instances_table(dataset: Dataset, predictions: Mapping[str, Prediction], grades: Mapping[str, Grade]) -> Table:
    """A row for each instance."""
    rows: list[tuple[Cell, ...]] = []
    for instance in dataset.instances:
        id = instance.instance_id
        made, graded = predictions.get(id), grades.get(id)
        problem = (graded and graded.problem) or (made and made.problem) or ""
        rows.append(
            (
                id,
                instance.difficulty,
                made.status if made else "",
                graded.outcome if graded else "",
                made.agent_seconds if made else None,
                graded.test_seconds if graded else None,
                made.tokens.prompt + made.tokens.completion if made else None,
                len(made.notes) if made else None,
                " ".join(problem.split())[:200],
            )
        )
    rows += [(row.id, "", "", "error", None, None, None, None, row.problem) for row in dataset.malformed]
    columns = (
        *(Column(name=name) for name in ("instance", "difficulty", "the agent", "outcome")),
        Column(name="agent s", format=".1f"),
        Column(name="tests s", format=".1f"),
        Column(name="tokens", format=","),
        Column(name="notes"),
        Column(name="problem"),
    )
    return Table(
        name="instances",
        caption="Every instance: what the agent said of its patch, what the hidden tests said, and what it took.",
        columns=columns,
        rows=tuple(rows),
    )


def cost_table(predictions: Sequence[Prediction], grades: Sequence[Grade]) -> Table:
    """What all of it took, and how much of it was neither the agent nor the tests."""
    slept = [one.slept for one in predictions if one.slept]
    agent, sleep = sum(one.agent_seconds for one in predictions), sum(one.seconds for one in slept)
    tests = sum(one.test_seconds for one in grades)
    whole = sum(one.seconds for one in predictions) + sum(one.seconds for one in grades)
    own = agent + sleep + tests
    dollars = [one.dollars for one in predictions if one.dollars is not None]
    tokens = sum(one.tokens.prompt + one.tokens.completion for one in predictions)
    asleep = sum(one.tokens.prompt + one.tokens.completion for one in slept)
    return Table(
        name="cost",
        caption="Wall-clock seconds summed over workers; whole / own is what evaluating adds to the agent, its sleep "
        "and the tests, the making of environments included.",
        columns=(
            *(Column(name=f"{name} s", format=".1f") for name in ("agent", "sleep", "tests", "whole")),
            Column(name="whole / own", format=".2f"),
            Column(name="agent s, median", format=".1f"),
            Column(name="tokens", format=","),
            Column(name="tokens asleep", format=","),
            Column(name="dollars", format=".4f"),
        ),
        rows=(
            (
                *(agent, sleep, tests, whole, whole / own if own else None),
                median([one.agent_seconds for one in predictions]) if predictions else None,
                *(tokens, asleep, sum(dollars) if dollars else None),
            ),
        ),
    )
