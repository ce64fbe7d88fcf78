"""`sleepwright eval daemon`."""

from pathlib import Path

import click

from evals.run_cli import conclude, keep, out_option
from memory.cli_options import json_option


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=20, show_default=True, help="Times that it gives way.")
@click.option("--kills", type=click.IntRange(min=0), default=50, show_default=True, help="SIGKILLs at random moments.")
@click.option("--rest", type=click.FloatRange(min=1), default=20.0, show_default=True, help="Seconds of waiting.")
@out_option
@json_option
def daemon(rounds: int, kills: int, rest: float, out: Path | None, as_json: bool) -> int:
    """The daemon with the real sleep: how fast it gives way, what waiting costs, what kills leave behind.

    Exit code 1 where a note was lost or doubled.
    """
    from evals.daemon_trial import measure, table
    from evals.run_folder import RunConfig

    options = {"rounds": rounds, "kills": kills, "rest": rest}
    with keep(RunConfig.of("daemon", f"{kills} kills", options), out) as (folder, samples):
        trial = measure(rounds, kills, rest, lambda text: click.echo(text, err=True))
        samples.append(trial)
        folder.add_table(table(trial))
    conclude(folder, trial.model_dump(), as_json)
    return 1 if trial.lost or trial.doubled else 0
