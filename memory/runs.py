"""Runs under way, on disk: what was asked, what each stage gave, every step of every candidate.

One folder per run: `run.jsonl` with the stages, `candidate-N.jsonl` with the steps of a tool-using loop. They only
grow, by as much as happens. Whoever holds `run.jsonl` open is the one who works on the run.
"""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from memory.errors import StoreError, UserError
from memory.journal import Journal, JournalBusy, is_busy, read_journal
from memory.records import Record, Task, Tokens, now

SCHEMA = 1
"""Of the files; raised with every change that an older program could not read."""


KEPT = timedelta(days=28)
"""A run that was interrupted longer ago is not gone on with any more: git has cleared its snapshot away by then."""


class NoSuchRun(UserError):
    """No run under way has this id."""


class Begun(Record):
    """The first entry of a run: all that is needed to go on with it."""

    schema_version: int = SCHEMA
    id: str
    created_at: datetime = Field(default_factory=now)
    task: Task
    model: str | None
    base_url: str | None
    strategy: Literal["auto", "single", "rollout"]
    candidates: int | None
    seed: int


class StepCall(Record):
    """One call of a tool, as the model wrote it."""

    id: str = ""
    name: str
    arguments: str


class Step(Record):
    """One entry of a candidate: something was said, or done."""

    kind: Literal["system", "task", "reply", "result", "note", "end"]
    """note: said to the model without a call before it; end: how the work ended."""
    text: str = ""
    calls: tuple[StepCall, ...] = ()
    """Of a reply."""
    call_id: str = ""
    """Of a result: the call that it belongs to, where the endpoint told calls apart."""
    tool: str = ""
    failed: bool = False
    tree: str = ""
    """Of a result: the git tree of all files after it, where they may have changed."""
    finish: str = ""
    """Of a reply, as the endpoint says; of an end, why."""
    offers_tools: bool = False
    """Of a task: whether tools are offered through the API; otherwise the prompt describes them."""
    tokens: Tokens = Tokens()
    seconds: float = 0.0
    at: datetime = Field(default_factory=now)


