"""The daemon put to the test on a repository made on the spot, with a memory home of its own and the real sleep.

How fast it gives way, what it costs while it waits, and what fifty kills leave behind.
"""

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from agent.errors import RepositoryError
from evals.own_memory import own_memory
from evals.repositories import commit_all, start_repository
from evals.tables import Column, Table
from memory.config import MemoryConfig
from memory.note_store import NoteStore
from memory.records import Record
from sleeptime.control import DaemonFolder, daemon_pid, read_state, start, stop
from sleeptime.daemon_record import DaemonRecord

_MODULES = 40
_SLEEP = (sys.executable, "-P", "-m", "agent.cli", "sleep", "--once", "--repo")
_TICK = 0.005
_PATIENCE = 600.0  # seconds for a sleep to come to its end on a busy machine
_SETTINGS = "quiet_seconds = 0\nhighest_load = 1000\nlowest_battery = 0\ncpu_seconds_per_day = 100000\n"


class Trial(Record):
    """What came of it."""

    yields: tuple[float, ...]
    """Seconds from a change in the work tree until nothing of the sleep is left, each time."""
    ends: tuple[float, ...]
    """Seconds from SIGINT to a `sleepwright sleep` in the foreground until nothing of it is left, each time."""
    waiting_cpu: float
    """CPU seconds of a second in which the daemon waits."""
    kills: int
    """SIGKILL to the daemon, its sleep, or both."""
    lost: int
    """Notes that an undisturbed sleep has, and the one with kills has not."""
    doubled: int
    """Notes that it has twice, or that the other has not."""
    notes: int


def table(trial: Trial) -> Table:
    """One row."""
    return Table(
        name="daemon",
        caption="Seconds from the user's return until nothing of a sleep is left, and from SIGINT until a sleep in the "
        "foreground has ended; CPU ms a second of waiting; what kills at random moments left of the notes that an "
        "undisturbed sleep has.",
        columns=(
            *(Column(name="gone after, median", format=".2f"), Column(name="longest", format=".2f")),
            *(Column(name="foreground, median", format=".2f"), Column(name="its longest", format=".2f")),
            *(Column(name="times"), Column(name="waiting", format=".1f")),
            *(Column(name=name) for name in ("kills", "notes", "lost", "doubled")),
        ),
        rows=(
            (
                *(statistics.median(trial.yields), max(trial.yields), statistics.median(trial.ends), max(trial.ends)),
                *(len(trial.yields), 1000 * trial.waiting_cpu),
                *(trial.kills, trial.notes, trial.lost, trial.doubled),
            ),
        ),
    )


class Stuck(Exception):
    """The daemon does not do what is waited for."""


def measure(rounds: int, kills: int, rest_seconds: float, progress: Callable[[str], None], tests: int = 40) -> Trial:
    """`rest_seconds`: for how long it is watched while it waits; `tests`: how many modules have one."""
    with tempfile.TemporaryDirectory(prefix="sleepwright-") as folder, own_memory(Path(folder), _SETTINGS):
        root = (Path(folder) / "repository").resolve()
        _make_repository(root, tests)
        with DaemonRecord(DaemonFolder.open().record) as record:
            record.watch(root)
        try:
            start(DaemonFolder.open())
            yields = []
            for number in range(rounds):
                yields.append(_yield(root, number))
                progress(f"gave way {number + 1} of {rounds}: {yields[-1]:.2f} s")
            _until(lambda: _has_finished(root), "the sleep comes to its end")
            waiting = _waiting_cpu(rest_seconds)
            stop(DaemonFolder.open())
            chance = random.Random(0)
            for number in range(kills):
                _kill(root, number, chance)
                progress(f"killed {number + 1} of {kills}")
            start(DaemonFolder.open())
            _until(lambda: _has_finished(root), "the sleep comes to its end")
        finally:
            stop(DaemonFolder.open())
        found = _known(root)
        ends = []
        for number in range(rounds):
            ends.append(_end(root, Path(folder) / f"ended-{number}", number))
            progress(f"ended {number + 1} of {rounds}: {ends[-1]:.2f} s")
        progress("sleeping undisturbed, to compare")
        peaceful = _undisturbed(root, Path(folder))
    doubled = sum((found - peaceful).values())
    lost = sum((peaceful - found).values())
    return Trial(
        yields=tuple(yields),
        ends=tuple(ends),
        waiting_cpu=waiting,
        kills=kills,
        lost=lost,
        doubled=doubled,
        notes=found.total(),
    )


