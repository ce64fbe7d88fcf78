"""The daemon seen from outside: where its files lie, whether it runs, how it is started and stopped.

Whoever holds the lock is the daemon. The system lets go of the lock when its holder dies, however that dies, so that a
dead daemon is never mistaken for a living one, and never is a stranger's process that has its number.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import Field, ValidationError

from memory.errors import UserError
from memory.file_lock import wait_for_lock
from memory.home import all_homes
from memory.records import Record, now

_TICK = 0.02
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0  # a daemon ends its sleep within one
_LOCK_SECONDS = 1.0  # who only looks at the lock holds it for a moment


@dataclass(frozen=True)
class DaemonFolder:
    """Where the daemon's files lie: beside the memory homes that it is for."""

    path: Path

    @classmethod
    def open(cls) -> Self:
        """Made where it is new. StoreError where the memory homes cannot be used."""
        folder = cls(all_homes() / "daemon")
        folder.path.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def homes(self) -> Path:
        return self.path.parent

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def state(self) -> Path:
        """What it is doing, for as long as it lives."""
        return self.path / "state.json"

    @property
    def record(self) -> Path:
        return self.path / "daemon.db"

    @property
    def spending(self) -> Path:
        return self.path / "spending.db"

    @property
    def sleep_out(self) -> Path:
        """What the sleep, or the training after it, prints."""
        return self.path / "sleep.out"

    @property
    def sleep_err(self) -> Path:
        """What it says meanwhile."""
        return self.path / "sleep.err"

    @property
    def log(self) -> Path:
        """Of today; those of past days lie beside it, with the day behind the name."""
        return self.path / "daemon.log"

    @property
    def output(self) -> Path:
        """Where the daemon's own stderr goes, empty unless it failed."""
        return self.path / "daemon.err"


class DaemonState(Record):
    """What a living daemon says about itself."""

    pid: int
    started: datetime = Field(default_factory=now)
    version: str
    sleeping_on: str | None = None
    """The work tree that is being studied; None while it waits."""
    waiting_for: dict[str, str] = Field(default_factory=dict)
    """By work tree, why it is not studied now."""


class DaemonLock:
    """Held for as long as this process lives. A context manager; `taken` is False where another daemon holds it."""

    def __init__(self, folder: DaemonFolder) -> None:
        self._file = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.taken = False
        with suppress(BlockingIOError):
            wait_for_lock(self._file, _LOCK_SECONDS)
            self.taken = True
        if self.taken:
            os.ftruncate(self._file, 0)
            os.write(self._file, str(os.getpid()).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)


def daemon_pid(folder: DaemonFolder) -> int | None:
    """The process that is the daemon; None where there is none."""
    try:
        with folder.lock.open("rb") as file:
            for _ in range(50):
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return None
                file.seek(0)
                if text := file.read().decode("ascii", "replace").strip():
                    return int(text)
                time.sleep(_TICK)  # it has just taken the lock
    except OSError:
        pass
    return None


def read_state(folder: DaemonFolder) -> DaemonState | None:
    """What the daemon says; None where it is dead, or has not said anything yet."""
    pid = daemon_pid(folder)
    try:
        state = DaemonState.model_validate_json(folder.state.read_bytes())
    except (OSError, ValidationError):
        return None
    return state if state.pid == pid else None


def write_state(folder: DaemonFolder, state: DaemonState) -> None:
    """Whole or not at all."""
    new = folder.state.with_suffix(".new")
    new.write_text(state.model_dump_json(), encoding="utf-8")
    os.replace(new, folder.state)


def start(folder: DaemonFolder, command: Sequence[str] = (sys.executable, "-m", "agent.cli", "daemon", "run")) -> int:
    """Start a daemon that outlives us and our terminal; its pid. UserError where it does not come up."""
    with folder.output.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if (state := read_state(folder)) is not None:
            process.returncode = 0  # it is left to itself
            return state.pid
        if process.poll() is not None and daemon_pid(folder) is None:  # no other one was faster
            said = folder.output.read_text("utf-8", "replace").strip().splitlines()
            raise UserError(f"The daemon did not start: {said[-1] if said else f'exit code {process.returncode}'}")
        time.sleep(_TICK)
    process.kill()
    process.wait()
    raise UserError(f"The daemon did not start within {_START_SECONDS:g} s: see {str(folder.output)!r}.")


def stop(folder: DaemonFolder) -> int | None:
    """End the daemon and what it has under way; its pid, None where there was none."""
    pid = daemon_pid(folder)
    if pid is None:
        return None
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < until:
            if daemon_pid(folder) != pid:
                return pid
            time.sleep(_TICK)
    raise UserError(f"The daemon (process {pid}) does not end.")
