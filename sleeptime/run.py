"""One sleep from its options to an exit code: puts the pieces together, shows how it goes and what it came to."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from agent.deadline import interruptible
from agent.detect import detect_test_command
from agent.endpoint import checked_url, is_loopback
from agent.limits import Limits
from agent.model_name import EMBEDDED, is_served
from agent.sandbox import bwrap_problem, open_sandbox
from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.errors import UserError
from memory.experiences import ExperienceLog, new_id
from memory.home import MemoryHome, all_homes
from memory.note_store import NoteStore
from sleeptime.caps import Caps, Spending, SpendingLedger, keep_to_caps
from sleeptime.control import DaemonFolder
from sleeptime.dry_run import foresee
from sleeptime.giving_way import GivingWay
from sleeptime.progress import SleepProgress
from sleeptime.records import SleepRun
from sleeptime.report import show_foreseen, show_run
from sleeptime.settings import SleepSettings
from sleeptime.sleep_pass import sleep
from sleeptime.study import Pass, Stopped, Study
from sleeptime.study_cache import StudyCache
from sleeptime.work_queue import WorkQueue, only_sleeper

if TYPE_CHECKING:
    from agent.localise import Localisation
    from agent.served import ServedModel
    from agent.state import Proposal, Proposer
    from memory.records import Task

INTERRUPTED = 130
PASSES = ("survey", "tests", "presolve", "reflect", "merge", "infer")
"""In the order of their price."""
OWN_TOKENS = 500_000
"""Tokens of a served model that a sleep may use without being told, within the day's caps."""
_LOOK_EVERY = 2.0
"""Seconds between two looks at the tree, while there is nothing to think about."""


@dataclass(frozen=True)
class SleepOptions:
    """What the user asked for; the defaults are the command's."""

    repo: Path = Path(".")
    passes: tuple[str, ...] = ()
    """Names; empty for all."""
    budget: int | None = None
    """Tokens of a served model; None for OWN_TOKENS, or what the day's caps leave."""
    once: bool = False
    """Whether to end where nothing is left to think about, instead of waiting for changes."""
    dry_run: bool = False
    test_command: str | None = None
    """None to look for one, "" for none."""
    model: str | None = None
    base_url: str | None = None
    sandbox: Literal["auto", "bwrap", "none"] = "auto"
    as_json: bool = False


def run_sleep(options: SleepOptions, out: Console, err: Console) -> int:
    """Sleep; returns the exit code: 0 where it ended by itself, 130 where it was interrupted."""
    passes = _chosen(options.passes)
    with ExitStack() as stack:
        repository = Repository.open(options.repo)
        home = MemoryHome.for_repository(repository.common_dir)
        if not options.dry_run:
            stack.enter_context(only_sleeper(home))
            repository.clean_leftovers(home.worktrees)
        progress = stack.enter_context(SleepProgress(err))
        way = GivingWay(all_homes(), open_sandbox(options.sandbox))
        stack.enter_context(interruptible(way.end))
        study = stack.enter_context(open_study(options, repository, home, way, progress))
        queue = stack.enter_context(WorkQueue(home))
        if options.dry_run:
            try:
                foreseen = foresee(study, passes, queue)
            except Stopped:
                return INTERRUPTED
            progress.pause()
            show_foreseen(foreseen, out, options.as_json)
            return 0
        stack.enter_context(way)
        while (rested := _after_runs(study, way, progress)) is not None:
            run = SleepRun(id=rested.run, model=study.model.name if study.model else None, budget=study.budget)
            run = sleep(rested, passes, queue, run, progress.show)
            progress.pause()
            show_run(run, out, options.as_json)
            if options.once and not run.stopped:
                return 0
            study = rested if run.stopped else _wait_for_changes(rested, progress)
        return INTERRUPTED


@contextmanager
def open_study(
    options: SleepOptions,
    repository: Repository,
    home: MemoryHome,
    way: GivingWay,
    progress: SleepProgress,
) -> Iterator[Study]:
    """The desk to sleep at. Raises UserError where the model, the notes or the repository cannot be used."""
    with ExitStack() as stack:
        ledger = stack.enter_context(_ledger(home))
        budget = _budget(options, ledger, progress.notice)
        served = stack.enter_context(_open_model(options, budget, ledger, progress)) if budget else None
        if way.sandbox.name == "none" and options.sandbox == "auto":
            progress.notice(f"Commands run without a sandbox: {bwrap_problem()}")
        given = options.test_command
        yield Study(
            repository=repository,
            home=home,
            notes=stack.enter_context(NoteStore.open(repository.root, MemoryConfig.from_environment(os.environ))),
            experiences=stack.enter_context(ExperienceLog(home.experiences)),
            cache=stack.enter_context(StudyCache(home)),
            sandbox=way.sandbox,
            proposer=_proposer(served, home, progress),
            model=served.model if served else None,
            snapshot=repository.snapshot(),
            test_command=detect_test_command(repository.root) if given is None else given.strip() or None,
            run=new_id(),
            budget=budget,
            stop=way,
            notice=progress.notice,
        )


