"""The daemon: while the user is away it lets one repository after the other be studied, in a process that it can end.

The sleep itself is `sleepwright sleep --once`, which keeps all that it has finished; so to give way is to end it.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from types import FrameType

from agent.workspace import Repository
from memory.errors import UserError
from memory.file_lock import is_locked
from memory.home import MemoryHome
from memory.records import now
from sleeptime.caps import Caps, SpendingLedger
from sleeptime.control import DaemonFolder, DaemonLock, DaemonState, daemon_pid, write_state
from sleeptime.cpu_allowance import CpuAllowance
from sleeptime.daemon_record import DaemonRecord, Ending, Nap, failures
from sleeptime.due import Due, due
from sleeptime.idle import Reason, TreeWatch, active_run, busy_machine, on_battery, surroundings
from sleeptime.nap_report import described, result_of, training_result
from sleeptime.process_tree import ProcessTree
from sleeptime.settings import SleepSettings

WAKEFUL_SECONDS = 0.2
"""Between two looks for the user while a repository is studied."""
_WAITING_SECONDS = 1.0
_GRACE = 0.5  # seconds that a sleep has to put away what is half done; with the look before, it is gone within one
_POWER_SECONDS = 5.0  # between two looks at the battery, which some machines take their time to tell
_TURN_SECONDS = 900.0  # then another repository has its turn, and a sleep that hangs its end
_RETRY_SECONDS = 60.0  # between two looks at a repository that cannot be used
_LOG_DAYS = 30
_TIME = "%Y-%m-%d %H:%M:%S"
_SAME_NEWS_SECONDS = 3_600.0  # before the log says again that the daemon waits for the same kind of thing

Command = Callable[[Path, SleepSettings, bool], Sequence[str]]
"""What studies a work tree; False not to ask the model that is set up."""
Training = Callable[[Path], Sequence[str]]
"""What lets the local model learn, where it is due."""

log = logging.getLogger(__name__)


def run_daemon(folder: DaemonFolder, command: Command, training: Training, version: str) -> None:
    """Be the daemon until a signal ends it. UserError where there is one already."""
    with DaemonLock(folder) as lock, DaemonRecord(folder.record) as record:
        if not lock.taken:
            raise UserError(f"A daemon runs already (process {daemon_pid(folder)}): `sleepwright daemon stop` ends it.")
        day_log = TimedRotatingFileHandler(
            folder.log, when="midnight", backupCount=_LOG_DAYS, encoding="utf-8", errors="backslashreplace"
        )
        handlers: list[logging.Handler] = [day_log]
        if sys.stderr and sys.stderr.isatty():
            handlers.append(logging.StreamHandler())
        logging.basicConfig(handlers=handlers, level=logging.INFO, format="%(asctime)s  %(message)s", datefmt=_TIME)
        try:
            Daemon(folder, record, command, training, version).work()
        except Exception:
            log.exception("The daemon has failed.")
            raise


class Daemon:
    """One process's work; whoever makes it holds the lock."""

    def __init__(
        self, folder: DaemonFolder, record: DaemonRecord, command: Command, training: Training, version: str
    ) -> None:
        self._folder = folder
        self._record = record
        self._command = command
        self._training = training
        self._settings = SleepSettings()
        self._state = DaemonState(pid=os.getpid(), version=version)
        self._trees: dict[Path, TreeWatch] = {}
        self._homes: dict[Path, MemoryHome] = {}
        self._unusable: dict[Path, tuple[float, str]] = {}
        self._naps: dict[Path, list[Nap]] = {}
        self._ran_at = 0.0
        self._power_seen = 0.0
        self._told: dict[str, float] = {}
        self._is_ending = False

    def work(self) -> None:
        """Until SIGTERM, SIGINT or SIGHUP."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        killed = self._record.close_killed()
        self._say()  # from here on it has started
        log.info("The daemon begins, process %s, sleepwright %s.", self._state.pid, self._state.version)
        for cut in killed:
            log.info("%s: the last sleep was cut: the daemon was killed, or the machine went down.", cut.name)
        while not self._is_ending:
            try:
                self._load_settings()
                if chosen := self._next():
                    self._sleep_on(*chosen)
                    continue
            except UserError as error:  # a full disk may have space again
                self._tell(type(error).__name__, f"The daemon goes on, but: {error}")
            self._wait()
        self._folder.state.unlink(missing_ok=True)
        log.info("The daemon ends.")

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._is_ending = True

    def _wait(self) -> None:
        until = time.monotonic() + _WAITING_SECONDS
        while not self._is_ending and time.monotonic() < until:
            time.sleep(_WAITING_SECONDS / 10)

    def _load_settings(self) -> None:
        """A change takes effect at once; a mistake changes nothing."""
        try:
            self._settings = SleepSettings.load()
        except UserError as error:
            self._tell("settings", f"The settings are left as they were: {error}")

    def _next(self) -> tuple[Path, Due] | None:
        """The work tree to study now, and in the state why it is not the others."""
        found = {root: self._due(root) for root in self._watched()}
        reasons = {root: each.reason for root, each in found.items() if not each.is_now}
        roots = [root for root in found if root not in reasons]
        if roots and (reason := self._user_is_here() or busy_machine(surroundings(), self._settings)):
            reasons |= dict.fromkeys(roots, reason.text)
            self._tell(reason.kind, f"Waiting: {reason.text}.")
            roots = []
        roots.sort(key=lambda root: self._naps[root][0].began.timestamp() if self._naps[root] else 0.0)
        self._say(waiting_for={str(root): reason for root, reason in reasons.items()})
        return (roots[0], found[roots[0]]) if roots else None

    def _watched(self) -> list[Path]:
        roots = self._record.watched()
        for root in [root for root in self._trees if root not in roots]:
            del self._trees[root]
            log.info("%s: no longer watched.", root.name)
        for root in roots:
            if root not in self._naps:
                self._naps[root] = self._record.naps(root)
            self._look_at(root)
        return roots

    def _look_at(self, root: Path) -> None:
        """Open its tree, or see whether it has changed."""
        if not root.is_dir():
            self._trees.pop(root, None)
        if watch := self._trees.get(root):
            watch.look()
            return
        tried, _ = self._unusable.get(root, (0.0, ""))
        if time.monotonic() - tried < _RETRY_SECONDS and tried:
            return
        try:
            repository = Repository.open(root)
            self._homes[root] = MemoryHome.for_repository(repository.common_dir)
            self._trees[root] = TreeWatch(repository)
            self._unusable.pop(root, None)
            log.info("%s: watched, in %s.", root.name, root.parent)
        except UserError as error:
            self._unusable[root] = time.monotonic(), str(error)
            self._tell(f"unusable {root}", f"{root.name}: cannot be watched: {error}")

    def _due(self, root: Path) -> Due:
        if root not in self._trees:
            return Due(False, reason=self._unusable[root][1])
        if is_locked(self._homes[root].sleeper):
            return Due(False, reason="another process sleeps on it")
        changed_at = self._trees[root].changed_at
        with suppress(OSError):
            changed_at = max(changed_at, self._homes[root].experiences.stat().st_mtime)
        return due(self._naps[root], datetime.fromtimestamp(changed_at, UTC), now())

    def _user_is_here(self) -> Reason | None:
        """What shows that the user is not away, or was not long enough; None where they are."""
        if home := active_run(self._folder.homes):
            self._ran_at = time.time()
            return Reason("run", f"a run is under way ({home})")
        watch = max(self._trees.values(), key=lambda watch: watch.changed_at)
        ago = time.time() - max(watch.changed_at, self._ran_at)
        quiet = self._settings.quiet_seconds
        if ago >= quiet:
            return None
        what = "a run ended" if self._ran_at > watch.changed_at else f"{_place(watch)} changed"
        return Reason("change", f"{what} {max(ago, 0):.0f} s ago, and sleep begins when it was quiet for {quiet:g} s")

    def _sleep_on(self, root: Path, found: Due) -> None:
        """One nap, from its beginning to its record."""
        home = self._homes[root].path.name
        caps = Caps.from_settings(self._settings)
        with SpendingLedger(self._folder.spending, caps, home) as ledger:
            allowance = CpuAllowance(ledger)
            if not allowance.extend():
                self._tell("cap", f"Waiting: the cap of {caps.cpu_seconds:g} CPU seconds a day is reached.")
                self._say(waiting_for={str(root): "the day's CPU seconds are used up"})
                return self._wait()
            nap = Nap(with_model=found.with_model)
            seq = self._record.begin(root, nap)
            self._say(sleeping_on=str(root))
            log.info("%s: sleep begins%s.", root.name, "" if nap.with_model else ", without the model that failed")
            nap = self._watched_sleep(root, nap, allowance)
            self._record.end(seq, nap)
            self._naps[root] = self._record.naps(root)
            log.info("%s: %s", root.name, described(nap, failures(self._naps[root])))
            trained = self._train_on(root, nap, allowance) if nap.ending == "finished" and self._settings.train else 0.0
            allowance.settle(nap.cpu_seconds + trained)

    def _watched_sleep(self, root: Path, nap: Nap, allowance: CpuAllowance) -> Nap:
        """Start the sleep, and end it when it is time."""
        tree = self._start(self._command(root, self._settings, nap.with_model))
        cut = self._follow(tree, lambda: self._time_to_end(root, tree.cpu_seconds(), allowance) or _end_of_turn(nap))
        run, problem = result_of(tree.poll(), self._folder.sleep_out, self._folder.sleep_err)
        ending: Ending
        if cut:
            ending, reason = cut
        elif run and run.stopped:
            ending, reason = "yielded", "it was told to end"
        else:
            ending, reason = ("failed", problem) if problem else ("finished", "")
        came_to = {"ended": now(), "ending": ending, "reason": reason, "run": run}
        return nap.model_copy(update={**came_to, "exit_code": tree.poll(), "cpu_seconds": tree.cpu_seconds()})

    def _train_on(self, root: Path, nap: Nap, allowance: CpuAllowance) -> float:
        """Let the local model learn where that is due; the CPU seconds of it. What is cut goes on after another nap."""
        tree = self._start(self._training(root))
        cut = self._follow(tree, lambda: self._time_to_end(root, nap.cpu_seconds + tree.cpu_seconds(), allowance))
        said = (
            f"training ended early: {cut[1]}"
            if cut
            else training_result(tree.poll(), self._folder.sleep_out, self._folder.sleep_err)
        )
        if said:
            self._tell(f"training {root} {said}", f"{root.name}: {said}; {tree.cpu_seconds():.0f} CPU s")
        return tree.cpu_seconds()

    def _start(self, command: Sequence[str]) -> ProcessTree:
        folder = self._folder
        return ProcessTree(command, cwd=folder.path, stdout=folder.sleep_out, stderr=folder.sleep_err)

    def _follow(
        self, tree: ProcessTree, time_to_end: Callable[[], tuple[Ending, str] | None]
    ) -> tuple[Ending, str] | None:
        """Until the process ends or has to, and why; nothing of it is left when this returns."""
        cut: tuple[Ending, str] | None = None
        try:
            while tree.poll() is None and cut is None:
                time.sleep(WAKEFUL_SECONDS)
                cut = time_to_end()
        finally:
            began = time.monotonic()
            tree.end(_GRACE)
        return (cut[0], f"{cut[1]}, and it was gone {time.monotonic() - began:.2f} s later") if cut else None

    def _time_to_end(self, root: Path, cpu_seconds: float, allowance: CpuAllowance) -> tuple[Ending, str] | None:
        """Why what was started has to end now; `cpu_seconds` are those since the allowance was given."""
        if self._is_ending:
            return "yielded", "the daemon is told to end"
        if home := active_run(self._folder.homes):
            self._ran_at = time.time()
            return "yielded", f"you are back, a run has begun ({home})"
        for watch in self._trees.values():
            if watch.look():
                return "yielded", f"you are back, {_place(watch)} has changed"
        if root not in self._record.watched():
            return "yielded", "it is no longer watched"
        if not allowance.covers(cpu_seconds):
            return "capped", "the day's CPU seconds are used up"
        if time.monotonic() - self._power_seen > _POWER_SECONDS:
            self._power_seen = time.monotonic()
            if reason := on_battery(surroundings(), self._settings):
                return "yielded", reason.text
        return None

    def _say(self, *, sleeping_on: str | None = None, waiting_for: dict[str, str] | None = None) -> None:
        """`waiting_for` None leaves what the others wait for as it was last found."""
        reasons = self._state.waiting_for if waiting_for is None else waiting_for
        state = self._state.model_copy(update={"sleeping_on": sleeping_on, "waiting_for": reasons})
        if state != self._state or not self._folder.state.exists():
            self._state = state
            write_state(self._folder, state)

    def _tell(self, kind: str, text: str) -> None:
        """Into the log, but not the same again and again."""
        if time.monotonic() - self._told.get(kind, -_SAME_NEWS_SECONDS) >= _SAME_NEWS_SECONDS:
            self._told[kind] = time.monotonic()
            log.info("%s", text)


def _end_of_turn(nap: Nap) -> tuple[Ending, str] | None:
    return ("yielded", "its turn is over") if nap.seconds > _TURN_SECONDS else None


def _place(watch: TreeWatch) -> str:
    root = watch.repository.root
    return f"{root.name}/{watch.changed_path}" if watch.changed_path else root.name
