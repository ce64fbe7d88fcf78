"""The tables and the curve of `eval sleep`, from its trials. Pure.

The amortised cost of a query is the paper's (arXiv 2504.13171, section 5.3): sleep's tokens shared by the N queries of
a repository state, plus t = 10 times the test-time tokens, since a user waits for those. With prefill priced in, a
token that is read counts a share of one that is written, asleep and awake.
"""

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import NamedTuple

import numpy as np

from evals.charts import Chart, Series
from evals.estimates import Interval, wilson_interval
from evals.paired import bootstrap_mean
from evals.sleep import Arm, Slept, Trial
from evals.tables import Cell, Column, Table

T = 10.0
"""What a test-time token costs beside one of sleep's."""
PREFILL = 0.2
"""What a token that is read costs beside one that is written."""
QUERIES = (1, 2, 5, 10)
GROUPS: dict[str, Callable[[Trial], bool]] = {
    "anticipated": lambda trial: trial.anticipated,
    "not anticipated": lambda trial: not trial.anticipated,
    "together": lambda trial: True,
}
_RESAMPLES = 5_000


class Ratio(NamedTuple):
    """How many times as much, with its 95 % bootstrap interval over questions; infinite where there is nothing."""

    value: float
    interval: Interval


def curve(trials: Sequence[Trial]) -> Table:
    """Solved share, tokens and seconds in each arm at each budget."""
    rows: list[tuple[Cell, ...]] = []
    for group, arm, budget, chosen in _cells(trials):
        solved = sum(trial.solved for trial in chosen)
        low, high = wilson_interval(solved, len(chosen))
        written = [float(trial.completion) for trial in chosen]
        interval = bootstrap_mean(written)
        precise = [trial.precision for trial in chosen if trial.precision is not None]
        rows.append(
            (
                *(group, arm, budget, len(chosen), solved / len(chosen), low, high),
                *(fmean(written), interval.low, interval.high, fmean(trial.prompt for trial in chosen)),
                *(median(trial.seconds for trial in chosen), sum(trial.was_known for trial in chosen) / len(chosen)),
                fmean(precise) if precise else None,
            )
        )
    headings = [("questions", ""), ("memory", ""), ("candidates", ""), ("n", ""), ("solved", ".1%"), ("from", ".1%")]
    headings += [("to", ".1%"), ("tokens written", ",.0f"), ("from", ",.0f"), ("to", ",.0f"), ("read", ",.0f")]
    headings += [("seconds", ".2f"), ("known", ".0%"), ("precision", ".1%")]
    return Table(
        name="curve",
        caption="Per question, at test time: the share solved (95 % Wilson interval), tokens written (mean, 95 % "
        "bootstrap interval) and read, seconds (median), how many were known beforehand, and which share of the files "
        "touched is right.",
        columns=tuple(Column(name=name, format=form) for name, form in headings),
        rows=tuple(rows),
    )


def savings(trials: Sequence[Trial]) -> Table:
    """How many times fewer test-time tokens with sleep, at the same budget and at the same share solved."""
    rows: list[tuple[Cell, ...]] = []
    for group, budget in _groups_and_budgets(trials):
        with_sleep = _of(trials, group, "with", budget)
        without = _of(trials, group, "without", budget)
        if not (with_sleep and without):
            continue
        same = ratio([t.completion for t in without], [t.completion for t in with_sleep])
        reached, is_reached = _reaching(trials, group, _share(with_sleep))
        equal = ratio([t.completion for t in reached], [t.completion for t in with_sleep])
        how = f"{reached[0].budget} candidates" if is_reached else f"not with {reached[0].budget}"
        rows.append(
            (
                *(group, budget, _share(with_sleep), _share(without), same.value, *same.interval),
                *(how, _share(reached), equal.value, *equal.interval),
            )
        )
    headings = [("questions", ""), ("candidates", ""), ("solved with", ".1%"), ("without", ".1%"), ("times", ".1f")]
    headings += [("from", ".1f"), ("to", ".1f"), ("as much is solved without by", ""), ("solved", ".1%")]
    headings += [("times", ".1f"), ("from", ".1f"), ("to", ".1f")]
    return Table(
        name="savings",
        caption="How many times as many test-time tokens are written without sleep as with it: at the same number of "
        "candidates, and beside the fewest candidates that solve as much without (95 % bootstrap intervals over "
        "questions).",
        columns=tuple(Column(name=name, format=form) for name, form in headings),
        rows=tuple(rows),
    )


def amortised(trials: Sequence[Trial], slept: Sequence[Slept]) -> Table:
    """The cost of a query with sleep and without, for 1 to 10 queries of a repository state."""
    rows: list[tuple[Cell, ...]] = []
    for group, budget in _groups_and_budgets(trials):
        for queries in QUERIES:
            for priced, price in (("written", 0.0), ("with prefill", PREFILL)):
                found = _costs(trials, slept, group, budget, queries, price)
                if found is None:
                    continue
                before, after = found
                times = ratio(before, after)
                rows.append((group, budget, queries, priced, fmean(after), fmean(before), times.value, *times.interval))
    headings = [("questions", ""), ("candidates", ""), ("queries", ""), ("tokens", ""), ("cost with", ",.0f")]
    headings += [("without", ",.0f"), ("times lower", ".2f"), ("from", ".2f"), ("to", ".2f")]
    return Table(
        name="amortised",
        caption=f"Cost of a query, in tokens: sleep's / queries of a repository state + {T:g} x test-time; with "
        f"prefill a token read counts {PREFILL:g} of one written. All that sleep spent on the repository is counted, "
        "whichever questions came (95 % bootstrap intervals over questions).",
        columns=tuple(Column(name=name, format=form) for name, form in headings),
        rows=tuple(rows),
    )


