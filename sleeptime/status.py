"""How the sleeper is: what `sleepwright status` says about one repository, gathered from what lies on disk."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from agent.model_name import EMBEDDED
from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Record
from memory.report import counted
from sleeptime.caps import Caps, Spending, SpendingLedger
from sleeptime.control import DaemonFolder, DaemonState, read_state
from sleeptime.daemon_record import DaemonRecord, Nap
from sleeptime.payoff import Payoff, payoff
from sleeptime.records import SleepRun
from sleeptime.settings import SleepSettings
from sleeptime.work_queue import WorkQueue

_MOST = 1_000  # experiences and sleeps that are looked at


class Failure(Record):
    """A sleep that failed."""

    at: datetime
    reason: str


class Recalls(Record):
    """How often a task of a model that reads notes was given some."""

    asked: int
    hits: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.asked if self.asked else None


class Status(Record):
    """One repository's sleep."""

    repository: str
    daemon: DaemonState | None
    """None where none runs."""
    is_watched: bool
    last_success: datetime | None
    failures: tuple[Failure, ...]
    """Since then, the newest first."""
    backlog: dict[str, dict[str, int]]
    """Things to think about, by pass and state."""
    failed_items: dict[str, str]
    """What they are about, and why they failed."""
    notes: dict[str, int]
    """How many are live, stale and dormant in this tree."""
    recalls: Recalls
    spent_here: Spending
    """Today, for this repository."""
    spent: Spending
    """Today, for all of them."""
    caps: Caps
    payoff: Payoff


class _Ended(NamedTuple):
    at: datetime
    problem: str | None


def status(directory: Path, folder: DaemonFolder, settings: SleepSettings, memory: MemoryConfig) -> Status:
    """Of the repository that the directory lies in. UserError where it or its memory cannot be used."""
    repository = Repository.open(directory)
    home = MemoryHome.for_repository(repository.common_dir)
    caps = Caps.from_settings(settings)
    with (
        DaemonRecord(folder.record) as record,
        WorkQueue(home) as queue,
        SpendingLedger(folder.spending, caps, home.path.name) as ledger,
        ExperienceLog(home.experiences) as log,
        NoteStore.open(repository.root, memory) as store,
    ):
        runs = queue.runs(_MOST)
        ended = _ended(runs, record.naps(repository.root))
        experiences = log.latest(_MOST)
        sleep_tokens = sum(run.tokens.prompt + run.tokens.completion for run in runs)
        return Status(
            repository=str(repository.root),
            daemon=read_state(folder),
            is_watched=repository.root in record.watched(),
            last_success=next((each.at for each in ended if each.problem is None), None),
            failures=_failures(ended),
            backlog=queue.counts(),
            failed_items={f"{item.pass_name}: {item.about}": problem for item, problem in queue.failed()},
            notes=counted(store.log.count(), store.broken()),
            recalls=Recalls(
                # The embedded one reads no notes.
                asked=sum(each.model != EMBEDDED or bool(each.notes) for each in experiences),
                hits=sum(bool(each.notes) for each in experiences),
            ),
            spent_here=ledger.spent(home.path.name),
            spent=ledger.spent(),
            caps=caps,
            payoff=payoff(experiences, store.log.notes(), store.log.injections(), sleep_tokens),
        )


def _ended(runs: Sequence[SleepRun], naps: Sequence[Nap]) -> list[_Ended]:
    """The sleeps that finished or failed, of the daemon and in the foreground, the newest first."""
    ended = [_Ended(run.ended, run.problem) for run in runs if run.ended and (run.problem or not run.stopped)]
    known = {run.id for run in runs if run.ended and run.problem}
    for nap in naps:
        if nap.ending == "failed" and nap.ended and not (nap.run and nap.run.id in known):
            ended.append(_Ended(nap.ended, nap.reason))
    return sorted(ended, key=lambda each: each.at, reverse=True)


def _failures(ended: Sequence[_Ended]) -> tuple[Failure, ...]:
    found: list[Failure] = []
    for each in ended:
        if each.problem is None:
            break
        found.append(Failure(at=each.at, reason=each.problem))
    return tuple(found)
