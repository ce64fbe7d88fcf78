"""Proposes by rollouts: every candidate works with tools in a worktree of its own, several side by side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, get_ident
from typing import Protocol

from agent.briefing import orient
from agent.chat import Live
from agent.checkout import Checkout
from agent.errors import ModelError, ToolsRefused
from agent.localise import Localisation
from agent.openai_model import SIDE_BY_SIDE, OpenAIModel
from agent.rollout.loop import PROMPT_TOKENS, Asking, Outcome, Rollout
from agent.rollout.toolbox import Toolbox, Workplace
from agent.single import TEMPERATURE
from agent.state import OutOfTime, Proposal, Proposer
from agent.step_trees import StepTrees
from agent.task_map import TaskMap
from agent.templates import render
from agent.tool_specs import described, example
from memory.errors import UserError
from memory.records import Task
from memory.runs import Step, StepLog

ORIENTATION_TOKENS = 8_000

_WHY = {
    "submitted": "submitted without a change",
    "stuck": "went in circles without a change",
    "turns_exceeded": "too many turns without a change",
    "limits_exceeded": "a limit was reached before a change",
    "time_exceeded": "the time was up before a change",
    "context_exceeded": "the context was full before a change",
    "model_failed": "the model failed before a change",
}


class StepLogs(Protocol):
    """Where the steps of the candidates are kept."""

    def candidate(self, index: int) -> StepLog: ...


@dataclass(frozen=True)
class _Job:
    """What all candidates of a run have in common."""

    task: Task
    opening: Callable[[bool], list[Step]]
    """The first steps; whether tools are offered through the API."""
    rules: tuple[str, ...]
    temperature: float
    watch: "_Watch"


class RolloutProposer:
    """Implements `agent.state.Proposer` with a model that is served."""

    def __init__(
        self,
        model: OpenAIModel,
        workplace: Workplace,
        logs: StepLogs,
        *,
        context: int | None = None,
        needs_tools: bool = False,
        notice: Callable[[str], None] = lambda text: None,
        live: Callable[[Live], None] = lambda live: None,
    ) -> None:
        """`context`: tokens that the model takes, None where unknown. With `needs_tools` an endpoint that takes none
        is a ToolsRefused; without, the tools are described in the prompt there."""
        self._model = model
        self._workplace = workplace
        self._logs = logs
        self._context = context
        self._needs_tools = needs_tools
        self._notice = notice
        self._live = live

    @property
    def name(self) -> str:
        return self._model.name

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        """n proposals, what a candidate had done where the time or a limit ended it."""
        room = PROMPT_TOKENS if self._context is None else self._context
        budget = min(ORIENTATION_TOKENS, room // 4)
        orientation = orient(task, Checkout(worktree), localisation, budget, TaskMap(task, localisation))

        def opening(offers_tools: bool) -> list[Step]:
            told = {} if offers_tools else {"tools": described(), "example": example()}
            system = render("rollout_system", **{"tools": "", "example": "", **told})
            user = render("rollout", request=task.request, test_command=task.test_command, **vars(orientation))
            return [Step(kind="system", text=system), Step(kind="task", text=user, offers_tools=offers_tools)]

        watch = _Watch(progress, self._live)
        rules = tuple(rule.path for rule in orientation.rules)
        job = _Job(task, opening, rules, TEMPERATURE if n > 1 else 0.0, watch)
        with ThreadPoolExecutor(min(n, SIDE_BY_SIDE)) as pool:
            try:
                futures = [pool.submit(self._candidate, job, index, seed + index) for index in range(n)]
                ended = [future.result() for future in futures]
            except BaseException:
                watch.is_over = True
                pool.shutdown(cancel_futures=True)
                raise
        failures = [error for error in ended if isinstance(error, ModelError)]
        proposals = [Proposal(problem=str(end)) if isinstance(end, UserError) else end for end in ended]
        if failures and not any(proposal.tree for proposal in proposals):
            raise failures[0]
        if self._model.meter.reached:
            self._notice(f"{self._model.meter.reached} The run ends with what it has.")
        return proposals

    def _candidate(self, job: _Job, index: int, seed: int) -> Proposal | UserError:
        """What comes of one candidate; what was wrong with one is no reason to end the others."""
        try:
            outcome = self._work(job, index, seed)
        except ToolsRefused:
            raise
        except UserError as error:
            return error
        job.watch.finish()
        if outcome.how == "model_failed":
            self._notice(f"Candidate {index} is used as far as it came: {outcome.summary}")
        problem = None if outcome.tree else _WHY[outcome.how]
        return Proposal(problem=problem, tokens=outcome.tokens, seconds=outcome.seconds, tree=outcome.tree)

    def _work(self, job: _Job, index: int, seed: int) -> Outcome:
        place, snapshot = self._workplace, job.task.snapshot
        with ExitStack() as stack:
            log = stack.enter_context(self._logs.candidate(index))
            worktree = stack.enter_context(place.repository.worktree(snapshot, place.worktrees))
            if tree := next((step.tree for step in reversed(log.steps) if step.tree), ""):
                place.repository.restore(worktree, tree)
            trees = stack.enter_context(StepTrees(place.repository, worktree))
            toolbox = Toolbox(place, worktree, job.task, job.rules)
            asking = Asking(self._context, job.temperature, seed, job.watch)

            def run(offers_tools: bool) -> Outcome:
                if not any(step.kind == "reply" for step in log.steps):
                    log.begin(job.opening(offers_tools))
                return Rollout(self._model, asking, toolbox, log, trees.keep).run()

            try:
                return run(True)
            except ToolsRefused:
                if self._needs_tools:
                    raise
                return run(False)


class RolloutOrSingle:
    """Rollouts where the endpoint accepts tools, else another proposer. Implements `agent.state.Proposer`."""

    def __init__(self, rollout: RolloutProposer, single: Proposer, notice: Callable[[str], None]) -> None:
        self._rollout = rollout
        self._single = single
        self._notice = notice

    @property
    def name(self) -> str:
        return self._rollout.name

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        try:
            return self._rollout.propose(task, worktree, localisation, n, seed, progress)
        except ToolsRefused as refusal:
            self._notice(f"{refusal} It is asked for edits instead; --strategy rollout would describe the tools to it.")
            return self._single.propose(task, worktree, localisation, n, seed, progress)


class _Watch:
    """Hands on how far the candidates are, and remembers that the run has to end. Safe between threads."""

    def __init__(self, progress: Callable[[int], None], live: Callable[[Live], None]) -> None:
        self._progress = progress
        self._live = live
        self._finished = 0
        self._written: dict[int, tuple[int, int]] = {}
        """By thread: tokens of the answers before this one, and of this one."""
        self._lock = Lock()
        self.is_over = False

    def __call__(self, live: Live) -> bool:
        if self.is_over:
            return False
        try:
            self._progress(self._finished)
        except OutOfTime:
            self.is_over = True
        with self._lock:
            before, now = self._written.get(get_ident(), (0, 0))
            self._written[get_ident()] = (before + now if live.tokens < now else before, live.tokens)
            written = sum(map(sum, self._written.values()))
        self._live(Live(self._finished, written))
        return not self.is_over

    def finish(self) -> None:
        """A candidate has ended."""
        with self._lock:
            self._finished += 1
        self(Live(self._finished, 0))
