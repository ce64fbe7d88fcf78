"""`sleepwright sleep`: its options. What they do is in run.py, imported when the command runs."""

from pathlib import Path
from typing import Literal

import click

from memory.cli_options import repo_option


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Words with commas between."""
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    if value is not None and not names:
        raise click.BadParameter("names of passes with commas between, such as survey,tests.")
    return names


@click.command(short_help="Study the repository now, in the foreground.")
@repo_option
@click.option("--once", is_flag=True, help="End where nothing is left to think about; else wait for changes.")
@click.option(
    "--budget",
    metavar="TOKENS",
    type=click.IntRange(min=0),
    help="That a served model may read and write.  [default: 500,000 within the day's caps]",
)
@click.option(
    "--passes", metavar="A,B", callback=_names, help="Only these: survey, tests, presolve, reflect, merge, infer."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be thought about and changed; a served model is asked only for notes that it would rewrite.",
)
@click.option(
    "--test", "test_command", metavar="CMD", help="The command that runs the tests, '' for none.  [default: found out]"
)
@click.option(
    "--model",
    metavar="NAME",
    envvar="SLEEPWRIGHT_MODEL",
    help="The model to ask, 'embedded' for the one that is built in.  [default: $SLEEPWRIGHT_MODEL, else the only one "
    "at --base-url, else embedded]",
)
@click.option(
    "--base-url",
    metavar="URL",
    envvar="SLEEPWRIGHT_BASE_URL",
    help="Where a model is served with OpenAI's API; the key is $SLEEPWRIGHT_API_KEY or $OPENAI_API_KEY.  "
    "[default: $SLEEPWRIGHT_BASE_URL, else OpenAI's]",
)
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a sleep on stdout, all else on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Show where an unexpected error came from.")
def sleep(
    repo: Path,
    once: bool,
    budget: int | None,
    passes: tuple[str, ...],
    dry_run: bool,
    test_command: str | None,
    model: str | None,
    base_url: str | None,
    sandbox: Literal["auto", "bwrap", "none"],
    as_json: bool,
    verbose: bool,
) -> int:
    """Study the repository while you watch: what the daemon does while you are away.

    It turns what it finds into notes that later runs recall, best first, and goes on where it was interrupted. Ctrl-C
    gives the machine back within a second; while a run of yours is under way, in any repository, sleep waits.
    Exit codes: 0 it ended by itself; 2 wrong use, configuration or repository; 3 the model cannot be asked; 130
    interrupted.
    """
    import os
    import sys

    from rich.console import Console

    from sleeptime.run import INTERRUPTED, SleepOptions, run_sleep

    options = SleepOptions(
        repo=repo,
        passes=passes,
        budget=budget,
        once=once,
        dry_run=dry_run,
        test_command=test_command,
        model=model,
        base_url=base_url,
        sandbox=sandbox,
        as_json=as_json,
    )
    code = run_sleep(options, Console(), Console(stderr=True))
    if code == INTERRUPTED:
        # All is put away, and somebody waits: to take the interpreter apart would cost more than all else at the end.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)
    return code
