"""One run from its options to an exit code: puts the pieces together, shows the result, applies it as asked."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from rich.console import Console

from agent.deadline import Deadline
from agent.delivery import apply_patch, commit_patch
from agent.detect import detect_test_command
from agent.embedded import EmbeddedProposer
from agent.errors import ConfigError, RepositoryError
from agent.graph import run_task
from agent.policy import Policy
from agent.progress import ConsoleProgress
from agent.report import result, say, show
from agent.sandbox import bwrap_problem, open_sandbox
from agent.state import AgentContext, Proposer
from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Experience, Outcome, Task

Confirm = Callable[[str], bool]


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; the defaults are the command's."""

    request: str
    repo: Path = Path(".")
    test_command: str | None = None
    """None to look for one, "" for none."""
    candidates: int | None = None
    """How many to sample; None for 64 of the embedded model, where equal ones cost next to nothing, else 4."""
    model: str | None = None
    base_url: str | None = None
    strategy: Literal["auto", "single", "rollout"] = "auto"
    sandbox: Literal["auto", "bwrap", "none"] = "auto"
    delivery: Literal["ask", "apply", "commit", "none"] = "ask"
    timeout: float | None = None
    """Seconds for the whole run; None for as long as it takes."""
    seed: int = 0
    as_json: bool = False


def run(
    options: RunOptions, proposer: Proposer | None, out: Console, err: Console, confirm: Confirm | None = None
) -> int:
    """Do the task; returns the exit code: 0 for an acceptable patch, 1 for none.

    `proposer` None is the one that the options name. `confirm` asks the user; None where nobody can answer.
    """
    progress = ConsoleProgress(err)
    with nullcontext(proposer) if proposer else open_proposer(options, progress) as opened:
        return _run(options, opened, progress, out, err, confirm)


def _run(
    options: RunOptions,
    proposer: Proposer,
    progress: ConsoleProgress,
    out: Console,
    err: Console,
    confirm: Confirm | None,
) -> int:
    deadline = Deadline(options.timeout)
    repository = Repository.open(options.repo)
    home = MemoryHome.for_repository(repository.common_dir)
    with ExperienceLog(home.experiences) as log, NoteStore.open(repository.root, _memory()) as notes:
        log.latest(1)  # a log that cannot be used is told before the work, not after it
        with progress:
            repository.clean_leftovers(home.worktrees)
            sandbox = open_sandbox(options.sandbox)
            if sandbox.name == "none" and options.sandbox == "auto":
                progress.notice(f"Commands run without a sandbox: {bwrap_problem()}")
            context = AgentContext(
                repository=repository,
                worktrees=home.worktrees,
                proposer=proposer,
                sandbox=sandbox,
                progress=progress,
                candidates=options.candidates or (4 if is_served(options.model, options.base_url) else 64),
                seed=options.seed,
                memory=notes if proposer.name != EmbeddedProposer.name else None,
                deadline=deadline,
            )
            with _interruptible(context):
                experience = run_task(_task(options, repository), context, log)
        if not options.as_json:
            show(experience, out)
        applied = _deliver(experience, repository, log, options, err if options.as_json else out, confirm)
    if options.as_json:
        out.file.write(json.dumps(result(experience, applied)) + "\n")
    return 0 if _is_acceptable(experience) else 1


def is_served(model: str | None, base_url: str | None) -> bool:
    """Whether these name an endpoint's model, not the embedded one."""
    return model != EmbeddedProposer.name and bool(model or base_url)


def open_proposer(options: RunOptions, progress: ConsoleProgress) -> AbstractContextManager[Proposer]:
    """The model that the options name: the embedded one, unless they name another."""
    if options.strategy == "rollout":
        raise ConfigError("--strategy rollout is not there yet: use --strategy single.")
    if not is_served(options.model, options.base_url):
        return nullcontext(EmbeddedProposer(Policy()))
    # Importing the openai package takes most of a CPU second, which a run of the embedded model need not pay.
    from agent.served import open_served

    return open_served(options.model, options.base_url, progress.notice, progress.live)


def _memory() -> MemoryConfig:
    return MemoryConfig.from_environment(os.environ)


def _task(options: RunOptions, repository: Repository) -> Task:
    given = options.test_command
    test_command = detect_test_command(repository.root) if given is None else given.strip() or None
    return Task(
        request=options.request,
        repo=str(repository.root),
        base_commit=repository.head,
        snapshot=repository.snapshot(),
        test_command=test_command,
    )


@contextmanager
def _interruptible(context: AgentContext) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end what runs in all threads, which remove their worktrees and raise
    KeyboardInterrupt. The handler itself does not: an exception in the middle of starting a process would lose it.
    Only a second signal, where something hangs, is that rude."""
    is_stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopped
        if is_stopped:
            raise KeyboardInterrupt
        is_stopped = True
        context.deadline.interrupt()
        context.sandbox.stop()

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


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
