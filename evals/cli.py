"""The commands `sleepwright eval ...`."""

from importlib.util import find_spec
from pathlib import Path

import click

from evals import daemon_cli, passk_cli, run_cli, sleep_cli, swe_cli, ttrl_cli, ttrl_cost_cli, ttrl_rounds_cli


@click.group(name="eval")
def evaluate() -> None:
    """Measure how well it works."""


evaluate.add_command(run_cli.report)
evaluate.add_command(ttrl_cli.ttrl)
evaluate.add_command(ttrl_rounds_cli.ttrl_rounds)
evaluate.add_command(ttrl_cost_cli.ttrl_cost)
evaluate.add_command(passk_cli.passk)
evaluate.add_command(daemon_cli.daemon)
evaluate.add_command(sleep_cli.sleep)
evaluate.add_command(swe_cli.swe)


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


@evaluate.command()
@click.option("--count", type=click.IntRange(min=1), default=500, show_default=True, help="Functions.")
@click.option("--marks", type=click.IntRange(1, 10), default=3, show_default=True, help="Marked lines per function.")
@click.option("--samples", type=click.IntRange(min=1), default=64, show_default=True, help="Answers per function.")
@click.option("--temperature", type=click.FloatRange(min=0.05), help="[default: the command's]")
@click.option(
    "--templates", type=click.FloatRange(0, 1), metavar="SHARE", help="Of the answers.  [default: the command's]"
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--model", type=click.Path(file_okay=False, exists=True), help="Model folder instead of the shipped one.")
@click.option(
    "--wheels", type=click.Path(file_okay=False), help="Folder for the held-out packages.", default="runs/held-out"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, every function in it.")
def repair(
    count: int,
    marks: int,
    samples: int,
    temperature: float | None,
    templates: float | None,
    seed: int,
    model: str | None,
    wheels: str,
    as_json: bool,
) -> None:
    """One-line bugs in functions of packages that the embedded policy never saw: pass@k and majority.

    The faulty line is among the marked ones; right is what gives the original function back.
    """
    import json

    from rich.console import Console

    from agent.policy import SHIPPED, Policy
    from evals import repair as bench
    from evals.report import show_rates

    def tell(done: int) -> None:
        if done % 50 == 0:
            click.echo(f"{done}/{len(cases)}", err=True)

    cases = bench.make_cases(bench.fetch_held_out(Path(wheels)), count, marks, seed)
    given = {"temperature": temperature, "template_share": templates}
    sampling = bench.Sampling(samples=samples, seed=seed, **{k: v for k, v in given.items() if v is not None})
    repairs = bench.measure(cases, Policy(Path(model) if model else SHIPPED), sampling, tell)
    if as_json:
        rows = [r.model_dump() for r in repairs]
        click.echo(json.dumps({"functions": len(repairs), "marks": marks, "table": bench.table(repairs), "rows": rows}))
    else:
        show_rates(bench.table(repairs), Console())


@evaluate.command()
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--model", type=click.Path(file_okay=False, exists=True), help="Model folder instead of the shipped one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def speed(rounds: int, model: str | None, as_json: bool) -> None:
    """The embedded policy's speed, beside baselines in the same process; medians."""
    import json

    from rich.console import Console

    from agent.policy import SHIPPED
    from evals.report import show_timings
    from evals.speed import measure

    timings = measure(Path(model) if model else SHIPPED, rounds)
    if as_json:
        click.echo(json.dumps([timing.model_dump() for timing in timings]))
    else:
        show_timings(timings, Console())


@evaluate.command(name="memory")
@click.option("--notes", type=click.IntRange(min=1), default=50_000, show_default=True, help="How many.")
@click.option("--files", type=click.IntRange(min=50), default=5_000, show_default=True, help="Of the repository.")
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def memory_speed(notes: int, files: int, rounds: int, as_json: bool) -> None:
    """The memory's speed with many notes on a large repository: which are stale, and which bear on a question."""
    import json

    from rich.console import Console

    from evals.memory_speed import measure
    from evals.report import show_measured

    measured = measure(notes, files, rounds)
    if as_json:
        click.echo(json.dumps({"notes": notes, "files": files, "steps": [step.model_dump() for step in measured]}))
    else:
        show_measured(measured, Console())


@evaluate.command()
@click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=".",
    help="A repository with its history.  [default: here]",
)
@click.option("--commits", type=click.IntRange(min=1), metavar="N", default=200, show_default=True, help="The newest.")
@click.option(
    "--instances",
    "rows",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Problem statements in SWE-bench's fields (JSON or JSON lines) instead of commits.",
)
@run_cli.out_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def localize(repo: Path, commits: int, rows: Path | None, out: Path | None, as_json: bool) -> None:
    """Which files is a task about? Asked of a repository's own commits, answered with what was known before each."""
    import json

    from rich.console import Console

    from evals import localize as bench
    from evals.report import show_localization
    from evals.run_folder import RunConfig, RunFolder

    def tell(done: int) -> None:
        if done % 20 == 0:
            click.echo(f"{done}/{len(questions)}", err=True)

    questions, history = bench.instances(repo, rows) if rows else bench.own_history(repo, commits)
    if not questions:
        raise click.ClickException(
            "there is no question: no commit of this history, or no instance of it, modifies source"
        )
    asked = str(rows) if rows else f"{commits} commits"
    config = RunConfig.of("localize", label=f"{repo.resolve().name}, {asked}", options={"repo": str(repo), "of": asked})
    folder = RunFolder.begin(out or run_cli.new_folder("localize"), config)
    answers = bench.answer(repo, questions, history, tell)
    with folder.samples() as samples:
        for one in answers:
            samples.append(one.model_dump(mode="json"))
    folder.add_table(bench.recall_table(answers))
    folder.add_chart(bench.recall_chart(answers))
    folder.set_scores("recall@5", {one.id: bench.recall_at([one.ranks], 5) for one in answers})
    if as_json:
        click.echo(json.dumps({"questions": len(answers), "answers": [answer.model_dump() for answer in answers]}))
    else:
        show_localization(answers, Console())
    run_cli.finish(folder)


@evaluate.command(name="map")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--folder", type=click.Path(file_okay=False), default="runs/map", show_default=True, help="Keeps what was fetched."
)
@click.option("--aider", type=click.Path(dir_okay=False, exists=True), help="A Python that has aider installed.")
@click.option("--no-aider", is_flag=True, help="Measure ours alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def map_(rounds: int, folder: str, aider: str | None, no_aider: bool, as_json: bool) -> None:
    """The repository map of Django (2,818 Python files), beside aider's: CPU seconds, memory, cache.

    Fetches Django's source and installs aider into an environment of its own, once.
    """
    import json
    from tempfile import TemporaryDirectory

    from evals.map_speed import markdown, measure, prepare

    def tell(text: str) -> None:
        click.echo(text, err=True)

    python = Path(aider) if aider else None
    with TemporaryDirectory(prefix="sleepwright-map-") as scratch:
        tools = prepare(Path(folder), Path(scratch).resolve(), python, with_aider=not no_aider, tell=tell)
        measured = [measure(tool, rounds, tell) for tool in tools]
    click.echo(json.dumps([one.model_dump() for one in measured]) if as_json else markdown(measured))


@evaluate.command()
@click.option("--steps", type=click.IntRange(min=2, max=290), multiple=True, default=(50, 250), show_default=True)
@click.option(
    "--commands",
    type=click.Choice(["reading", "writing"]),
    multiple=True,
    default=("reading", "writing"),
    show_default=True,
    help="Whether the commands of the steps write files.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True, help="Medians of so many.")
@click.option(
    "--mini",
    metavar="PYTHON",
    type=click.Path(dir_okay=False, exists=True),
    help="A Python that has mini-swe-agent.  [default: one made in runs/mini-swe-agent]",
)
@click.option("--alone", is_flag=True, help="Without mini-swe-agent.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def overhead(
    steps: tuple[int, ...], commands: tuple[str, ...], rounds: int, mini: str | None, alone: bool, as_json: bool
) -> None:
    """What a step of a rollout costs in CPU time, beside mini-swe-agent, with a scripted model."""
    import json
    from pathlib import Path

    from rich.console import Console

    from evals import overhead as bench
    from evals.report import show_costs

    python = None if alone else Path(mini) if mini else bench.make_mini(Path("runs/mini-swe-agent"))
    costs = bench.measure(python, steps, commands, rounds)  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps([cost.model_dump() for cost in costs]))
    else:
        show_costs(costs, Console())
