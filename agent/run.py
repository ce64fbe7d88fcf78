"""One run from its options to an exit code: puts the pieces together, shows the result, applies it as asked."""

import json
import os
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from agent.deadline import Deadline, interruptible
from agent.delivery import apply_patch, commit_patch
from agent.detect import detect_test_command
from agent.errors import ConfigError, Interrupted, ModelError, RepositoryError
from agent.graph import run_task
from agent.limits import Limits
from agent.model_name import EMBEDDED, is_served
from agent.permissions import Ask, Permissions
from agent.progress import ConsoleProgress
from agent.report import result, say, show
from agent.sandbox import Sandbox, bwrap_problem, open_sandbox
from agent.state import AgentContext, Proposer
from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.errors import UserError
from memory.experiences import ExperienceLog, new_id
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Experience, Outcome, Task
from memory.runs import Begun, NoSuchRun, Run, clear_abandoned

if TYPE_CHECKING:
    from agent.served import ServedModel

Confirm = Callable[[str], bool]


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; the defaults are the command's."""

    request: str
    repo: Path = Path(".")
    test_command: str | None = None
    """None to look for one, "" for none."""
    candidates: int | None = None
    """How many to sample; None for 128 of the embedded model, where equal ones cost next to nothing, else 4."""
    model: str | None = None
    base_url: str | None = None
    strategy: Literal["auto", "single", "rollout"] = "auto"
    sandbox: Literal["auto", "bwrap", "none"] = "auto"
    yes: bool = False
    """Commands of the model run without a question where there is no sandbox."""
    allow: tuple[str, ...] = ()
    """Commands that need no question, as agent/permissions.py has them."""
    deny: tuple[str, ...] = ()
    """Commands that never run."""
    delivery: Literal["ask", "apply", "commit", "none"] = "ask"
    timeout: float | None = None
    """Seconds for the whole run; None for as long as it takes."""
    limits: Limits = Limits()
    """On what a served model may use."""
    seed: int = 0
    as_json: bool = False
    resume: str | None = None
    """The id of an interrupted run to go on with, or its beginning. What it was asked is taken from there."""


def run(
    options: RunOptions,
    proposer: Proposer | None,
    out: Console,
    err: Console,
    confirm: Confirm | None = None,
    deadline: Deadline | None = None,
) -> int:
    """Do the task; returns the exit code: 0 for an acceptable patch, 1 for none, 2 where it could not be delivered.

    `proposer` None is the one that the options name. `confirm` asks the user; None where nobody can answer. `deadline`
    is given by who has to know of an interrupt while it asks.
    """
    progress = ConsoleProgress(err)
    deadline = deadline or Deadline(options.timeout)
    repository = Repository.open(options.repo)
    home = MemoryHome.for_repository(repository.common_dir)
    with ExitStack() as stack:
        log = stack.enter_context(ExperienceLog(home.experiences))
        log.latest(1)  # a log that cannot be used is told before the work, not after it
        resumed: Run | None = None
        if options.resume is not None:
            resumed = stack.enter_context(_resume(options.resume, home, log, repository))
            options = _as_begun(options, resumed.begun)
        served = None if proposer else stack.enter_context(_open_model(options, home, progress))
        repository.clean_leftovers(home.worktrees)
        clear_abandoned(home.runs)
        under_way = resumed or stack.enter_context(Run.begin(home.runs, _begin(options, repository)))
        sandbox = open_sandbox(options.sandbox)
        # The embedded model reads no notes, and needs nothing of how they are searched.
        reads_notes = served is not None or (proposer is not None and proposer.name != EMBEDDED)
        config = _memory() if reads_notes else MemoryConfig()
        notes = stack.enter_context(NoteStore.open(repository.root, config))
        desk = _Desk(options, repository, home, notes, reads_notes, sandbox, deadline, progress, under_way)
        with progress:
            experience = desk.work(proposer or desk.proposer(served, confirm), served, log)
        meter = served.model.meter if served else None
        if not options.as_json:
            show(experience, out)
            if meter and meter.dollars is not None:
                say(f"{'cost':<12}${meter.dollars:.4f}", out)
        applied, problem = False, None
        try:
            applied = _deliver(experience, repository, log, options, err if options.as_json else out, confirm)
        except RepositoryError as error:
            if not options.as_json:
                raise
            problem = error  # what was found is told all the same
    if options.as_json:
        told = result(experience, applied, meter)
        out.file.write(json.dumps({**told, "error": str(problem)} if problem else told) + "\n")
    if problem:
        return problem.exit_code
    return 0 if _is_acceptable(experience) else 1


