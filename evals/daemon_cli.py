"""`sleepwright eval daemon`."""

import click


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=20, show_default=True, help="Times that it gives way.")
@click.option("--kills", type=click.IntRange(min=0), default=50, show_default=True, help="SIGKILLs at random moments.")
@click.option("--rest", type=click.FloatRange(min=1), default=20.0, show_default=True, help="Seconds of waiting.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def daemon(rounds: int, kills: int, rest: float, as_json: bool) -> int:
    """The daemon with the real sleep: how fast it gives way, what waiting costs, what kills leave behind.

    Exit code 1 where a note was lost or doubled.
    """
    import json

    from rich.console import Console

    from evals.daemon_trial import measure
    from evals.report import show_trial

    trial = measure(rounds, kills, rest, lambda text: click.echo(text, err=True))
    if as_json:
        click.echo(json.dumps(trial.model_dump()))
    else:
        show_trial(trial, Console())
    return 1 if trial.lost or trial.doubled else 0
