"""`sleepwright eval ttrl-rounds`."""

from pathlib import Path

import click

from evals import run_cli
from memory.cli_options import json_option


@click.command(name="ttrl-rounds")
@click.option("--task", type=click.Choice(["sorting", "repair"]), default="sorting", show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--exercises", type=click.IntRange(16, 128), default=64, show_default=True, help="Of a round.")
@click.option("--held-out", type=click.IntRange(min=8), default=128, show_default=True, help="Exercises asked.")
@click.option("--canaries", type=click.IntRange(min=16), default=64, show_default=True, help="Exercises of the gate.")
@click.option("--epochs", type=click.FloatRange(min=0.1), help="[default: as many as the task's own]")
@click.option("--labels", type=click.Choice(["vote", "tests"]), default="vote", show_default=True)
@click.option(
    "--continue", "continues", is_flag=True, help="Each round goes on from what is active, not from the base."
)
@click.option(
    "--wheels", type=click.Path(file_okay=False, path_type=Path), help="The held-out packages.", default="runs/held-out"
)
@json_option
@run_cli.out_option
def ttrl_rounds(
    task: str,
    rounds: int,
    seed: int,
    exercises: int,
    held_out: int,
    canaries: int,
    epochs: float | None,
    labels: str,
    continues: bool,
    wheels: Path,
    as_json: bool,
    out: Path | None,
) -> None:
    """Rounds of learning in a row with the gate on: is what is active ever worse than before?

    Started again with the same --out, it goes on, also to more --rounds.
    """
    from evals import ttrl_rounds as bench
    from evals.run_folder import RunConfig, RunFolder
    from evals.ttrl_tasks import Size, repair, sorting

    def tell(text: str) -> None:
        click.echo(text, err=True)

    options = {
        "task": task, "exercises": exercises, "held_out": held_out, "canaries": canaries, "epochs": epochs,
        "labels": labels, "continue": continues,
    }  # fmt: skip
    config = RunConfig.of("ttrl-rounds", task, options, {"rounds": rounds}, (seed,))
    folder = RunFolder.begin(out or run_cli.new_folder("ttrl-rounds"), config, continues=True)
    size = Size(exercises, held_out, canaries)
    place = folder.path / task
    made = sorting(place, size, seed, tell) if task == "sorting" else repair(place, wheels, size, seed, tell, ())
    recipe = made.recipe.model_copy(update={"epochs": epochs or made.recipe.epochs, "signal": labels})
    bench.play(made, recipe, rounds, exercises, continues, folder, tell)
    played = bench.read_played(folder)
    table = bench.table(played, task)
    folder.add_table(table)
    folder.add_chart(bench.chart(played, task))
    run_cli.conclude(folder, table.as_json, as_json)
