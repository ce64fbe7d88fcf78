"""`sleepwright run`: its options. What they do is in run.py, imported when the command runs."""

import gc
import math
import select
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from memory.cli_options import repo_option

if TYPE_CHECKING:
    from agent.deadline import Deadline

AS_BEGUN = {"test_command": "--test", "candidates": "--candidates", "strategy": "--strategy", "seed": "--seed"}
"""Parameters that say what a run is asked, and their options: one that is resumed was asked it already."""


def _number(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):
        raise click.BadParameter("not a number of seconds.")
    return value


def _prices(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, float]:
    """Two amounts with a comma between; (0, 0) where none are given."""
    if value is None:
        return 0.0, 0.0
    try:
        prompt, completion = (float(part) for part in value.split(","))
    except ValueError:
        prompt = completion = math.nan
    if not (0 <= prompt < math.inf and 0 <= completion < math.inf):
        raise click.BadParameter("two amounts of dollars for a million tokens each, such as 1.25,10.")
    return prompt, completion


@click.command(short_help="Solve a task on a git repository.")
@click.argument("task", required=False)
@repo_option
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
    help="How many to sample.  [default: 128 of the embedded model, 4 of a served one]",
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
@click.option(
    "--strategy",
    type=click.Choice(["auto", "single", "rollout"]),
    default="auto",
    show_default=True,
    help="rollout: the model works with tools; single: it gets one briefing; auto: rollout where there are tools.",
)
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), default="auto", show_default=True)
@click.option("--yes", is_flag=True, help="Without a sandbox: run the model's commands without asking.")
@click.option(
    "--allow", metavar="CMD", multiple=True, help="Without a sandbox: run such commands without asking ('pytest *')."
)
@click.option("--deny", metavar="CMD", multiple=True, help="Never run such commands ('git push *').")
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
    "--max-tokens",
    metavar="N",
    type=click.IntRange(min=1),
    help="Tokens that a served model may read and write.  [default: 2,000,000]",
)
@click.option(
    "--max-calls", metavar="N", type=click.IntRange(min=1), help="Requests to a served model.  [default: 500]"
)
@click.option(
    "--max-cost",
    metavar="DOLLARS",
    type=click.FloatRange(min=0, min_open=True),
    callback=_number,
    help="What a served model may cost; needs --price.",
)
@click.option("--price", metavar="IN,OUT", callback=_prices, help="Dollars for a million prompt and completion tokens.")
@click.option(
    "--seed", metavar="K", type=click.IntRange(min=0), default=0, help="Another seed gives other samples.  [default: 0]"
)
@click.option("--resume", metavar="ID", help="In the place of TASK: go on with an interrupted run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, all else on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Show where an unexpected error came from.")
@click.pass_context
def run(
    context: click.Context,
    task: str | None,
    repo: Path,
    test_command: str | None,
    candidates: int | None,
    model: str | None,
    base_url: str | None,
    strategy: Literal["auto", "single", "rollout"],
    sandbox: Literal["auto", "bwrap", "none"],
    yes: bool,
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    apply: bool,
    commit: bool,
    no_apply: bool,
    timeout: float | None,
    max_tokens: int | None,
    max_calls: int | None,
    max_cost: float | None,
    price: tuple[float, float],
    seed: int,
    resume: str | None,
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
    if (task is None) == (resume is None):
        both = "TASK and --resume exclude each other."
        raise click.UsageError("TASK is missing: say what to do." if task is None else both)
    sources = {name: context.get_parameter_source(name) for name in context.params}
    asked = [name for name in AS_BEGUN if sources[name] == click.core.ParameterSource.COMMANDLINE]
    if resume is not None and asked:
        raise click.UsageError(f"A resumed run keeps its {AS_BEGUN[asked[0]]}: start a new one, or leave it out.")
    request = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if task == "-" and sys.stdin else task or ""
    if resume is None and not request.strip():
        raise click.UsageError("TASK is empty: say what to do.")

    gc.disable()  # what is imported stays: looking through it again and again is a sixth of the time that it takes
    from rich.console import Console

    from agent.deadline import Deadline
    from agent.limits import Limits
    from agent.run import RunOptions
    from agent.run import run as run_options

    gc.freeze()
    gc.enable()

    # A stream is None where the shell has closed it.
    is_terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    can_answer = is_terminal and not as_json and task != "-"
    limits = Limits(
        tokens=max_tokens or Limits.tokens,
        calls=max_calls or Limits.calls,
        dollars=max_cost,
        prompt_price=price[0],
        completion_price=price[1],
    )
    # Where a run is resumed, the environment does not change the model that it had.
    keeps = {n for n in ("model", "base_url") if resume is None or sources[n] == click.core.ParameterSource.COMMANDLINE}
    options = RunOptions(
        request=request.strip(),
        repo=repo,
        test_command=test_command,
        candidates=candidates,
        model=model if "model" in keeps else None,
        base_url=base_url if "base_url" in keeps else None,
        strategy=strategy,
        sandbox=sandbox,
        yes=yes,
        allow=allow,
        deny=deny,
        delivery="apply" if apply else "commit" if commit else "none" if no_apply else "ask",
        timeout=timeout,
        limits=limits,
        seed=seed,
        as_json=as_json,
        resume=resume,
    )
    deadline = Deadline(timeout)
    confirm = partial(_confirm, deadline) if can_answer else None
    return run_options(options, context.obj, Console(), Console(stderr=True), confirm, deadline)


def _confirm(deadline: "Deadline", question: str) -> bool:
    """No answer is a no. Raises KeyboardInterrupt after an interrupt, whichever thread asks."""
    click.echo(f"{question} [y/N] ", nl=False)
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        deadline.left()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
