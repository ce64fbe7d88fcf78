"""`sleepwright eval sleep`: its options. What a suite does is in sleep.py, stateful_gsm.py and features.py."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from evals.run_cli import conclude, new_folder, out_option
from memory.cli_options import json_option

if TYPE_CHECKING:
    from evals.run_folder import RunFolder
    from evals.sleep_tables import Words
    from evals.sleep_trials import Slept, Trial

Suite = Literal["bugs", "stateful", "gsm", "features"]


@click.command(name="sleep")
@click.option(
    "--suite",
    type=click.Choice(["bugs", "stateful", "gsm", "features"]),
    default="bugs",
    show_default=True,
    help="bugs: several in a repository, half of them there while it slept. stateful: a context, then questions. Both "
    "with the embedded model. gsm: Stateful GSM-Symbolic. features: a repository's own multi-file commits. Both with a "
    "served model.",
)
@click.option("--arms", metavar="A,B", help="bugs, stateful: of without, with, shuffled.  [default: all]")
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True, help="bugs, stateful: other bugs.")
@click.option("--repositories", metavar="A,B", help="bugs, stateful: only these.  [default: all]")
@click.option(
    "--candidates", type=click.IntRange(min=1), multiple=True, help="bugs, stateful: budgets.  [default: 8, 32, 128]"
)
@click.option(
    "--asleep",
    type=click.IntRange(min=1),
    multiple=True,
    help="bugs, stateful: candidates of sleep, and of each further try where none passed.  [default: 128, 512]",
)
@click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), default="auto", show_default=True)
@click.option(
    "--file",
    "data",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="gsm: a local copy of GSM_p1.jsonl or GSM_p2.jsonl.",
)
@click.option("--splitter", type=click.Choice(["exact", "released"]), default="exact", show_default=True, help="gsm.")
@click.option("--verbosity", type=click.IntRange(0, 4), multiple=True, help="gsm: budgets.  [default: 0 to 4]")
@click.option("--drafts", type=click.IntRange(0, 10), multiple=True, help="gsm: sleeps.  [default: 0, 1, 2, 5]")
@click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=".",
    help="features: a repository with its history.  [default: here]",
)
@click.option("--steps", type=click.IntRange(min=1), multiple=True, help="features: budgets.  [default: 5, 10, 20]")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Questions.  [default: all; features: 20]")
@click.option("--model", metavar="NAME", envvar="SLEEPWRIGHT_MODEL", help="gsm, features.")
@click.option("--base-url", metavar="URL", envvar="SLEEPWRIGHT_BASE_URL", help="gsm, features.")
@click.option("--seed", type=int, default=0, show_default=True, help="bugs, stateful: other bugs and samples.")
@json_option
@out_option
def sleep(suite: Suite, as_json: bool, out: Path | None, **given: Any) -> None:
    """Does sleep pay? The same questions with it and without, at several budgets of test time.

    Score, test-time tokens and seconds, sleep's tokens, and what a query costs when several share a repository state;
    questions that the sleeper could foresee and others apart. A control has another repository's notes.
    """
    from tempfile import TemporaryDirectory

    from evals.run_folder import RunConfig, RunFolder
    from evals.sleep_tables import REPAIRS, Words
    from evals.sleep_trials import Slept

    words = {"gsm": Words("right", "verbosity"), "features": Words("F1", "steps")}.get(suite, REPAIRS)
    options = {name: str(value) if isinstance(value, Path) else value for name, value in given.items() if value}
    trials: list[Trial] = []
    slept: list[Slept] = []
    with TemporaryDirectory(prefix="sleepwright-sleep-") as scratch:
        ran = _ran(suite, Path(scratch).resolve(), given)
        first = next(ran)  # what was asked for wrongly is said before a folder is made
        folder = RunFolder.begin(
            out or new_folder("sleep"), RunConfig.of("sleep", suite, options, seeds=[given["seed"]])
        )
        with folder.samples() as samples, folder.samples("sleeps") as sleeps:
            for each in chain([first], ran):
                (sleeps if isinstance(each, Slept) else samples).append(each.model_dump(mode="json"))
                if isinstance(each, Slept):
                    slept.append(each)
                else:
                    trials.append(each)
                _tell(each, len(trials))
    _report(folder, trials, slept, words, as_json)


def _ran(suite: Suite, scratch: Path, given: dict[str, Any]) -> "Iterator[Trial | Slept]":
    if suite == "gsm":
        return _gsm(given)
    return _features(scratch, given) if suite == "features" else _repairs(suite, scratch, given)


def _repairs(suite: Literal["bugs", "stateful"], scratch: Path, given: dict[str, Any]) -> "Iterator[Trial | Slept]":
    from agent.sandbox import open_sandbox
    from evals import sleep as bench
    from evals.sleep_suites import first_questions, make_scenes

    wanted = _words(given["arms"]) or bench.ARMS
    if unknown := set(wanted) - set(bench.ARMS):
        raise click.UsageError(f"There is no arm {sorted(unknown)[0]!r}: there are {', '.join(bench.ARMS)}.")
    arms = [arm for arm in bench.ARMS if arm in wanted]
    click.echo("making the repositories", err=True)
    try:
        scenes = make_scenes(suite, given["rounds"], given["seed"], _words(given["repositories"]))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if given["limit"]:
        scenes = first_questions(scenes, given["limit"])
    if "shuffled" in arms and len(scenes) < 2:
        raise click.UsageError(
            "The control needs two repositories: more --rounds, a larger --limit, or --arms without,with."
        )
    desk = bench.embedded_desk(scratch, open_sandbox(given["sandbox"]), given["seed"], given["asleep"] or bench.ASLEEP)
    yield from (bench.fall_asleep(scene, desk) for scene in scenes)
    yield from bench.ask(scenes, desk, sorted(set(given["candidates"] or bench.BUDGETS)), arms)


def _gsm(given: dict[str, Any]) -> "Iterator[Trial | Slept]":
    from agent.limits import Limits
    from agent.served import open_served
    from evals import stateful_gsm as bench

    if given["data"] is None:
        raise click.UsageError(
            "The suite gsm needs --file: a local copy of GSM-Symbolic's GSM_p1.jsonl or GSM_p2.jsonl."
        )
    split = bench.load(given["data"], given["splitter"], given["limit"])
    click.echo(
        f"{len(split.problems)} problems; {split.without_context} of one sentence left out; the released splitter cuts "
        f"{split.differing} otherwise; {split.without_question_mark} questions do not end in a question mark",
        err=True,
    )
    drafts = given["drafts"] or bench.DRAFTS
    drafts = (0, *drafts) if 0 not in drafts else drafts
    with open_served(given["model"], given["base_url"], _say, Limits(tokens=None, calls=None)) as served:
        yield from bench.ask(split.problems, served.model, given["verbosity"] or bench.VERBOSITIES, drafts)


def _features(scratch: Path, given: dict[str, Any]) -> "Iterator[Trial | Slept]":
    from agent.limits import Limits
    from agent.sandbox import open_sandbox
    from agent.served import open_served
    from evals import features as bench

    def open_model(calls: int | None) -> Any:
        return open_served(given["model"], given["base_url"], _say, Limits(tokens=None, calls=calls))

    found = bench.own_features(given["repo"], given["limit"] or 20)
    steps = sorted(set(given["steps"] or bench.STEPS))
    yield from bench.ask(given["repo"], found, open_model, open_sandbox(given["sandbox"]), scratch, steps)


def _tell(each: "Trial | Slept", done: int) -> None:
    from evals.sleep_trials import Slept

    if isinstance(each, Slept):
        click.echo(f"slept on {each.scene} ({each.arm}): {each.notes} notes, {each.seconds:.1f} s", err=True)
    else:
        known = ", known" if each.was_known else f", {each.skipped} skipped" if each.skipped else ""
        click.echo(f"{done:4} {each.question} {each.arm} {each.budget}: {each.score:.2f}{known}", err=True)


def _report(folder: "RunFolder", trials: "list[Trial]", slept: "list[Slept]", words: "Words", as_json: bool) -> None:
    from evals import sleep_tables

    tables = [
        sleep_tables.curve(trials, words),
        sleep_tables.savings(trials, words),
        sleep_tables.amortised(trials, slept, words),
        sleep_tables.sleeps(slept),
    ]
    for table in tables:
        folder.add_table(table)
    for chart in sleep_tables.charts(trials, words):
        folder.add_chart(chart)
    last = max(trial.budget for trial in trials)
    arm = trials[-1].arm
    folder.set_scores(words.score, {t.question: t.score for t in trials if (t.arm, t.budget) == (arm, last)})
    conclude(folder, {table.name: table.as_json for table in tables}, as_json)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
