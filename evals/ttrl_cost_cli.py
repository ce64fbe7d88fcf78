"""`sleepwright eval ttrl-cost`."""

from pathlib import Path

import click

from evals import run_cli
from memory.cli_options import json_option


@click.command(name="ttrl-cost")
@click.option("--steps", type=click.IntRange(min=2), default=4, show_default=True, help="Of the longer run.")
@click.option("--trained", type=click.IntRange(min=2), default=32, show_default=True, help="Samples a prompt.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Medians of so many.")
@json_option
@run_cli.out_option
def ttrl_cost(steps: int, trained: int, rounds: int, as_json: bool, out: Path | None) -> None:
    """What a step of training costs beside a bare run of TRL's GRPOTrainer with PEFT on the same samples."""
    from evals import ttrl_cost as bench
    from evals.run_folder import RunConfig, RunFolder

    def tell(text: str) -> None:
        click.echo(text, err=True)

    options = {"steps": steps, "trained": trained, "rounds": rounds}
    folder = RunFolder.begin(out or run_cli.new_folder("ttrl-cost"), RunConfig.of("ttrl-cost", "embedded", options))
    costs = []
    with folder.samples() as journal:
        for cost in bench.measure(folder.path / "training", steps, trained, rounds, tell):
            costs.append(cost)
            journal.append(cost.model_dump(mode="json"))
    table = bench.table(costs)
    folder.add_table(table)
    run_cli.conclude(folder, table.as_json, as_json)
