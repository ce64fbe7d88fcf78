"""`sleepwright eval swe predict | grade | run`: their options. What they do is in swe/command.py."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from evals.run_cli import conclude, new_folder, out_option

if TYPE_CHECKING:
    from evals.swe.command import Agent, CarryOut, SweOptions
    from evals.swe.instances import Dataset

Command = Callable[..., Any]
Options = dict[str, Any]

_SHARED = (
    click.option(
        "--dataset",
        metavar="FILE|NAME",
        default="own",
        show_default=True,
        help="Instances in SWE-bench's fields: JSON, JSON lines, Parquet, a folder of a data set, one on the Hub, or "
        "the suite that comes with sleepwright.",
    ),
    click.option("--split", default="test", show_default=True, help="Of a folder, or on the Hub."),
    click.option("--ids", metavar="A,B", help="Only these instances."),
    click.option("--workers", metavar="N", type=click.IntRange(min=1), default=1, show_default=True),
    click.option("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True),
    click.option("--ray", "ray_address", metavar="ADDRESS", help="Of the cluster.  [default: $RAY_ADDRESS, or here]"),
    click.option(
        "--repos",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="A folder of mirrors, owner__name each.  [default: cloned from GitHub once]",
    ),
    click.option(
        "--env",
        "environment",
        type=click.Choice(["current", "venv"]),
        help="What the tests run with: this Python, or one made for each version of a repository.  "
        "[default: current for the own suite, else venv]",
    ),
    click.option("--sandbox", type=click.Choice(["auto", "bwrap", "none"]), default="auto", show_default=True),
    out_option,
    click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object on stdout."),
)

_ASKING = (
    click.option(
        "--arm",
        type=click.Choice(["base", "notes", "adapter", "both"]),
        default="base",
        show_default=True,
        help="notes: it sleeps on the base commit first. adapter: with the active adapter of --adapter-of. both.",
    ),
    click.option("--model", metavar="NAME", envvar="SLEEPWRIGHT_MODEL", help="As for `sleepwright run`."),
    click.option("--base-url", metavar="URL", envvar="SLEEPWRIGHT_BASE_URL", help="The same."),
    click.option("--strategy", type=click.Choice(["auto", "single", "rollout"])),
    click.option("--candidates", metavar="N", type=click.IntRange(min=1)),
    click.option("--seed", metavar="K", type=click.IntRange(min=0), default=0, show_default=True),
    click.option("--max-tokens", metavar="N", type=click.IntRange(min=1), help="For each instance."),
    click.option("--max-cost", metavar="DOLLARS", type=click.FloatRange(min=0, min_open=True), help="The same."),
    click.option("--price", metavar="IN,OUT", help="Dollars for a million prompt and completion tokens."),
    click.option("--sleep-budget", metavar="TOKENS", type=click.IntRange(min=0), help="For each sleep."),
    click.option("--test", "test_command", metavar="CMD", help="The agent's check.  [default: the row's test_cmd]"),
    click.option(
        "--adapter-of",
        metavar="REPO",
        type=click.Path(file_okay=False, path_type=Path),
        default=".",
        help="A repository that `sleepwright train` or `adapters promote` gave an adapter.  [default: here]",
    ),
    click.option(
        "--timeout", metavar="S", type=click.FloatRange(min=1), default=1800.0, show_default=True, help="Of the agent."
    ),
)

_GRADING = (
    click.option(
        "--tests-timeout", metavar="S", type=click.FloatRange(min=1), default=1800.0, show_default=True,
        help="Of an instance's tests.",
    ),
    click.option("--harness", "by_harness", is_flag=True, help="By the installed swebench, in Docker."),
)  # fmt: skip


def _with(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.group()
def swe() -> None:
    """Tasks in SWE-bench's fields: ask for patches, grade them by hidden tests, without Docker.

    A run folder is continued where it was cut: give the same command and --out again.
    """


@swe.command(name="predict")
@_with(*_SHARED, *_ASKING)
def predict_command(as_json: bool, **given: Any) -> None:
    """Ask the agent for a patch of each instance; predictions.jsonl is what SWE-bench's harness takes."""
    options, agent = _options(given), _agent(given)
    bench = _predict(options, agent)
    made = bench.predictions()
    found = {id: one.model_dump(mode="json") for id, one in made.items()}
    conclude(bench.folder, {"folder": str(bench.folder.path), "predictions": found}, as_json, ["cost"])


