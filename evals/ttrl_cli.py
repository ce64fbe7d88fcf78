"""`sleepwright eval ttrl`."""

from pathlib import Path

import click

from evals import run_cli
from memory.cli_options import json_option


@click.command()
@click.option("--task", type=click.Choice(["sorting", "repair"]), default="sorting", show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="How many.")
@click.option("--first-seed", type=int, default=0, show_default=True)
@click.option("--arm", "arms", multiple=True, metavar="NAME", help="Only these, beside the base. Repeatable.")
@click.option("--adapted", type=click.IntRange(min=8), default=128, show_default=True, help="Exercises learnt from.")
@click.option("--held-out", type=click.IntRange(min=8), default=128, show_default=True, help="Exercises asked.")
@click.option("--epochs", type=click.FloatRange(min=0.1), help="Of the repair task.  [default: 1]")
@click.option("--canaries", type=click.IntRange(min=8), default=64, show_default=True, help="Exercises of the gate.")
@click.option(
    "--wheels", type=click.Path(file_okay=False, path_type=Path), help="The held-out packages.", default="runs/held-out"
)
@click.option(
    "--from",
    "source",
    metavar="DIR",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Only the tables of what a run has kept.",
)
@json_option
@run_cli.out_option
def ttrl(
    task: str,
    seeds: int,
    first_seed: int,
    arms: tuple[str, ...],
    adapted: int,
    held_out: int,
    epochs: float | None,
    canaries: int,
    wheels: Path,
    source: Path | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Learning from the policy's own agreement, before and after, with the arms that must fail.

    The sorting task makes its tiny model itself; a quarter of an hour a seed. The repair task is the embedded policy on
    functions of packages that it never saw; hours a seed, for all arms. Started again with the same --out, it goes on.
    """
    from evals import ttrl as bench
    from evals.errors import NoAnswers
    from evals.run_folder import RunConfig, RunFolder
    from evals.ttrl_tasks import EPOCHS, Size, repair, sorting

    def tell(text: str) -> None:
        click.echo(text, err=True)

    unknown = [name for name in arms if name not in bench.ARMS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r}; there are {', '.join(map(repr, bench.ARMS))}", param_hint="--arm")
    chosen = arms or tuple(name for name in bench.ARMS if name != "distilled")
    if source:
        folder = RunFolder.open(source, "ttrl")
        task = str(folder.config.options["task"])
    else:
        size = Size(adapted, held_out, canaries)
        signals = bench.signals_of(chosen)
        numbers = tuple(range(first_seed, first_seed + seeds))
        options = {"task": task, "adapted": adapted, "held_out": held_out, "canaries": canaries, "epochs": epochs}
        config = RunConfig.of("ttrl", task, options, {"arms": list(chosen)}, numbers)
        folder = RunFolder.begin(out or run_cli.new_folder("ttrl"), config, continues=True)
        for seed in numbers:
            tell(f"seed {seed}")
            place = folder.path / "training"
            made = (
                sorting(place / f"sorting-{seed}", size, seed, tell)
                if task == "sorting"
                else repair(place / f"repair-{seed}", wheels, size, seed, tell, signals, epochs or EPOCHS)
            )
            bench.run_seed(made, chosen, seed, folder, place, tell)
    asked = bench.read_asked(folder)
    if not asked:
        raise NoAnswers(folder.path)
    trained = list(folder.read_records(bench.Trained, "trained"))
    found = bench.tables(asked, trained, task)
    for table in found:
        folder.add_table(table)
    folder.add_chart(bench.chart(asked, task))
    run_cli.conclude(folder, [table.as_json for table in found], as_json)