def _ledger(home: MemoryHome) -> SpendingLedger:
    caps = Caps.from_settings(SleepSettings.load())
    return SpendingLedger(DaemonFolder.open().spending, caps, home.path.name)


def _budget(options: SleepOptions, ledger: SpendingLedger, notice: Callable[[str], None]) -> int:
    """Tokens, at most what the day has left; 0 where the embedded model does it all.

    Where the day has none, CapReached if the user asked for some, else a notice: what needs no model goes on.
    """
    if not is_served(options.model, options.base_url):
        return 0
    url = options.base_url or os.environ.get("OPENAI_BASE_URL")
    is_paid = not (url and is_loopback(checked_url(url)))
    wanted = OWN_TOKENS if options.budget is None else options.budget
    left = ledger.tokens_left(is_paid=is_paid)
    if wanted and left == 0:
        one_more = Spending(tokens=1, paid_tokens=int(is_paid))
        refusal = ledger.refuse(ledger.caps.passed_by(ledger.spent() + one_more) or "tokens")
        if options.budget:
            raise refusal
        notice(str(refusal))
    return wanted if left is None else min(wanted, left)


@contextmanager
def _open_model(
    options: SleepOptions, budget: int, ledger: SpendingLedger, progress: SleepProgress
) -> "Iterator[ServedModel]":
    # Importing the openai package takes most of a CPU second, which the embedded model need not pay.
    from agent.served import open_served

    limits = Limits(tokens=budget, calls=None)
    with open_served(options.model, options.base_url, progress.notice, limits) as served:
        keep_to_caps(served.model, limits, ledger)
        yield served


class _EmbeddedWhenAsked:
    """Implements `agent.state.Proposer`: the embedded policy, loaded when it is first asked. Most sleeps never do."""

    name = EMBEDDED

    def __init__(self, home: MemoryHome, notice: Callable[[str], None]) -> None:
        self._home = home
        self._notice = notice

    @cached_property
    def _embedded(self) -> "Proposer":
        from agent.embedded import EmbeddedProposer

        return EmbeddedProposer.of_home(self._home, self._notice)

    def propose(
        self,
        task: "Task",
        worktree: Path,
        localisation: "Localisation",
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> "list[Proposal]":
        return self._embedded.propose(task, worktree, localisation, n, seed, progress)


def _proposer(served: "ServedModel | None", home: MemoryHome, progress: SleepProgress) -> "Proposer":
    if served is None:
        return _EmbeddedWhenAsked(home, progress.notice)
    from agent.single import SingleProposer

    return SingleProposer(served.model, context=served.context, notice=progress.notice)


def _after_runs(study: Study, way: GivingWay, progress: SleepProgress) -> Study | None:
    """The desk for a sleep that begins now: after the user's runs, with the tree as it then is; None at the end."""
    if not way.is_over and (way() or way.is_run_active()):
        progress.wait("a run is under way; sleep goes on when it has ended")
        while way.is_run_active() and not way.is_over:
            time.sleep(0.1)
        if not way.is_over:
            way.go_on()
            study = replace(study.anew(), run=new_id(), sandbox=way.sandbox)
    return None if way.is_over else study


def _wait_for_changes(study: Study, progress: SleepProgress) -> Study:
    """The desk as it is when the tree has changed, for a new run; as it was where it is time to give way."""
    progress.wait("nothing is left to think about; waiting for changes")
    looked = time.monotonic()
    while not study.stop():
        time.sleep(0.1)
        if time.monotonic() - looked > _LOOK_EVERY:
            looked = time.monotonic()
            if (changed := study.anew()) is not study:
                return replace(changed, run=new_id())
    return study


def _chosen(names: Sequence[str]) -> list[Pass]:
    """The passes of these names, of no names all. Each is imported when it is wanted: some bring CPU seconds with them.

    UserError where there is none of a name.
    """
    if unknown := [name for name in names if name not in PASSES]:
        raise UserError(f"There is no pass {unknown[0]!r}: the passes are {', '.join(PASSES)}.")
    wanted = [name for name in PASSES if not names or name in names]
    return [getattr(import_module(f"sleeptime.passes.{name}"), name.title())() for name in wanted]