def _make_repository(root: Path, tests: int) -> None:
    start_repository(root)
    (root / "tests").mkdir()
    for number in range(_MODULES):
        before = f"from module{number - 1} import step{number - 1}\n\n\n" if number else ""
        call = f"step{number - 1}(value) + " if number else ""
        (root / f"module{number}.py").write_text(f"{before}def step{number}(value):\n    return {call}{number}\n")
        test = f"from module{number} import step{number}\n\n\ndef test_it():\n    assert step{number}(1) >= {number}\n"
        if number < tests:
            (root / "tests" / f"test_module{number}.py").write_text(test)
    commit_all(root, "modules and their tests")


def _change(root: Path, number: int) -> None:
    """An edit, every third one committed."""
    paths = sorted(root.glob("module*.py"))
    path = paths[number % len(paths)]
    path.write_text(path.read_text() + f"\n\ndef more{number}(value):\n    return value\n")
    if number % 3 == 2:
        # Another git may hold the index for a moment.
        with suppress(RepositoryError):
            commit_all(root, f"change {number}")


def _yield(root: Path, number: int) -> float:
    """Wait for a sleep, change the tree, and time how long anything of the sleep is left."""
    _until(lambda: _sleepers() or not _change_again(root, number), "a sleep begins")
    time.sleep(random.Random(number).uniform(0.0, 2.0))
    sleepers = _sleepers()
    began = time.monotonic()
    _change(root, number)
    _until(lambda: not any(map(_is_alive, sleepers)), "the sleep ends")
    return time.monotonic() - began


def _end(root: Path, home: Path, number: int) -> float:
    """Let a sleep in the foreground, with a new memory, work for a moment, and time how long it takes to end."""
    errors = home.with_suffix(".err")
    with errors.open("wb") as err:
        environment = {**os.environ, "SLEEPWRIGHT_HOME": str(home)}
        process = subprocess.Popen([*_SLEEP, str(root)], stdout=subprocess.DEVNULL, stderr=err, env=environment)
    # What it thinks about first; before, it is no sleep yet.
    _until(lambda: errors.stat().st_size or process.poll() is not None, "a sleep begins to think")
    time.sleep(random.Random(number).uniform(0.0, 3.0))
    if process.poll() is not None:
        return _end(root, home.with_name(f"{home.name}-again"), number + 1)  # it was over before
    everything = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(_PATIENCE)
    _until(lambda: not any(map(_is_alive, everything)), "the sleep ends")
    return time.monotonic() - began


def _change_again(root: Path, number: int) -> bool:
    """Where all has been thought about, give something new."""
    if _has_finished(root):
        _change(root, number + 1)
    return True


def _kill(root: Path, number: int, chance: random.Random) -> None:
    """Start, let it work for a moment, and kill the daemon, its sleep, or both."""
    folder = DaemonFolder.open()
    if daemon_pid(folder) is None:
        start(folder)
    _until(lambda: _sleepers() or not _change_again(root, number), "a sleep begins")
    time.sleep(chance.uniform(0.0, 3.0))
    pid, sleepers = daemon_pid(folder), _sleepers()
    victims = [pid] if chance.random() < 0.6 and pid else []
    victims += [sleepers[0].pid] if sleepers and (not victims or chance.random() < 0.5) else []
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    if pid in victims:
        _until(lambda: daemon_pid(folder) is None, "the daemon is dead")
        _until(lambda: not any(map(_is_alive, sleepers)), "its sleep ends")
    elif victims:
        stop(folder)  # it would wait before it tries again


def _sleepers() -> list[psutil.Process]:
    """The sleep under way and all that it has started."""
    with suppress(psutil.NoSuchProcess):
        if pid := daemon_pid(DaemonFolder.open()):
            return psutil.Process(pid).children(recursive=True)
    return []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _has_finished(root: Path) -> bool:
    state = read_state(DaemonFolder.open())
    return state is not None and "nothing new" in state.waiting_for.get(str(root), "")


def _waiting_cpu(seconds: float) -> float:
    pid = daemon_pid(DaemonFolder.open())
    before = psutil.Process(pid).cpu_times()
    began = time.monotonic()
    time.sleep(seconds)
    after = psutil.Process(pid).cpu_times()
    used = after.user + after.system - before.user - before.system
    return float(used / (time.monotonic() - began))


def _known(root: Path) -> Counter[str]:
    """What is known and true of this tree; how long its tests take, and so which are the slowest, is left out."""
    with NoteStore.open(root, MemoryConfig()) as store:
        broken = store.broken()
        return Counter(note.text.partition(" tests in ")[0] for note in store.log.notes() if note.id not in broken)


def _undisturbed(root: Path, folder: Path) -> Counter[str]:
    os.environ["SLEEPWRIGHT_HOME"] = str(folder / "elsewhere")
    subprocess.run([*_SLEEP, str(root)], check=True, capture_output=True)
    return _known(root)


def _until(happens: Callable[[], object], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not happens():
        if time.monotonic() > end:
            raise Stuck(f"The daemon was waited for in vain: {what}.")
        time.sleep(_TICK)
