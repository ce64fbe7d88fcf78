"""`sleepwright run`: its options. What they do is in run.py, imported when the command runs."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from agent.state import Proposer


def _number(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):
        raise click.BadParameter("not a number of seconds.")
    return value


@click.command(short_help="Solve a task on a git repository.")
@click.argument("task")
@click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="The repository, or a folder in it.  [default: here]",
)
@click.option(
    "--test",
    "test_command",
    metavar="CMD",
    help="The command that checks a candidate, '' for none.  [default: found out]",
)
@click.option(
    "--candidates",
    metavar="N",
    type=click.IntRange(min=1, max=10_000),
    help="How many to sample.  [default: 64 of the embedded model, 4 of a served one]",
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
@click.option("--strategy", type=click.Choice(["auto", "single", "rollout"]), default="auto", show_default=True)
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), default="auto", show_default=True)
@click.option("--apply", is_flag=True, help="Apply an acceptable patch to the work tree.")
@click.option("--commit", is_flag=True, help="Apply and commit it.")
@click.option("--no-apply", is_flag=True, help="Change nothing and do not ask.")
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    callback=_number,
    help="Seconds for the whole run.",
)
@click.option(
    "--seed", metavar="K", type=click.IntRange(min=0), default=0, help="Another seed gives other samples.  [default: 0]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, all else on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Show where an unexpected error came from.")
@click.pass_obj
def run(
    proposer: "Proposer | None",
    task: str,
    repo: Path,
    test_command: str | None,
    candidates: int | None,
    model: str | None,
    base_url: str | None,
    strategy: Literal["auto", "single", "rollout"],
    sandbox: Literal["auto", "bwrap", "none"],
    apply: bool,
    commit: bool,
    no_apply: bool,
    timeout: float | None,
    seed: int,
    as_json: bool,
    verbose: bool,
) -> int:
    """Solve TASK on a git repository: sample patches, check each in a worktree of its own, vote, show the winner.

    TASK is what to do, in words; - reads it from stdin. Nothing is changed without --apply, --commit or a yes.
    Exit codes: 0 the winner passes the check, or there was none to run; 1 no acceptable patch; 2 wrong use,
    configuration or repository; 3 the model failed; 130 interrupted.
    """
    if apply + commit + no_apply > 1:
        raise click.UsageError("--apply, --commit and --no-apply exclude each other.")
    request = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if task == "-" and sys.stdin else task
    if not request.strip():
        raise click.UsageError("TASK is empty: say what to do.")

    from rich.console import Console

    from agent.run import RunOptions
    from agent.run import run as run_options

    # A stream is None where the shell has closed it.
    is_terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    can_answer = is_terminal and not as_json and task != "-"
    options = RunOptions(
        request=request.strip(),
        repo=repo,
        test_command=test_command,
        candidates=candidates,
        model=model,
        base_url=base_url,
        strategy=strategy,
        sandbox=sandbox,
        delivery="apply" if apply else "commit" if commit else "none" if no_apply else "ask",
        timeout=timeout,
        seed=seed,
        as_json=as_json,
    )
    return run_options(options, proposer, Console(), Console(stderr=True), _confirm if can_answer else None)


def _confirm(question: str) -> bool:
    """No answer is a no."""
    click.echo(f"{question} [y/N] ", nl=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