class StepLog:
    """The steps of one candidate, to be continued. A context manager."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self.steps = read_steps(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._journal.__exit__(kind, error, traceback)

    def begin(self, opening: Sequence[Step]) -> None:
        """Begin with these steps, in the place of a beginning that led nowhere."""
        self._journal.clear()
        self.steps = list(opening)
        for step in opening:
            self.append(step)

    def append(self, step: Step) -> None:
        """Durable when this returns."""
        self._journal.append(step.model_dump(mode="json", exclude_defaults=True))


class Run:
    """A run that this process works on. A context manager; `begin` and `resume` make one."""

    def __init__(self, folder: Path, journal: Journal, begun: Begun, stages: dict[str, Any]) -> None:
        self._folder = folder
        self._journal = journal
        self.begun = begun
        self._stages = stages

    @classmethod
    def begin(cls, runs: Path, begun: Begun) -> "Run":
        """A new one in the folder of all runs."""
        folder = runs / begun.id
        journal = Journal(_journal_of(folder))
        journal.append({"begun": begun.model_dump(mode="json")})
        return cls(folder, journal, begun, {})

    @classmethod
    def resume(cls, runs: Path, id: str) -> "Run":
        """An interrupted one; UserError where there is none of this id, or another process works on it."""
        folder = runs / find_run(runs, id)
        try:
            journal = Journal(_journal_of(folder))
        except JournalBusy:
            raise UserError(f"Another process works on the run {folder.name}: wait for it, or end it.") from None
        with ExitStack() as failed:
            failed.push(journal)
            begun, stages = None, {}
            for entry in read_journal(journal.path):
                if "begun" in entry:
                    begun = read_begun(folder, entry["begun"])
                else:
                    stages[entry["stage"]] = entry["update"]
            if begun is None:
                raise StoreError(f"The run {folder.name} ended before it began: start it anew.")
            failed.pop_all()
        return cls(folder, journal, begun, stages)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._journal.__exit__(kind, error, traceback)

    @property
    def spent(self) -> Tokens:
        """What the steps so far have used, in all candidates."""
        steps = (step for path in trajectories(self._folder) for step in read_steps(path))
        return sum((step.tokens for step in steps), Tokens())

    def stage(self, name: str) -> Any:
        """What a stage gave, as JSON has it; None where it has not ended."""
        return self._stages.get(name)

    def finish_stage(self, name: str, update: Any) -> None:
        """Keep what a stage gave; durable when this returns."""
        self._stages[name] = update
        self._journal.append({"stage": name, "update": update})

    def candidate(self, index: int) -> StepLog:
        """The steps of a candidate."""
        return StepLog(self._folder / f"candidate-{index}.jsonl")

    def finish(self) -> None:
        """The run is in the experience log now: of its folder only the trajectories are worth keeping."""
        if trajectories(self._folder):
            _journal_of(self._folder).unlink(missing_ok=True)
        else:
            shutil.rmtree(self._folder, ignore_errors=True)


def find_run(runs: Path, id_or_prefix: str) -> str:
    """The id of the unfinished run whose id begins so; NoSuchRun where there is none, UserError where several."""
    wanted = id_or_prefix.strip().lower()
    found = [id for id in unfinished(runs) if wanted and id.startswith(wanted)]
    if not found:
        raise NoSuchRun(f"No interrupted run has the id {id_or_prefix!r}: `sleepwright log` lists them.")
    if len(found) > 1 and wanted not in found:
        raise UserError(f"Several interrupted runs have ids that begin with {id_or_prefix!r}: give more of it.")
    return wanted if wanted in found else found[0]


def unfinished(runs: Path) -> list[str]:
    """The ids of the runs that were interrupted, or are under way, the newest first."""
    return sorted((path.parent.name for path in runs.glob("*/run.jsonl")), reverse=True)


def clear_abandoned(runs: Path) -> list[str]:
    """Remove the unfinished runs in which nothing has happened for KEPT; returns their ids."""
    cleared = []
    for id in unfinished(runs):
        folder = runs / id
        with suppress(OSError, JournalBusy):  # somebody works on it, or it has just gone
            last = max(path.stat().st_mtime for path in (_journal_of(folder), *trajectories(folder)))
            if now().timestamp() - last > KEPT.total_seconds():
                with Journal(_journal_of(folder)):
                    shutil.rmtree(folder)
                cleared.append(id)
    return cleared


def is_under_way(runs: Path, id: str) -> bool:
    """Whether a process works on it now."""
    return is_busy(_journal_of(runs / id))


def begun(runs: Path, id: str) -> Begun | None:
    """How an unfinished run began; None where it was cut even before."""
    entry = next(read_journal(_journal_of(runs / id)), None)
    return read_begun(runs / id, entry["begun"]) if entry and "begun" in entry else None


def read_begun(folder: Path, entry: dict[str, Any]) -> Begun:
    """StoreError where a newer program wrote it, or it is damaged."""
    if entry.get("schema_version") != SCHEMA:
        raise StoreError(f"The run {folder.name} was begun by another version of sleepwright, which can go on with it.")
    try:
        return Begun.model_validate(entry)
    except ValidationError as error:
        raise StoreError(f"The run {folder.name} is damaged: {error.errors()[0]['msg']}.") from error


def trajectories(folder: Path) -> list[Path]:
    """The files of a run's candidates, in their order."""
    return sorted(folder.glob("candidate-*.jsonl"), key=lambda path: int(path.stem.rpartition("-")[2]))


def read_steps(path: Path) -> list[Step]:
    """The steps of a candidate so far; StoreError where they are damaged."""
    try:
        return [Step.model_validate(entry) for entry in read_journal(path)]
    except ValidationError as error:
        raise StoreError(f"{str(path)!r} is damaged: {error.errors()[0]['msg']}.") from error


def _journal_of(folder: Path) -> Path:
    return folder / "run.jsonl"
