"""`sleepwright eval passk`."""

from pathlib import Path

import click

from evals import run_cli
from memory.cli_options import json_option


@click.command()
@click.option("--task", type=click.Choice(["sorting", "repair"]), default="repair", show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="How many.")
@click.option("--samples", type=click.IntRange(min=2), default=256, show_default=True, help="Answers an exercise.")
@click.option("--temperature", type=click.FloatRange(min=0.05), default=1.0, show_default=True)
@click.option("--arm", "arms", multiple=True, metavar="NAME", help="Only these, beside the base. Repeatable.")
@click.option("--adapted", type=click.IntRange(min=8), default=128, show_default=True, help="Exercises learnt from.")
@click.option("--held-out", type=click.IntRange(min=8), default=128, show_default=True, help="Exercises asked.")
@click.option(
    "--wheels", type=click.Path(file_okay=False, path_type=Path), help="The held-out packages.", default="runs/held-out"
)
@click.option(
    "--training",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the adapters are trained: `training` of an `eval ttrl` with the same sizes has them already.",
)
@click.option(
    "--from",
    "source",
    metavar="DIR",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The study of what a run has kept, without the model.",
)
@json_option
@run_cli.out_option
def passk(
    task: str,
    seeds: int,
    samples: int,
    temperature: float,
    arms: tuple[str, ...],
    adapted: int,
    held_out: int,
    wheels: Path,
    training: Path | None,
    source: Path | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Does an adapter do more, or the same more often? pass@k of the base, of adapters and of controls.

    Started again with the same --out, it goes on.
    """
    from evals import passk as bench
    from evals import passk_tables
    from evals.errors import NoAnswers
    from evals.run_folder import RunConfig, RunFolder
    from evals.ttrl import ARMS, signals_of
    from evals.ttrl_tasks import Size, repair, sorting

    def tell(text: str) -> None:
        click.echo(text, err=True)

    unknown = [name for name in arms if name not in ARMS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r}; there are {', '.join(map(repr, ARMS))}", param_hint="--arm")
    chosen = arms or bench.STUDIED
    if source:
        folder = RunFolder.open(source, "passk")
    else:
        sizes = {"adapted": adapted, "held_out": held_out}
        options = {"task": task, "samples": samples, "temperature": temperature, **sizes}
        numbers = tuple(range(seeds))
        config = RunConfig.of("passk", task, options, {"arms": list(chosen)}, numbers)
        folder = RunFolder.begin(out or run_cli.new_folder("passk"), config, continues=True)
        place = training or folder.path / "training"
        for seed in numbers:
            tell(f"seed {seed}")
            size = Size(adapted, held_out)
            made = (
                sorting(place / f"sorting-{seed}", size, seed, tell)
                if task == "sorting"
                else repair(place / f"repair-{seed}", wheels, size, seed, tell, signals_of(chosen))
            )
            bench.study_seed(made, chosen, seed, samples, temperature, folder, place, tell)
    task = str(folder.config.options["task"])
    rows = bench.read_studied(folder)
    if not rows:
        raise NoAnswers(folder.path)
    found = passk_tables.tables(rows, task)
    for table in found:
        folder.add_table(table)
    for chart in passk_tables.charts(rows, task):
        folder.add_chart(chart)
    run_cli.conclude(folder, [table.as_json for table in found], as_json)
