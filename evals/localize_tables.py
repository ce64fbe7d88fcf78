"""What the answers of localize.py come to: recall and MRR beside BM25's, as numbers, tables and curves.

Recall@k is the mean share of what is right among the first k, MRR the mean of 1 / rank of the first right one.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evals.charts import Chart, Series
from evals.localize import Answer
from evals.paired import bootstrap_mean
from evals.tables import Column, Table

DEPTHS = (1, 3, 5, 10)


def recall_at(ranks: Iterable[Sequence[int | None]], k: int) -> float:
    """Mean share of the right files among the first k."""
    shares = [sum(rank is not None and rank <= k for rank in each) / len(each) for each in ranks]
    return sum(shares) / len(shares)


def mean_reciprocal_rank(ranks: Iterable[Sequence[int | None]]) -> float:
    """Of the first right file; 0 where none came."""
    firsts = [min((rank for rank in each if rank), default=None) for each in ranks]
    return sum(1 / first if first else 0.0 for first in firsts) / len(firsts)


def gain(answers: Sequence[Answer], k: int) -> tuple[float, float, float]:
    """By how much recall@k is above BM25's, and the ends of the 95 % bootstrap interval over questions."""
    each = [recall_at([a.ranks], k) - recall_at([a.bm25_ranks], k) for a in answers]
    return sum(each) / len(each), *bootstrap_mean(each)


class Ranking(NamedTuple):
    """Where the right files or functions of each question came in one order of them all."""

    what: str
    by: str
    ranks: list[tuple[int | None, ...]]


def rankings(answers: Sequence[Answer]) -> list[Ranking]:
    """Of files, and of functions where any were changed, each beside BM25's."""
    with_functions = [answer for answer in answers if answer.function_ranks]
    found = (
        Ranking("files", "BM25", [a.bm25_ranks for a in answers]),
        Ranking("files", "sleepwright", [a.ranks for a in answers]),
        Ranking("functions", "BM25", [a.bm25_function_ranks for a in with_functions]),
        Ranking("functions", "sleepwright", [a.function_ranks for a in with_functions]),
    )
    return [ranking for ranking in found if ranking.ranks]


def recall_table(answers: Sequence[Answer]) -> Table:
    """Recall at several depths."""
    return Table(
        name="recall",
        caption=f"Mean share of what is right among the first k, and MRR, over {len(answers)} questions.",
        columns=(
            Column(name="ranked"),
            Column(name="by"),
            Column(name="n", format="d"),
            *(Column(name=f"recall@{k}", format=".1%") for k in DEPTHS),
            Column(name="MRR", format=".3f"),
        ),
        rows=tuple(
            (what, by, len(ranks), *(recall_at(ranks, k) for k in DEPTHS), mean_reciprocal_rank(ranks))
            for what, by, ranks in rankings(answers)
        ),
    )


def gain_table(answers: Sequence[Answer]) -> Table:
    """What was gained at 5, and what an answer costs."""
    mean, low, high = gain(answers, 5)
    seconds = sorted(answer.seconds for answer in answers)[len(answers) // 2]
    return Table(
        name="gain",
        caption="Recall@5 above BM25's with the 95 % bootstrap interval over questions; the median of CPU seconds a "
        "question; the newest files, and what their words take.",
        columns=(
            Column(name="questions"),
            *(Column(name=name, format="+.1%") for name in ("recall@5", "from", "to")),
            Column(name="CPU s", format=".2f"),
            *(Column(name="files"), Column(name="MB", format=".1f")),
        ),
        rows=((len(answers), mean, low, high, seconds, answers[-1].files, answers[-1].index_bytes / 1e6),),
    )


def recall_chart(answers: Sequence[Answer]) -> Chart:
    """The same as curves."""
    depths = tuple(map(float, DEPTHS))
    series = tuple(
        Series(label=f"{what}, {by}", x=depths, y=tuple(recall_at(ranks, k) for k in DEPTHS))
        for what, by, ranks in rankings(answers)
    )
    return Chart(
        name="recall", title="What is a task about?", x_label="k", y_label="recall@k", series=series,
        y_range=(0.0, 1.0), percent=True,
    )  # fmt: skip
