"""The tables and the curves of `eval sleep`, from its trials. Pure.

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
from evals.sleep_trials import Slept, Trial
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
_INTERVAL = "(95 % bootstrap intervals over questions, those about the same fault together)"


class Ratio(NamedTuple):
    """How many times as much, with its 95 % interval; infinite where there is nothing to compare with."""

    value: float
    low: float
    high: float


class Words(NamedTuple):
    """What a suite calls its things."""

    score: str = "solved"
    budget: str = "candidates"


REPAIRS = Words()


def curve(trials: Sequence[Trial], words: Words = REPAIRS) -> Table:
    """Score, tokens and seconds in each arm at each budget."""
    rows: list[tuple[Cell, ...]] = []
    for group, budget in _groups_and_budgets(trials):
        for arm in _arms(trials):
            if chosen := _of(trials, group, arm, budget):
                score, written = _interval(chosen), bootstrap_mean([float(trial.completion) for trial in chosen])
                rows.append(
                    (
                        *(group, arm, budget, len(chosen), _score(chosen), *score),
                        *(fmean(t.completion for t in chosen), *written, fmean(t.prompt for t in chosen)),
                        *(median(t.seconds for t in chosen), fmean(t.was_known for t in chosen)),
                        *(_mean([t.precision for t in chosen]), _mean([t.recall for t in chosen])),
                    )
                )
    headings = [("questions", ""), ("memory", ""), (words.budget, ""), ("n", ""), (words.score, ".1%"), ("from", ".1%")]
    headings += [("to", ".1%"), ("tokens written", ",.0f"), ("from", ",.0f"), ("to", ",.0f"), ("read", ",.0f")]
    headings += [("seconds", ".2f"), ("known", ".0%"), ("precision", ".1%"), ("recall", ".1%")]
    return _table(
        "curve",
        f"Per question, at test time: {words.score} (95 % interval: Wilson's, of shares the bootstrap's), tokens "
        "written (mean, 95 % bootstrap interval) and read, seconds (median), which share was known beforehand, and "
        "precision and recall of the files touched.",
        headings,
        rows,
    )


def savings(trials: Sequence[Trial], words: Words = REPAIRS) -> Table:
    """How many times fewer test-time tokens with sleep, at the same budget and at the same score."""
    rows: list[tuple[Cell, ...]] = []
    baseline, *others = _arms(trials)
    for group, budget in _groups_and_budgets(trials):
        for arm in others:
            slept, without = _of(trials, group, arm, budget), _of(trials, group, baseline, budget)
            if slept and without:
                reached, is_reached = _reaching(trials, group, _score(slept))
                about = _about(slept)
                same, equal = (ratio(_written(before), _written(slept), about) for before in (without, reached))
                how = str(reached[0].budget) if is_reached else f"none, best {reached[0].budget}"
                rows.append(
                    (group, arm, budget, _score(slept), _score(without), *same, how, _score(reached), *equal),
                )
    headings = [("questions", ""), ("memory", ""), (words.budget, ""), (f"{words.score} with", ".1%")]
    headings += [("without", ".1%"), ("times", ".1f"), ("from", ".1f"), ("to", ".1f")]
    headings += [(f"without as good at {words.budget}", ""), (words.score, ".1%"), ("times", ".1f")]
    headings += [("from", ".1f"), ("to", ".1f")]
    return _table(
        "savings",
        f"How many times as many test-time tokens are written without sleep as with it: at the same {words.budget}, "
        f"and at the least that is as good without; inf: with sleep none are written {_INTERVAL}.",
        headings,
        rows,
    )


def amortised(trials: Sequence[Trial], slept: Sequence[Slept], words: Words = REPAIRS) -> Table:
    """The cost of a query with sleep and without, for 1 to 10 queries of a repository state."""
    rows: list[tuple[Cell, ...]] = []
    baseline, *others = _arms(trials)
    for group, budget in _groups_and_budgets(trials):
        for arm in [arm for arm in others if any(each.arm == arm for each in slept)]:
            chosen, without = _of(trials, group, arm, budget), _of(trials, group, baseline, budget)
            if not (chosen and without):
                continue
            reached, _ = _reaching(trials, group, _score(chosen))
            about = _about(chosen)
            for queries in QUERIES:
                after = _costs(chosen, slept, queries, 0.0)
                same, equal = (ratio(_costs(before, (), queries, 0.0), after, about) for before in (without, reached))
                priced = ratio(_costs(without, (), queries, PREFILL), _costs(chosen, slept, queries, PREFILL), about)
                rows.append(
                    (
                        *(group, arm, budget, queries, fmean(after), fmean(_costs(without, (), queries, 0.0))),
                        *(*same, priced.value, reached[0].budget, *equal),
                    )
                )
    headings = [("questions", ""), ("memory", ""), (words.budget, ""), ("queries", ""), ("cost with", ",.0f")]
    headings += [("without", ",.0f"), ("times", ".2f"), ("from", ".2f"), ("to", ".2f"), ("with prefill", ".2f")]
    headings += [(f"without as good at {words.budget}", ""), ("times", ".2f"), ("from", ".2f"), ("to", ".2f")]
    return _table(
        "amortised",
        f"Cost of a query in tokens: sleep's / queries of a state + {T:g} x test-time, and how many times lower it is "
        f"than without sleep at the same {words.budget} and at the least that is as good; with prefill, a token read "
        f"counts {PREFILL:g} of one written. All that sleep spent on the state is counted, whichever questions came "
        f"{_INTERVAL}.",
        headings,
        rows,
    )


def sleeps(slept: Sequence[Slept]) -> Table:
    """What sleep came to in each arm, a mean over its scenes."""
    rows: list[tuple[Cell, ...]] = []
    for arm in dict.fromkeys(each.arm for each in slept):
        chosen = [each for each in slept if each.arm == arm]
        rows.append(
            (
                *(arm, len(chosen), fmean(s.notes for s in chosen), fmean(s.answers for s in chosen)),
                *(fmean(s.completion for s in chosen), fmean(s.prompt for s in chosen)),
                fmean(s.seconds for s in chosen),
            )
        )
    headings = [("memory", ""), ("states", ""), ("notes", ".1f"), ("answers", ".1f"), ("written", ",.0f")]
    headings += [("read", ",.0f"), ("seconds", ".1f")]
    return _table("sleep", "What a sleep came to, and its tokens: means over repository states.", headings, rows)


def charts(trials: Sequence[Trial], words: Words = REPAIRS) -> list[Chart]:
    """The score over the test-time tokens, a line an arm, a chart a group of questions."""
    return [_chart(trials, group, words) for group in dict.fromkeys(group for group, _ in _groups_and_budgets(trials))]


def ratio(before: Sequence[float], after: Sequence[float], about: Sequence[str] = (), seed: int = 0) -> Ratio:
    """Of the means. Both are of the same questions in the same order, and are resampled together; questions that are
    `about` the same are no independent ones, and stay together."""
    _, groups = np.unique(about or list(map(str, range(len(before)))), return_inverse=True)
    first, second = (np.bincount(groups, np.asarray(values, dtype=float)) for values in (before, after))
    picks = np.random.default_rng(seed).integers(0, len(first), (_RESAMPLES, len(first)))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.nan_to_num(first[picks].mean(axis=1) / second[picks].mean(axis=1), nan=1.0, posinf=np.inf)
        value = float(first.mean() / second.mean())
    low, high = np.quantile(values, (0.025, 0.975), method="nearest")
    return Ratio(value, float(low), float(high))


def _chart(trials: Sequence[Trial], group: str, words: Words) -> Chart:
    series = []
    for arm in _arms(trials):
        points = [_of(trials, group, arm, budget) for budget in sorted({trial.budget for trial in trials})]
        points = [chosen for chosen in points if chosen]
        ends = [_interval(chosen) for chosen in points]
        series.append(
            Series(
                label=f"{arm} sleep" if arm in ("with", "without") else arm,
                x=tuple(fmean(t.completion for t in chosen) for chosen in points),
                y=tuple(_score(chosen) for chosen in points),
                low=tuple(end.low for end in ends),
                high=tuple(end.high for end in ends),
            )
        )
    return Chart(
        name=f"curve-{group.replace(' ', '-')}",
        title=f"Questions: {group}",
        x_label="test-time tokens written per question",
        y_label=words.score,
        series=tuple(series),
        y_range=(0.0, 1.0),
        percent=True,
    )


def _table(name: str, caption: str, headings: Sequence[tuple[str, str]], rows: Sequence[tuple[Cell, ...]]) -> Table:
    columns = tuple(Column(name=heading, format=form) for heading, form in headings)
    return Table(name=name, caption=caption, columns=columns, rows=tuple(rows))


def _costs(trials: Sequence[Trial], slept: Sequence[Slept], queries: int, price: float) -> list[float]:
    """Of each question; `slept` is empty for runs without."""
    asleep = {(each.scene, each.arm): each.completion + price * each.prompt for each in slept}
    return [
        asleep.get((trial.scene, trial.arm), 0.0) / queries + T * (trial.completion + price * trial.prompt)
        for trial in trials
    ]


def _reaching(trials: Sequence[Trial], group: str, score: float) -> tuple[list[Trial], bool]:
    """The trials without sleep at the smallest budget that is as good, and whether one is; else at the best."""
    baseline = _arms(trials)[0]
    budgets = sorted({trial.budget for trial in trials if trial.arm == baseline})
    found = [_of(trials, group, baseline, budget) for budget in budgets]
    for chosen in found:
        if _score(chosen) >= score:
            return chosen, True
    return max(found, key=_score), False


def _arms(trials: Sequence[Trial]) -> list[str]:
    """The one without sleep first."""
    return list(dict.fromkeys(trial.arm for trial in trials))


def _groups_and_budgets(trials: Sequence[Trial]) -> list[tuple[str, int]]:
    """Without groups that say the same as all together."""
    groups = list(GROUPS) if len({trial.anticipated for trial in trials}) > 1 else ["together"]
    return [(group, budget) for group in groups for budget in sorted({trial.budget for trial in trials})]


def _of(trials: Sequence[Trial], group: str, arm: str, budget: int) -> list[Trial]:
    """In the order of the questions, the same in every arm."""
    return [trial for trial in trials if (trial.arm, trial.budget) == (arm, budget) and GROUPS[group](trial)]


def _score(trials: Sequence[Trial]) -> float:
    return fmean(trial.score for trial in trials)


def _interval(trials: Sequence[Trial]) -> Interval:
    scores = [trial.score for trial in trials]
    if set(scores) <= {0.0, 1.0}:
        return wilson_interval(round(sum(scores)), len(scores))
    return bootstrap_mean(scores)


def _about(trials: Sequence[Trial]) -> list[str]:
    """What each question is about: the same for questions of one context that one change answers."""
    return [f"{trial.scene} {' '.join(trial.right)}" for trial in trials]


def _written(trials: Sequence[Trial]) -> list[float]:
    return [float(trial.completion) for trial in trials]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