@swe.command(name="grade")
@_with(*_SHARED, *_GRADING)
@click.option(
    "--predictions",
    metavar="FILE|gold",
    help="JSON or JSON lines as SWE-bench has them, or the reference patches.  [default: those in --out]",
)
def grade_command(as_json: bool, predictions: str | None, tests_timeout: float, by_harness: bool, **given: Any) -> None:
    """Grade predictions by FAIL_TO_PASS and PASS_TO_PASS; what they did to test files is undone first."""
    if predictions is None and given["out"] is None:
        raise click.UsageError("--predictions or --out is needed: which predictions?")
    _grade(_options(given), predictions, tests_timeout, by_harness, as_json)


@swe.command(name="run")
@_with(*_SHARED, *_ASKING, *_GRADING)
def run_command(as_json: bool, tests_timeout: float, by_harness: bool, **given: Any) -> None:
    """Predict, then grade."""
    options, agent = _options(given), _agent(given)
    _predict(options, agent)
    _grade(options, None, tests_timeout, by_harness, as_json)


def _predict(options: "SweOptions", agent: "Agent") -> Any:
    from rich.console import Console

    from evals.swe.command import predict_all

    return predict_all(options, agent, Console(stderr=True))


def _grade(options: "SweOptions", given: str | None, timeout: float, by_harness: bool, as_json: bool) -> None:
    from rich.console import Console

    from evals.swe.command import grade_all

    folder, found = grade_all(options, given, timeout, by_harness, Console(stderr=True))
    conclude(folder, {"folder": str(folder.path), **found}, as_json, ["rates", "difficulty", "cost"])


def _options(given: Options) -> "SweOptions":
    from evals.swe import suite
    from evals.swe.command import SweOptions
    from evals.swe.mirrors import Mirrors

    is_own = given["dataset"] == "own"
    if is_own:
        mirrors = Mirrors(suite.build())
    elif given["repos"]:
        mirrors = Mirrors(given["repos"])
    else:
        from evals.swe.command import cache

        mirrors = Mirrors(cache() / "mirrors", clones_from="https://github.com")
    return SweOptions(
        dataset=_dataset(given).only([id.strip() for id in (given["ids"] or "").split(",") if id.strip()]),
        named=given["dataset"],
        out=given["out"] or new_folder("swe"),
        mirrors=mirrors,
        environment=given["environment"] or ("current" if is_own else "venv"),
        workers=given["workers"],
        carry_out=_executor(given["executor"], given["workers"], given["ray_address"]),
        sandbox=given["sandbox"],
    )


def _agent(given: Options) -> "Agent":
    from agent.model_name import EMBEDDED
    from evals.swe.command import Agent

    model, adapter = given["model"], None
    if given["arm"] in ("adapter", "both"):
        from evals.swe.adapter import find_adapter

        adapter = find_adapter(given["adapter_of"], model, given["base_url"])
        if adapter.record.base != EMBEDDED:
            model = adapter.served_name  # a server has it beside its base
    names = {"strategy": "--strategy", "candidates": "--candidates", "seed": "--seed", "max_tokens": "--max-tokens",
             "max_cost": "--max-cost", "price": "--price"}  # fmt: skip
    return Agent(
        arm=given["arm"],
        model=model,
        base_url=given["base_url"],
        budget={option: str(given[name]) for name, option in names.items() if given[name] is not None},
        sleep_budget=given["sleep_budget"],
        test_command=given["test_command"],
        adapter=adapter,
        timeout=given["timeout"],
    )


def _dataset(given: Options) -> "Dataset":
    from evals.swe import suite
    from evals.swe.instances import load, read_rows

    name = given["dataset"]
    if name == "own":
        return suite.dataset()
    path = Path(name)
    if path.suffix == ".parquet":
        from evals.swe.hub import read_parquet

        return load(read_parquet(path))
    if path.is_dir():
        from evals.swe.hub import read_folder

        return load(read_folder(path, given["split"]))
    if path.exists() or path.suffix in (".json", ".jsonl"):
        return load(read_rows(path))
    from evals.swe.hub import read_hub

    return load(read_hub(name, given["split"]))


def _executor(kind: Literal["local", "ray"], workers: int, address: str | None) -> "CarryOut":
    if kind == "local":
        from evals.swe.command import in_threads

        return in_threads(workers)
    from functools import partial
    from importlib.util import find_spec

    if not find_spec("ray"):
        raise click.UsageError("--executor ray needs Ray: pip install 'sleepwright[ray]'.")
    from evals.executor import carry_out

    return partial(carry_out, workers=workers, address=address)
