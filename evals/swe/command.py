"""`sleepwright eval swe predict | grade | run`, from their options to the run folder."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from platformdirs import user_cache_path
from rich.console import Console

from agent.model_name import EMBEDDED
from agent.output import readable
from evals import threads
from evals.errors import RunFolderError
from evals.run_folder import RunConfig, RunFolder
from evals.swe import harness, results
from evals.swe.bench import (
    RUN_ID,
    Bench,
    grade_submission,
    stop,
    unfinished_grade,
    unfinished_prediction,
)  # fmt: skip
from evals.swe.environment import Kind
from evals.swe.grade import Grade, Grading
from evals.swe.instances import Dataset
from evals.swe.mirrors import Mirrors
from evals.swe.predict import SLEEPWRIGHT, Arm, Asking, Prediction
from evals.swe.predict import predict as predict_one
from memory.adapters import Stored

Item = TypeVar("Item")
Result = TypeVar("Result")
_DATA = Path(__file__).parents[1] / "data"
CarryOut = Callable[[Callable[[Any], Any], Sequence[Any], Callable[[Any, str], Any]], Iterator[Any]]
"""Work, items, and what makes the result of an item that could not be worked on."""


@dataclass(frozen=True)
class SweOptions:
    """What the three commands have in common."""

    dataset: Dataset
    named: str
    """The data set, as the user named it."""
    out: Path
    mirrors: Mirrors
    environment: Kind
    workers: int
    carry_out: CarryOut
    sandbox: Literal["auto", "bwrap", "none"] = "auto"


@dataclass(frozen=True)
class Agent:
    """Who is asked, and how."""

    arm: Arm
    model: str | None = None
    base_url: str | None = None
    budget: Mapping[str, str] = field(default_factory=dict)
    """More options of `sleepwright run` with their values, the same in every arm."""
    sleep_budget: int | None = None
    test_command: str | None = None
    adapter: Stored | None = None
    """Which the arms `adapter` and `both` have; of a served model, `model` is its name."""
    timeout: float = 1800.0
    command: tuple[str, ...] = SLEEPWRIGHT

    @property
    def asked(self) -> str:
        """The model, as people are told of it."""
        return self.model or ("served" if self.base_url else EMBEDDED)

    @property
    def name(self) -> str:
        """As predictions.jsonl has it."""
        return f"sleepwright-{self.arm}-{self.asked.replace('/', '--')}"


def in_threads(workers: int) -> CarryOut:
    """On this machine."""

    def carry_out(work: Callable[[Any], Any], items: Sequence[Any], failed: Callable[[Any, str], Any]) -> Iterator[Any]:
        # `failed` is for workers that die alone: threads do not.
        return threads.carry_out(work, items, workers, stop)

    return carry_out


def predict_all(options: SweOptions, agent: Agent, err: Console) -> Bench:
    """Ask for what is missing in the run folder."""
    config = RunConfig.of(
        "swe",
        label=f"{agent.arm}, {agent.asked}",
        options={
            **_about(options),
            "arm": agent.arm,
            "model": agent.model,
            "base_url": agent.base_url,
            "budget": dict(agent.budget),
            "sleep_budget": agent.sleep_budget,
            "test": agent.test_command,
            "adapter": agent.adapter.record.weights_hash if agent.adapter else None,
            "timeout": agent.timeout,
        },
        conduct={"workers": options.workers, "environment": options.environment},
        seeds=[int(agent.budget.get("--seed", "0"))],
    )
    bench = Bench(RunFolder.begin(options.out, config, continues=True), options.dataset)
    left = bench.to_predict()
    known = len(options.dataset.instances) - len(left)
    if known:
        _say(err, f"{known} predictions are there already")
    work = partial(_predict, _asking(options, agent))
    failed = partial(unfinished_prediction, agent.arm)
    total = len(options.dataset.instances)
    made: Iterator[Prediction] = options.carry_out(work, left, failed)
    for place, one in enumerate(bench.keep_predictions(made, agent.name), start=known + 1):
        why = f": {one.problem}" if one.problem else ""
        _say(err, f"{place:4}/{total} {one.status:12} {one.instance_id} ({one.agent_seconds:.1f} s){why}")
    bench.folder.add_table(results.cost_table(list(bench.predictions().values()), []))
    return bench


def grade_all(
    options: SweOptions, given: str | None, timeout: float, by_harness: bool, err: Console
) -> tuple[RunFolder, Mapping[str, Any]]:
    """Grade a file of predictions, the reference patches ("gold"), or what the run folder has (None).

    Gives the run folder and the summary; RunFolderError where the folder holds something else.
    """
    if given == "gold":
        model, patches = "gold", harness.gold(options.dataset.instances)
    else:
        model, patches = harness.read_predictions(Path(given) if given else options.out / harness.PREDICTIONS)
    known = {*(one.instance_id for one in options.dataset.instances), *(row.id for row in options.dataset.malformed)}
    if unknown := sorted(patches.keys() - known):
        _say(err, f"{len(unknown)} predictions are of no instance here and are left out, the first: {unknown[0]}")
        patches = {id: patch for id, patch in patches.items() if id in known}
    folder = _folder_of(model, options)
    bench = Bench(folder, options.dataset)
    grades: dict[str, Grade] = {}
    if by_harness:
        predictions = folder.path / harness.SUBMITTED
        rows = (harness.prediction_row(id, model, patch) for id, patch in patches.items())
        harness.write_predictions(predictions, rows)
        found = harness.evaluate_with_swebench(
            options.dataset, predictions, folder.path, RUN_ID, options.workers, timeout
        )
        grades = harness.grades(found)
    else:
        environments = cache() / "environments"
        grading = Grading(options.mirrors, environments, options.environment, timeout, options.sandbox)
        submissions = bench.to_grade(model, patches)
        made: Iterator[Grade] = options.carry_out(partial(grade_submission, grading), submissions, unfinished_grade)
        for place, one in enumerate(bench.keep_grades(made), start=1):
            grades[one.instance_id] = one
            why = f": {one.problem}" if one.problem else ""
            _say(err, f"{place:4}/{len(submissions)} {one.outcome:12} {one.instance_id}{why}")
        found = bench.summarize(model, patches, grades)
    _write_results(bench, found, grades)
    return folder, found


def _folder_of(model: str, options: SweOptions) -> RunFolder:
    """The run folder that has the model's predictions, or is to have grades of no other's."""
    own = options.out / harness.PREDICTIONS
    if not own.exists():
        config = RunConfig.of("swe", label=model, options={**_about(options), "model": model})
        return RunFolder.begin(options.out, config, continues=True)
    if (known := harness.read_predictions(own)[0]) != model:
        raise RunFolderError(f"{str(options.out)!r} has the predictions of {known!r}: name another folder.")
    return RunFolder.open(options.out)


def _write_results(bench: Bench, found: Mapping[str, Any], grades: Mapping[str, Grade]) -> None:
    folder, dataset = bench.folder, bench.dataset
    predictions = bench.predictions()
    folder.add_table(results.rates_table(folder.config.label, found, predictions.values()))
    folder.add_table(results.groups_table(dataset, grades))
    folder.add_table(results.cost_table(list(predictions.values()), list(grades.values())))
    folder.add_table(results.instances_table(dataset, predictions, grades))
    folder.add_chart(results.groups_chart(dataset, grades))
    resolved = set(found["resolved_ids"])
    ids = [*(one.instance_id for one in dataset.instances), *(row.id for row in dataset.malformed)]
    folder.set_scores("resolved", {id: float(id in resolved) for id in ids})


def _predict(asking: Asking, instance: Any) -> Prediction:
    return predict_one(instance, asking)


def _asking(options: SweOptions, agent: Agent) -> Asking:
    # The embedded one by its name, too: where the agent runs, the environment may name another.
    named = (("--model", agent.model or ("" if agent.base_url else EMBEDDED)), ("--base-url", agent.base_url))
    model = [part for name, value in named if value for part in (name, value)]
    budget = [part for pair in agent.budget.items() for part in pair]
    asleep = [] if agent.sleep_budget is None else ["--budget", str(agent.sleep_budget)]
    sandbox = ["--sandbox", options.sandbox]
    place = hashlib.sha256(str(options.out.resolve()).encode()).hexdigest()[:16]
    return Asking(
        arm=agent.arm,
        mirrors=options.mirrors,
        environments=cache() / "environments",
        kind=options.environment,
        scratch=cache() / "work" / place,
        options=(*model, *budget, *sandbox),
        sleep_options=(*model, *asleep, *sandbox),
        adapter=agent.adapter if agent.adapter and agent.adapter.record.base == EMBEDDED else None,
        test_command=agent.test_command,
        hidden=(_DATA, *([Path(options.named).resolve()] if Path(options.named).exists() else [])),
        timeout=agent.timeout,
        command=agent.command,
    )


def _about(options: SweOptions) -> dict[str, Any]:
    """Which instances: the name, and a hash of what they are."""
    rows = [*(instance.row for instance in options.dataset.instances), *options.dataset.malformed]
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    return {"dataset": options.named, "instances": len(rows), "digest": digest}


def cache() -> Path:
    """Where mirrors, environments and work under way are."""
    return user_cache_path("sleepwright", appauthor=False) / "swe"


def _say(err: Console, text: str) -> None:
    err.print(readable(text), markup=False, highlight=False, soft_wrap=True)
