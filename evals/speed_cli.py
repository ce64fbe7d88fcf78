"""`sleepwright eval speed | memory | map | overhead`: what things cost in time and memory, beside baselines."""

from pathlib import Path

import click

from evals.run_cli import conclude, keep, out_option
from memory.cli_options import json_option


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--model", type=click.Path(file_okay=False, exists=True), help="Model folder instead of the shipped one.")
@out_option
@json_option
def speed(rounds: int, model: str | None, out: Path | None, as_json: bool) -> None:
    """The embedded policy's speed, beside baselines in the same process; medians."""
    from agent.policy import SHIPPED
    from evals.run_folder import RunConfig
    from evals.speed import measure, table

    label = Path(model).name if model else "shipped"
    with keep(RunConfig.of("speed", label, {"rounds": rounds, "model": model}), out) as (folder, samples):
        timings = measure(Path(model) if model else SHIPPED, rounds)
        samples.extend(timings)
        folder.add_table(table(timings))
    conclude(folder, [timing.model_dump() for timing in timings], as_json)


@click.command(name="memory")
@click.option("--notes", type=click.IntRange(min=1), default=50_000, show_default=True, help="How many.")
@click.option("--files", type=click.IntRange(min=50), default=5_000, show_default=True, help="Of the repository.")
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@out_option
@json_option
def memory_speed(notes: int, files: int, rounds: int, out: Path | None, as_json: bool) -> None:
    """The memory's speed with many notes on a large repository: which are stale, and which bear on a question."""
    from evals.memory_speed import measure, table
    from evals.run_folder import RunConfig

    options = {"notes": notes, "files": files, "rounds": rounds}
    with keep(RunConfig.of("memory", f"{notes:,} notes", options), out) as (folder, samples):
        steps = measure(notes, files, rounds)
        samples.extend(steps)
        folder.add_table(table(steps))
    conclude(folder, {"notes": notes, "files": files, "steps": [step.model_dump() for step in steps]}, as_json)


@click.command(name="map")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--folder",
    "fetched",
    type=click.Path(file_okay=False),
    default="runs/map",
    show_default=True,
    help="Keeps what was fetched.",
)
@click.option("--aider", type=click.Path(dir_okay=False, exists=True), help="A Python that has aider installed.")
@click.option("--no-aider", is_flag=True, help="Measure ours alone.")
@out_option
@json_option
def map_(rounds: int, fetched: str, aider: str | None, no_aider: bool, out: Path | None, as_json: bool) -> None:
    """The repository map of Django (2,818 Python files), beside aider's: CPU seconds, memory, cache.

    Fetches Django's source and installs aider into an environment of its own, once.
    """
    from tempfile import TemporaryDirectory

    from evals.map_speed import AIDER, DJANGO, chart, measure, prepare, tables
    from evals.run_folder import RunConfig

    def tell(text: str) -> None:
        click.echo(text, err=True)

    label = "alone" if no_aider else f"beside {AIDER}"
    config = RunConfig.of("map", label, {"rounds": rounds, "of": DJANGO})
    python = Path(aider) if aider else None
    with keep(config, out) as (folder, samples), TemporaryDirectory(prefix="sleepwright-map-") as scratch:
        tools = prepare(Path(fetched), Path(scratch).resolve(), python, with_aider=not no_aider, tell=tell)
        measured = [measure(tool, rounds, tell) for tool in tools]
        samples.extend(measured)
        for table in tables(measured):
            folder.add_table(table)
        folder.add_chart(chart(measured))
    conclude(folder, [one.model_dump() for one in measured], as_json)


@click.command()
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
@out_option
@json_option
def overhead(
    steps: tuple[int, ...],
    commands: tuple[str, ...],
    rounds: int,
    mini: str | None,
    alone: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """What a step of a rollout costs in CPU time, beside mini-swe-agent, with a scripted model."""
    from evals import overhead as bench
    from evals.run_folder import RunConfig

    label = "alone" if alone else f"beside {bench.MINI}"
    config = RunConfig.of("overhead", label, {"steps": steps, "commands": commands, "rounds": rounds})
    with keep(config, out) as (folder, samples):
        python = None if alone else Path(mini) if mini else bench.make_mini(Path("runs/mini-swe-agent"))
        costs = bench.measure(python, steps, commands, rounds)  # type: ignore[arg-type]
        samples.extend(costs)
        folder.add_table(bench.table(costs))
        folder.add_chart(bench.chart(costs))
    conclude(folder, [cost.model_dump() for cost in costs], as_json)