@dataclass(frozen=True)
class _Desk:
    """The pieces of one run, and how they are put together."""

    options: RunOptions
    repository: Repository
    home: MemoryHome
    notes: NoteStore
    reads_notes: bool
    sandbox: Sandbox
    deadline: Deadline
    progress: ConsoleProgress
    under_way: Run

    def work(self, proposer: Proposer, served: "ServedModel | None", log: ExperienceLog) -> Experience:
        """Do the task. Where it is cut, its user is told how to go on."""
        options, task, id = self.options, self.under_way.begun.task, self.under_way.begun.id
        if self.sandbox.name == "none" and options.sandbox == "auto":
            self.progress.notice(f"Commands run without a sandbox: {bwrap_problem()}")
        context = AgentContext(
            repository=self.repository,
            worktrees=self.home.worktrees,
            proposer=proposer,
            sandbox=self.sandbox,
            progress=self.progress,
            candidates=options.candidates or (4 if is_served(options.model, options.base_url) else 128),
            seed=options.seed,
            adapter=_adapter(proposer, served),
            memory=self.notes,
            reads_notes=self.reads_notes,
            deadline=self.deadline,
            run=self.under_way,
        )
        where = "" if options.repo == Path(".") else f" --repo {shlex.quote(str(options.repo))}"
        how = f"`sleepwright run --resume {id}{where}` goes on with it."
        try:
            with interruptible(self.deadline.interrupt, self.sandbox.stop):
                return run_task(task, context, log)
        except KeyboardInterrupt:
            raise Interrupted(f"Interrupted. {how}") from None
        except ModelError:
            self.progress.notice(f"The run was cut: {how}")
            raise

    def proposer(self, served: "ServedModel | None", confirm: Confirm | None) -> Proposer:
        """What asks the served model, None for the embedded one."""
        if served is None:
            # numpy and the policy, which a run of a served model need not pay
            from agent.embedded import EmbeddedProposer

            return EmbeddedProposer.of_home(self.home, self.progress.notice)
        from agent.rollout.toolbox import Remembered, Workplace

        served.model.meter.charge(self.under_way.spent)
        options, progress = self.options, self.progress
        permissions = Permissions(
            is_sandboxed=self.sandbox.name == "bwrap",
            allows_all=options.yes,
            allow=options.allow,
            deny=options.deny,
            own=self.under_way.begun.task.test_command,
            ask=self._ask(confirm),
        )
        notes = Remembered(self.notes)
        workplace = Workplace(self.repository, self.home.worktrees, self.sandbox, permissions, self.deadline, notes)
        return served.proposer(options.strategy, workplace, self.under_way, progress.notice, progress.live)

    def _ask(self, confirm: Confirm | None) -> Ask | None:
        if confirm is None:
            return None

        def ask(question: str) -> bool:
            with self.progress.paused():
                return confirm(question)

        return ask


def _adapter(proposer: Proposer, served: "ServedModel | None") -> str | None:
    if served:
        return served.adapter
    from agent.embedded import EmbeddedProposer

    return proposer.adapter if isinstance(proposer, EmbeddedProposer) else None


def _open_model(
    options: RunOptions, home: MemoryHome, progress: ConsoleProgress
) -> "AbstractContextManager[ServedModel | None]":
    """The endpoint's model that the options name; None for the embedded one."""
    if is_served(options.model, options.base_url):
        # Importing the openai package takes most of a CPU second, which a run of the embedded model need not pay.
        from agent.served import open_served

        return open_served(options.model, options.base_url, progress.notice, options.limits, home)
    if options.strategy == "rollout":
        raise ConfigError("The embedded model calls no tools: name another with --model, or use --strategy single.")
    return nullcontext(None)


