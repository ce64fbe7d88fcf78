"""What `sleepwright log` shows: finished runs from the experience log, interrupted ones from their folders."""

import json
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import click
from rich.console import Console

from agent import trajectory
from agent.report import past_run, past_runs, say, show_past_run, show_past_runs
from memory.errors import UserError
from memory.experiences import ExperienceLog, NoSuchExperience
from memory.home import MemoryHome
from memory.records import Experience
from memory.runs import Begun, NoSuchRun, begun, find_run, is_under_way, unfinished


class PastRuns:
    """Those of one repository. A context manager."""

    def __init__(self, home: MemoryHome) -> None:
        self._home = home
        self._log = ExperienceLog(home.experiences)

    def __enter__(self) -> Self:
        self._log.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._log.__exit__(kind, error, traceback)

    def list(self, limit: int, console: Console | None) -> None:
        """The newest `limit` finished ones, before them those that are not; without a console as JSON on stdout."""
        finished = [(found, self._log.outcomes(found.id)) for found in self._log.latest(limit)]
        known = {found.id for found, _ in finished}
        cut = [found for id in unfinished(self._home.runs) if id not in known and (found := self._begun(id))]
        if console is None:
            click.echo(json.dumps([*map(self._cut_run, cut), *past_runs(finished)]))
            return
        for found in cut:
            when = found.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
            request = " ".join(found.task.request.split())[:80]
            say(f"{found.id}  {when}  {self._state(found.id):<12}  {'':<7}  {'':<9}  {request}", console)
        show_past_runs(finished, console)

    def show(self, id: str, console: Console | None) -> None:
        """One run with its steps; without a console its record as JSON on stdout."""
        found = self._find(id)
        if console is None:
            if isinstance(found, Experience):
                click.echo(json.dumps(past_run(found, self._log.outcomes(found.id))))
            else:
                click.echo(json.dumps(self._cut_run(found)))
            return
        if isinstance(found, Begun):
            say(found.task.request, console, style="bold")
            say(f"\n{self._state(found.id)}; `sleepwright run --resume {found.id}` goes on with it.\n", console)
        trajectory.show(trajectory.load(self._home.runs / found.id), console)
        if isinstance(found, Experience):
            show_past_run(found, self._log.outcomes(found.id), console)

    def export(self, id: str) -> str:
        """The steps of one run as JSON; UserError where it has none."""
        found = self._find(id)
        steps = trajectory.load(self._home.runs / found.id)
        if not steps:
            raise UserError(f"The run {found.id} has no steps: only rollouts have.")
        experience = found if isinstance(found, Experience) else None
        return trajectory.write(trajectory.export(found.task, found.model, steps, experience))

    def _find(self, id: str) -> Experience | Begun:
        cut: Begun | None = None
        with suppress(NoSuchRun):
            cut = self._begun(find_run(self._home.runs, id))
        try:
            finished = self._log.get(id)
        except NoSuchExperience:
            if cut is None:
                raise
            return cut
        if cut and cut.id != finished.id:
            raise UserError(f"Several runs have ids that begin with {id!r}: give more of it.")
        return finished

    def _begun(self, id: str) -> Begun | None:
        return begun(self._home.runs, id)

    def _state(self, id: str) -> str:
        return "running" if is_under_way(self._home.runs, id) else "interrupted"

    def _cut_run(self, found: Begun) -> dict[str, Any]:
        return {
            "id": found.id,
            "created_at": found.created_at.isoformat(),
            "request": found.task.request,
            "status": self._state(found.id),
            "votes": 0,
            "candidates": 0,
            "outcome": None,
        }