def sleeps(slept: Sequence[Slept]) -> Table:
    """What sleep came to, a row a scene."""
    names = ("scene", "questions", "notes", "answers", "written", "read", "seconds")
    forms = ("", "", "", "", ",", ",", ".1f")
    rows = tuple((s.scene, s.questions, s.notes, s.answers, s.completion, s.prompt, s.seconds) for s in slept)
    return Table(
        name="sleep",
        caption="What was found asleep, once for each repository state, and the tokens that it took.",
        columns=tuple(Column(name=name, format=form) for name, form in zip(names, forms, strict=True)),
        rows=rows,
    )


def charts(trials: Sequence[Trial]) -> list[Chart]:
    """The share solved over the test-time tokens, a line an arm, a chart a group of questions."""
    return [_chart(trials, group) for group in dict.fromkeys(group for group, _ in _groups_and_budgets(trials))]


def _chart(trials: Sequence[Trial], group: str) -> Chart:
    series = []
    for arm in dict.fromkeys(trial.arm for trial in trials):
        points = [_of(trials, group, arm, budget) for budget in sorted({trial.budget for trial in trials})]
        points = [chosen for chosen in points if chosen]
        ends = [wilson_interval(sum(t.solved for t in chosen), len(chosen)) for chosen in points]
        series.append(
            Series(
                label=f"{arm} sleep" if arm != "shuffled" else "another repository's sleep",
                x=tuple(fmean(t.completion for t in chosen) for chosen in points),
                y=tuple(_share(chosen) for chosen in points),
                low=tuple(end.low for end in ends),
                high=tuple(end.high for end in ends),
            )
        )
    return Chart(
        name=f"curve-{group.replace(' ', '-')}",
        title=f"Questions {group}",
        x_label="test-time tokens written per question",
        y_label="solved",
        series=tuple(series),
        y_range=(0.0, 1.0),
        percent=True,
    )


def ratio(before: Sequence[float], after: Sequence[float], seed: int = 0) -> Ratio:
    """Of the means; resampled in pairs where there are as many of both, else each by itself."""
    first, second = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(first), (_RESAMPLES, len(first)))
    others = picks if len(first) == len(second) else rng.integers(0, len(second), (_RESAMPLES, len(second)))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = first[picks].mean(axis=1) / second[others].mean(axis=1)
        value = float(first.mean() / second.mean())
    low, high = np.quantile(np.nan_to_num(values, nan=1.0, posinf=np.inf), (0.025, 0.975), method="nearest")
    return Ratio(value, Interval(float(low), float(high)))


def _costs(
    trials: Sequence[Trial], slept: Sequence[Slept], group: str, budget: int, queries: int, price: float
) -> tuple[list[float], list[float]] | None:
    """Of each question without sleep and with it; None where one of the arms is missing."""
    asleep = {each.scene: each.completion + price * each.prompt for each in slept}
    without, with_sleep = (_of(trials, group, arm, budget) for arm in ("without", "with"))
    if not (without and with_sleep):
        return None
    before = [T * (trial.completion + price * trial.prompt) for trial in without]
    after = [asleep[trial.scene] / queries + T * (trial.completion + price * trial.prompt) for trial in with_sleep]
    return before, after


def _reaching(trials: Sequence[Trial], group: str, share: float) -> tuple[list[Trial], bool]:
    """The trials without sleep at the smallest budget that solves as much, and whether one does; else the largest."""
    for budget in sorted({trial.budget for trial in trials}):
        chosen = _of(trials, group, "without", budget)
        if _share(chosen) >= share:
            return chosen, True
    return chosen, False


def _cells(trials: Sequence[Trial]) -> list[tuple[str, Arm, int, list[Trial]]]:
    arms = dict.fromkeys(trial.arm for trial in trials)
    found = [
        (group, arm, budget, _of(trials, group, arm, budget))
        for group, budget in _groups_and_budgets(trials)
        for arm in arms
    ]
    return [cell for cell in found if cell[3]]


def _groups_and_budgets(trials: Sequence[Trial]) -> list[tuple[str, int]]:
    """Without groups that say the same as all together."""
    groups = list(GROUPS) if len({trial.anticipated for trial in trials}) > 1 else ["together"]
    return [(group, budget) for group in groups for budget in sorted({trial.budget for trial in trials})]


def _of(trials: Sequence[Trial], group: str, arm: Arm, budget: int) -> list[Trial]:
    """In the order of the questions, the same in every arm."""
    return [trial for trial in trials if (trial.arm, trial.budget) == (arm, budget) and GROUPS[group](trial)]


def _share(trials: Sequence[Trial]) -> float:
    return sum(trial.solved for trial in trials) / len(trials) if trials else 0.0
