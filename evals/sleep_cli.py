"""`sleepwright eval sleep`: its options. What they do is in sleep.py, stateful_gsm.py and features.py."""

from pathlib import Path
from typing import Literal

import click

from evals.run_cli import finish, new_folder, out_option


@click.command(name="sleep")
@click.option(
    "--suite",
    type=click.Choice(["bugs", "stateful"]),
    default="bugs",
    show_default=True,
    help="bugs: several in a repository, half of them there while it slept; stateful: a context, then questions.",
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=2, show_default=True, help="Times each repository is made anew."
)
@click.option(
    "--candidates", type=click.IntRange(min=1), multiple=True, help="Test-time budgets.  [default: 8, 32, 128]"
)
@click.option(
    "--asleep",
    type=click.IntRange(min=1),
    multiple=True,
    help="Candidates of sleep, and of each further try.  [default: 128]",
)
@click.option("--arms", metavar="A,B", help="Of without, with, shuffled.  [default: all]")
@click.option("--repositories", metavar="A,B", help="Only these.  [default: all]")
@click.option("--seed", type=int, default=0, show_default=True, help="Other bugs and other samples.")
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@out_option
def sleep(
    suite: Literal["bugs", "stateful"],
    rounds: int,
    candidates: tuple[int, ...],
    asleep: tuple[int, ...],
    arms: str | None,
    repositories: str | None,
    seed: int,
    sandbox: Literal["auto", "bwrap", "none"],
    as_json: bool,
    out: Path | None,
) -> None:
    """Does sleep pay? The same questions with it and without, with the embedded model, at several budgets.

    Solved share, test-time tokens and seconds, sleep's tokens, and what a query costs when several share a repository
    state; questions that the sleeper could foresee and others apart. A control has another repository's notes.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from agent.sandbox import open_sandbox
    from evals import sleep as bench
    from evals import sleep_tables
    from evals.run_folder import RunConfig, RunFolder
    from evals.sleep_suites import make_scenes

    wanted = _words(arms) or bench.ARMS
    if unknown := set(wanted) - set(bench.ARMS):
        raise click.UsageError(f"There is no arm {sorted(unknown)[0]!r}: there are {', '.join(bench.ARMS)}.")
    chosen_arms = [arm for arm in bench.ARMS if arm in wanted]
    tries = asleep or bench.ASLEEP
    budgets = tuple(sorted(set(candidates))) or bench.BUDGETS
    click.echo("making the repositories", err=True)
    try:
        scenes = make_scenes(suite, rounds, seed, _words(repositories))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    options = {
        "suite": suite,
        "rounds": rounds,
        "candidates": budgets,
        "arms": chosen_arms,
        "repositories": repositories,
    }
    folder = RunFolder.begin(out or new_folder("sleep"), RunConfig.of("sleep", suite, options, seeds=[seed]))
    with (
        TemporaryDirectory(prefix="sleepwright-sleep-") as scratch,
        folder.samples() as samples,
        folder.samples("sleeps") as kept,
    ):
        desk = bench.embedded_desk(Path(scratch).resolve(), open_sandbox(sandbox), seed, tries)
        slept = []
        for scene in scenes:
            slept.append(bench.fall_asleep(scene, desk))
            kept.append(slept[-1].model_dump(mode="json"))
            click.echo(f"slept on {scene.name}: {slept[-1].answers} answers, {slept[-1].seconds:.1f} s", err=True)
        total = sum(len(scene.questions) for scene in scenes) * len(bench.plan(budgets, chosen_arms))
        trials = []
        for trial in bench.ask(scenes, desk, budgets, chosen_arms):
            trials.append(trial)
            samples.append(trial.model_dump(mode="json"))
            result = "known" if trial.was_known else "solved" if trial.score else "-"
            click.echo(f"{len(trials)}/{total} {trial.question} {trial.arm} {trial.budget}: {result}", err=True)
    tables = [sleep_tables.curve(trials), sleep_tables.savings(trials), sleep_tables.amortised(trials, slept)]
    tables.append(sleep_tables.sleeps(slept))
    for table in tables:
        folder.add_table(table)
    for chart in sleep_tables.charts(trials):
        folder.add_chart(chart)
    if "with" in chosen_arms:
        scores = {t.question: t.score for t in trials if t.arm == "with" and t.budget == budgets[-1]}
        folder.set_scores("solved with sleep", scores)
    if as_json:
        import json

        click.echo(json.dumps({table.name: table.model_dump(mode="json") for table in tables}))
    else:
        for table in tables:
            table.show(Console())
            click.echo()
    finish(folder)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
