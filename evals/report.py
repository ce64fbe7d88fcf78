"""What an evaluation looks like: to people on a console, and to programs as one JSON object."""

import json
import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from evals.classics import Attempt
from evals.daemon_trial import Trial
from evals.estimates import wilson_interval
from evals.localize import DEPTHS, Answer, gain, mean_reciprocal_rank, rankings, recall_at
from evals.memory_speed import Measured
from evals.overhead import Cost
from evals.repair import HEADINGS
from evals.speed import Timing


def show_attempts(attempts: Sequence[Attempt], console: Console) -> None:
    """A row for each program, and the share that was solved."""
    table = _table(("program", "kind of bug", "result"), ("agreement", "distinct", "seconds"))
    for attempt in attempts:
        table.add_row(
            attempt.name,
            attempt.kind,
            "[green]solved[/]" if attempt.solved else f"[red]{attempt.status}[/]",
            f"{attempt.votes}/{attempt.candidates}",
            str(attempt.distinct),
            f"{attempt.seconds:.1f}",
        )
    console.print(table)
    for attempt in attempts:
        if attempt.problem:
            console.print(f"{attempt.name}: {attempt.problem}", markup=False, highlight=False, soft_wrap=True)
    solved, total = sum(attempt.solved for attempt in attempts), len(attempts)
    low, high = wilson_interval(solved, total)
    console.print(
        f"\nsolved {solved}/{total} = {solved / total:.1%} (95 % Wilson interval {low:.1%} to {high:.1%}), "
        f"{sum(attempt.seconds for attempt in attempts) / total:.1f} s each",
        highlight=False,
        soft_wrap=True,
    )


def show_rates(rows: Sequence[tuple[str, list[str]]], console: Console) -> None:
    """The table of `evals.repair.table`. Not a table of rich's, which cuts cells where a terminal is narrow."""
    grid = [["kind of bug", *HEADINGS], *([name, *cells] for name, cells in rows)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    for name, *cells in grid:
        line = "  ".join([name.ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))])
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_timings(timings: Sequence[Timing], console: Console) -> None:
    """A row for each step, in seconds and as a multiple of sampling together."""
    table = _table(("step",), ("seconds", "ratio"))
    for timing in timings:
        table.add_row(timing.step, f"{timing.seconds:.3f}", "" if timing.ratio is None else f"{timing.ratio:.1f}")
    console.print(table)


def show_costs(costs: Sequence[Cost], console: Console) -> None:
    """A row for each program, kind of commands and number of steps."""
    table = _table(("program", "commands"), ("steps", "CPU ms a step", "saved KiB", "CPU s to the first request"))
    for cost in costs:
        saved, start = f"{cost.saved_kib:.0f}", f"{cost.start_cpu_seconds:.2f}"
        table.add_row(cost.program, cost.commands, str(cost.steps), f"{cost.cpu_ms_per_step:.1f}", saved, start)
    console.print(table)


def show_measured(steps: Sequence[Measured], console: Console) -> None:
    """A row for each step of `evals.memory_speed`."""
    table = _table(("step",), ("CPU seconds", "p50", "p95"))
    table.add_column("")
    for step in steps:
        table.add_row(step.step, f"{step.cpu:.3f}", f"{step.p50:.3f}", f"{step.p95:.3f}", step.size)
    console.print(table)


def show_trial(trial: Trial, console: Console) -> None:
    """What came of `evals.daemon_trial`."""
    waits = sorted(trial.yields)
    table = _table(("the daemon",), ("",))
    table.add_row("seconds until nothing of a sleep is left, median", f"{statistics.median(waits):.2f}")
    table.add_row(f"the longest of {len(waits)}", f"{waits[-1]:.2f}")
    ends = sorted(trial.ends)
    table.add_row(
        "the same of a sleep in the foreground, told by SIGINT", f"{statistics.median(ends):.2f}, {ends[-1]:.2f}"
    )
    table.add_row("CPU ms a second while it waits", f"{1000 * trial.waiting_cpu:.1f}")
    table.add_row(f"notes after {trial.kills} kills", f"{trial.notes}")
    table.add_row("of them lost, doubled", f"{trial.lost}, {trial.doubled}")
    console.print(table)


def show_localization(answers: Sequence[Answer], console: Console) -> None:
    """Recall at several depths beside BM25's, what was gained at 5, and what an answer costs."""
    table = _table(("ranked", "by"), ("n", *(f"recall@{k}" for k in DEPTHS), "MRR"))
    for what, by, ranks in rankings(answers):
        cells = [f"{recall_at(ranks, k):.1%}" for k in DEPTHS]
        table.add_row(what, by, str(len(ranks)), *cells, f"{mean_reciprocal_rank(ranks):.3f}")
    console.print(table)
    mean, low, high = gain(answers, 5)
    seconds = sorted(answer.seconds for answer in answers)[len(answers) // 2]
    console.print(
        f"\n{len(answers)} questions; recall@5 {mean:+.1%} (95 % bootstrap interval {low:+.1%} to {high:+.1%}); "
        f"{seconds:.2f} CPU seconds a question (median) over {answers[-1].files} files, whose words take "
        f"{answers[-1].index_bytes / 1e6:.1f} MB",
        highlight=False,
        soft_wrap=True,
    )


def as_json(attempts: Sequence[Attempt]) -> str:
    """One object: solved, total, the ends of the interval, and the attempts."""
    solved, total = sum(attempt.solved for attempt in attempts), len(attempts)
    rows = [{**attempt.model_dump(), "solved": attempt.solved} for attempt in attempts]
    interval = wilson_interval(solved, total)
    return json.dumps({"solved": solved, "total": total, "interval": interval, "attempts": rows}, indent=2)


def _table(words: Sequence[str], numbers: Sequence[str]) -> Table:
    """The headings of columns of words, then of numbers."""
    table = Table(box=None, pad_edge=False)
    for heading in words:
        table.add_column(heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
