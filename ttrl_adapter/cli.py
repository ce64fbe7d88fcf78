"""`sleepwright train`: rounds of learning from the agent's own agreement. Heavy imports wait until it runs."""

import json
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memory.cli_options import repo_option

if TYPE_CHECKING:
    from memory.home import MemoryHome
    from ttrl_adapter.learner import Learner
    from ttrl_adapter.session import Outcome


@click.command()
@click.option("--once", is_flag=True, help="One round. Without it rounds follow each other until one is rejected.")
@click.option("--if-due", is_flag=True, help="Only where enough tasks were finished since the last round.")
@click.option(
    "--model",
    metavar="MODEL",
    help="What learns, at --base-url: the folder of a causal language model with its tokenizer and chat template, or "
    "its name where it is in the Hugging Face cache.  [default: the embedded model]",
)
@click.option(
    "--base-url",
    metavar="URL",
    help="The vLLM server on this machine that has MODEL: `sleepwright serve MODEL` is one.",
)
@repo_option
@click.option(
    "--labels",
    type=click.Choice(["tests", "vote"]),
    default="tests",
    show_default=True,
    help="What is rewarded: passed tests where they are known and votes elsewhere, or votes alone.",
)
@click.option(
    "--exercises",
    type=click.IntRange(16),
    metavar="N",
    help="Of a round; only votes can label at most 128 of them.  [default: 1280, of a chat model 128]",
)
@click.option("--canaries", type=click.IntRange(16), default=64, show_default=True, metavar="N", help="Held out.")
@click.option("--epochs", type=click.FloatRange(min=0.1), metavar="X", help="Times each exercise is trained on.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), metavar="X", help="Peak.")
@click.option("--seed", type=int, metavar="K", help="[default: one more with each round]")
@click.option("--continue", "continues", is_flag=True, help="Go on from the active adapter instead of the base.")
@click.option("--processes", type=click.IntRange(min=1), default=1, show_default=True, help="One a GPU, by accelerate.")
@click.option(
    "--test",
    metavar="COMMAND",
    help='What runs the tests that judge canaries; "" for none.  [default: found out]',
)
@click.option(
    "--pause-server/--keep-server",
    default=None,
    help="Whether `sleepwright serve` stops its server while the training runs.  [default: where there is a GPU]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a round on stdout.")
def train(
    once: bool,
    if_due: bool,
    model: str | None,
    base_url: str | None,
    repo: Path,
    labels: str,
    exercises: int | None,
    canaries: int,
    epochs: float | None,
    learning_rate: float | None,
    seed: int | None,
    continues: bool,
    processes: int,
    test: str | None,
    pause_server: bool | None,
    as_json: bool,
) -> int:
    """Fine-tune the embedded model, or a served one, on this repository; a gate decides whether the adapter is better.

    It learns from finished tasks and from bugs made in the repository's own functions; a quarter of them is never
    learnt from and judges, by the repository's own tests where these run the function and notice its bug. Interrupted,
    the next call goes on. Needs the extra [ttrl].

    A server that `sleepwright serve` has under way here is stopped for the training where both would share a GPU; when
    that has ended, however it ended, it is started again as it was, with what is active by then.

    Exit codes: 0 an adapter was promoted; 1 none was, or nothing was due; 2 wrong use, no trainer, it failed, or
    another is training; 3 the model or its server failed; 130 interrupted.
    """
    from agent.workspace import Repository
    from memory.home import MemoryHome
    from ttrl_adapter.session import Session, TrainOptions
    from ttrl_adapter.training import trainer_python
    from ttrl_adapter.training_lock import training_lock

    trainer_python()  # says what is missing before anything is done
    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    given = {"epochs": epochs, "learning_rate": learning_rate, "signal": labels}
    changes = {name: value for name, value in given.items() if value is not None}
    options = TrainOptions(changes, seed, exercises, canaries, continues, processes, test, pause_server)
    promoted = False
    with ExitStack() as holding:
        learner = holding.enter_context(_learner(model, base_url, home))
        if if_due and not _is_due(home, learner, as_json):
            return 1
        holding.enter_context(training_lock(home))
        session = Session(home, repository, learner, options, _tell, _notice)
        while True:
            outcome = session.play()
            click.echo(_as_json(outcome) if as_json else _in_words(outcome))
            passed = outcome.result.verdict.passed
            promoted |= passed
            if once or seed is not None or not passed:
                return 0 if promoted else 1


def _learner(model: str | None, url: str | None, home: "MemoryHome") -> "AbstractContextManager[Learner]":
    from agent.errors import ConfigError
    from ttrl_adapter.learner import embedded, served

    if model and url:
        return served(model, url, home)
    if model or url:
        raise ConfigError("A served model learns with both: --model, where its weights are, and --base-url.")
    return nullcontext(embedded())


def _is_due(home: "MemoryHome", learner: "Learner", as_json: bool) -> bool:
    from memory.experiences import ExperienceLog
    from ttrl_adapter.due import look

    with ExperienceLog(home.experiences) as log:
        due = look(learner.rounds(home), log)
    if not due.is_due:
        click.echo(json.dumps({"due": False, "new": due.new}) if as_json else f"Nothing to do: {due}.")
    return due.is_due


def _as_json(outcome: "Outcome") -> str:
    verdict, metrics = outcome.result.verdict, outcome.result.metrics
    said = {"round": outcome.round, "adapter": outcome.published, "promoted": verdict.passed}
    return json.dumps({**said, "verdict": verdict.model_dump(mode="json"), "metrics": metrics})


def _in_words(outcome: "Outcome") -> str:
    verdict = outcome.result.verdict
    if verdict.passed:
        numbers = verdict.numbers
        return (
            f"round {outcome.round}: {outcome.published} is active: pass@1 on {numbers['canaries']:.0f} canaries "
            f"{numbers['pass@1 before']:.1%} → {numbers['pass@1 after']:.1%}; `sleepwright adapters rollback` undoes it"
        )
    kept = f" ({outcome.published} is kept for comparison)" if outcome.published else ""
    return f"round {outcome.round}: nothing is promoted{kept}: {'; '.join(verdict.reasons)}"


def _notice(text: str) -> None:
    click.echo(text, err=True)


def _tell(stage: str, done: int, total: int) -> None:
    click.echo(f"{stage} {done}/{total}", err=True)