def _memory() -> MemoryConfig:
    return MemoryConfig.from_environment(os.environ)


def _begin(options: RunOptions, repository: Repository) -> Begun:
    """A run as it will be known, with all that is needed to go on with it."""
    given = options.test_command
    test_command = detect_test_command(repository.root) if given is None else given.strip() or None
    task = Task(
        request=options.request,
        repo=str(repository.root),
        base_commit=repository.head,
        snapshot=repository.snapshot(),
        test_command=test_command,
    )
    return Begun(
        id=new_id(),
        task=task,
        model=options.model,
        base_url=options.base_url,
        strategy=options.strategy,
        candidates=options.candidates,
        seed=options.seed,
    )


def _resume(id: str, home: MemoryHome, log: ExperienceLog, repository: Repository) -> Run:
    """The interrupted run; UserError where there is none of this id that can be gone on with here."""
    try:
        found = Run.resume(home.runs, id)
    except NoSuchRun:
        raise _finished(log.get(id)) from None
    with ExitStack() as failed:
        failed.push(found)
        task = found.begun.task
        if done := _known(log, found.begun.id):  # it was cut after its last step
            found.finish()
            raise _finished(done)
        if task.repo not in home.paths_of(repository.root):
            raise RepositoryError(f"The run was begun in {task.repo!r}: resume it there.")
        if not repository.has(task.snapshot):
            raise RepositoryError(f"The run cannot go on: git has cleared away its snapshot {task.snapshot[:12]}.")
        here = task.model_copy(update={"repo": str(repository.root)})  # where it lies now, if it was moved
        found.begun = found.begun.model_copy(update={"task": here})
        failed.pop_all()
    return found


def _known(log: ExperienceLog, id: str) -> Experience | None:
    try:
        return log.get(id)
    except UserError:
        return None


def _finished(experience: Experience) -> UserError:
    return UserError(f"The run {experience.id} is finished: `sleepwright log show {experience.id}` shows it.")


def _as_begun(options: RunOptions, begun: Begun) -> RunOptions:
    """The options of a resumed run: what was asked is what it was, how it may be done is what is said now."""
    is_other = bool(options.model or options.base_url)
    return replace(
        options,
        request=begun.task.request,
        test_command=begun.task.test_command or "",
        model=options.model if is_other else begun.model,
        base_url=options.base_url if is_other else begun.base_url,
        strategy=begun.strategy,
        candidates=begun.candidates,
        seed=begun.seed,
    )


def _is_acceptable(experience: Experience) -> bool:
    return experience.status in ("passed", "unchecked")


def _deliver(
    experience: Experience,
    repository: Repository,
    log: ExperienceLog,
    options: RunOptions,
    console: Console,
    confirm: Confirm | None,
) -> bool:
    """Apply or commit the patch if that was asked for, or is on being asked, and remember it."""
    if not _is_acceptable(experience):
        if options.delivery in ("apply", "commit"):
            say("No candidate passes the check, nothing is applied.", console)
        return False
    wanted = options.delivery
    if wanted == "ask" and confirm and confirm("Apply this patch to the work tree?"):
        wanted = "apply"
    try:
        if wanted == "commit":
            commit = commit_patch(repository, experience.patch, _message(experience))
            log.add_outcome(Outcome(experience_id=experience.id, kind="committed", commit=commit))
            say(f"Committed as {commit[:12]}. `sleepwright undo` takes it back.", console)
        elif wanted == "apply":
            apply_patch(repository, experience.patch)
            log.add_outcome(Outcome(experience_id=experience.id, kind="applied"))
            say("Applied. `sleepwright undo` takes it back.", console)
    except RepositoryError as error:
        raise RepositoryError(f"{error}. The patch is kept: `sleepwright log show {experience.id}`.") from error
    return wanted in ("apply", "commit")


def _message(experience: Experience) -> str:
    first = " ".join(experience.task.request.split())
    subject = first if len(first) <= 72 else first[:71].rstrip() + "…"
    return f"{subject}\n\nBy sleepwright, experience {experience.id}.\n"
