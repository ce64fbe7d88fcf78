"""`sleepwright train`: rounds of learning from the agent's own agreement. Heavy imports wait until it runs."""

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agent.workspace import Repository
    from memory.home import MemoryHome
    from ttrl_adapter.canary_tests import CanaryTests
    from ttrl_adapter.round import RoundContext, RoundResult


@click.command()
@click.option("--once", is_flag=True, help="One round. Without it rounds follow each other until one is rejected.")
@click.option("--if-due", is_flag=True, help="Only where enough tasks were finished since the last round.")
@click.option("--repo", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option(
    "--labels",
    type=click.Choice(["tests", "vote"]),
    default="tests",
    show_default=True,
    help="What is rewarded: passed tests where they are known and votes elsewhere, or votes alone.",
)
@click.option("--exercises", type=click.IntRange(16, 128), default=128, show_default=True, metavar="N", help="A round.")
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
    repo: Path,
    labels: str,
    exercises: int,
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
    """Fine-tune the embedded model on this repository, and keep the adapter only where a gate finds it better.

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
    from ttrl_adapter.training import trainer_python
    from ttrl_adapter.training_lock import training_lock

    trainer_python()  # says what is missing before anything is done
    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    if if_due and not _is_due(home, as_json):
        return 1
    given = {"epochs": epochs, "learning_rate": learning_rate, "signal": labels}
    changes = {name: value for name, value in given.items() if value is not None}
    promoted = False
    with training_lock(home):
        while True:
            number = _round_number(home)
            recipe = {**changes, "seed": number if seed is None else seed}
            context = _context(home, repository, test, recipe, exercises, canaries, continues, processes, pause_server)
            result = _one_round(home, repository, number, context)
            _report(home, number, result, context, as_json)
            promoted |= result.verdict.passed
            if once or seed is not None or not result.verdict.passed:
                return 0 if promoted else 1


def _is_due(home: "MemoryHome", as_json: bool) -> bool:
    from memory.experiences import ExperienceLog
    from ttrl_adapter.due import look

    with ExperienceLog(home.experiences) as log:
        due = look(home, log)
    if not due.is_due:
        click.echo(json.dumps({"due": False, "new": due.new}) if as_json else f"Nothing to do: {due}.")
    return due.is_due


def _round_number(home: "MemoryHome") -> int:
    """Of the round that was interrupted, else of a new one."""
    from ttrl_adapter.round import DONE, round_folders

    rounds = round_folders(home)
    if not rounds:
        return 1
    return int(rounds[-1].name) + (rounds[-1] / DONE).exists()


def _context(
    home: "MemoryHome",
    repository: "Repository",
    test: str | None,
    recipe: dict[str, Any],
    exercises: int,
    canaries: int,
    continues: bool,
    processes: int,
    pause_server: bool | None,
) -> "RoundContext":
    from agent.policy import SHIPPED
    from ttrl_adapter.policies import LocalPolicies
    from ttrl_adapter.records import Recipe
    from ttrl_adapter.registry import EMBEDDED, Registry
    from ttrl_adapter.round import RoundContext
    from ttrl_adapter.server_pause import has_accelerator, server_paused

    pauses = has_accelerator() if pause_server is None else pause_server
    active = Registry(home).active(EMBEDDED)
    return RoundContext(
        model=SHIPPED,
        policies=LocalPolicies(SHIPPED),
        active=active.folder if active else None,
        active_id=active.record.id if active else None,
        recipe=Recipe(**recipe),
        tell=_tell,
        continues=continues,
        exercises=exercises,
        canaries=canaries,
        processes=processes,
        tests=_tests(home, repository, test),
        alone=partial(server_paused, home, _notice) if pauses else nullcontext,
    )


def _tests(home: "MemoryHome", repository: "Repository", given: str | None) -> "CanaryTests | None":
    """What judges canaries besides their exact form; None where the repository has no tests that could."""
    from agent.detect import detect_test_command
    from agent.sandbox import open_sandbox
    from ttrl_adapter.canary_tests import CanaryTests

    command = detect_test_command(repository.root) if given is None else given.strip()
    if not command:
        return None
    return CanaryTests(repository, repository.snapshot(), command, open_sandbox("auto"), home.worktrees)


def _one_round(home: "MemoryHome", repository: "Repository", number: int, context: "RoundContext") -> "RoundResult":
    from agent.policy import Policy
    from memory.experiences import ExperienceLog
    from ttrl_adapter.past_tasks import of_experience
    from ttrl_adapter.pool import MOST_PROMPT_TOKENS, Pool, make_pool, own_functions
    from ttrl_adapter.round import ASKED_AT_MOST, promoted_rounds, run_round

    def pool() -> Pool:
        policy = Policy(context.model)

        def fits(prompt: str) -> bool:
            return policy.count(prompt) <= MOST_PROMPT_TOKENS

        with ExperienceLog(home.experiences) as log:
            past = [made for e in log.latest(MOST_EXPERIENCES) for made in of_experience(e, repository, fits)]
        functions = own_functions(repository, repository.snapshot())
        wanted = (ASKED_AT_MOST * context.exercises, context.canaries)
        return make_pool(functions, past, fits, wanted, context.recipe.seed)

    return run_round(home.rounds / f"{number:04}", pool, promoted_rounds(home), context)


MOST_EXPERIENCES = 500
"""The newest are learnt from."""


def _report(home: "MemoryHome", number: int, result: "RoundResult", context: "RoundContext", as_json: bool) -> None:
    """Publish the adapter, promote it where the gate let it pass, and say so."""
    from agent.policy import SHIPPED
    from agent.weight_file import hash_weights
    from ttrl_adapter.registry import EMBEDDED, Registry
    from ttrl_adapter.round import finish
    from ttrl_adapter.swap import promote, running_server

    published = None
    if result.adapter:
        registry = Registry(home)
        # A round that was killed after it published does not publish again.
        ours = hash_weights(result.adapter)
        published = (
            next((e.id for e in registry.entries() if e.stored and e.stored.record.weights_hash == ours), None)
            or registry.publish(
                result.adapter,
                SHIPPED,
                base=EMBEDDED,
                parent=context.active_id if context.continues else None,
                data_hash=result.chosen.data_hash,
                seed=context.recipe.seed,
                metrics=result.metrics,
                verdict=result.verdict,
            ).record.id
        )
        if result.verdict.passed:
            # Where the server fails, the old adapter stays, and the next call tries again.
            with running_server(home, EMBEDDED) as server:
                promote(registry, published, server)
    finish(home.rounds / f"{number:04}", published)
    if as_json:
        said = {"round": number, "adapter": published, "promoted": result.verdict.passed}
        click.echo(json.dumps({**said, "verdict": result.verdict.model_dump(mode="json"), "metrics": result.metrics}))
        return
    if result.verdict.passed:
        numbers = result.verdict.numbers
        click.echo(
            f"round {number}: {published} is active: pass@1 on {numbers['canaries']:.0f} canaries "
            f"{numbers['pass@1 before']:.1%} → {numbers['pass@1 after']:.1%}; `sleepwright adapters rollback` undoes it"
        )
    else:
        kept = f" ({published} is kept for comparison)" if published else ""
        click.echo(f"round {number}: nothing is promoted{kept}: {'; '.join(result.verdict.reasons)}")


def _notice(text: str) -> None:
    click.echo(text, err=True)


def _tell(stage: str, done: int, total: int) -> None:
    click.echo(f"{stage} {done}/{total}", err=True)
