"""The commands `sleepwright eval ...`."""

from importlib.util import find_spec

import click


@click.group(name="eval")
def evaluate() -> None:
    """Measure how well it works."""


@evaluate.command()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N programs, by name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--candidates", type=click.IntRange(min=1), metavar="N", help="Candidates per program (the command's).")
@click.option("--seed", type=int, metavar="K", help="Seed of the sampling (the command's default).")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, metavar="W", show_default=True, help="Programs at a time."
)
def classics(limit: int | None, as_json: bool, candidates: int | None, seed: int | None, workers: int) -> None:
    """Small classic programs with a one-line bug each: how many does `sleepwright run` solve?

    Each becomes a repository of its own, and the command gets nothing but its failing tests.
    """
    from rich.console import Console

    from evals import report
    from evals.classics import Attempt, load_classics, run_command
    from evals.classics import evaluate as evaluate_classics

    if not find_spec("pytest"):
        raise click.ClickException("the programs' tests need pytest in this environment: install pytest")
    chosen = load_classics()[:limit]
    done = 0

    def tell(attempt: Attempt) -> None:
        nonlocal done
        done += 1
        result = "solved" if attempt.solved else attempt.status
        click.echo(f"{done:3}/{len(chosen)} {result:12} {attempt.name} ({attempt.seconds:.1f} s)", err=True)

    attempts = evaluate_classics(chosen, run_command(candidates, seed), workers, tell)
    if as_json:
        click.echo(report.as_json(attempts))
    else:
        report.show_attempts(attempts, Console())
