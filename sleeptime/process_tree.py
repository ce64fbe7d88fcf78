"""A process of ours with all that it starts: what it costs, and how it is ended."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

_TICK = 0.02


class ProcessTree:
    """A command in a process group of its own. Its stdin is a pipe that ends when our process does."""

    def __init__(self, command: Sequence[str], *, cwd: Path, stdout: Path, stderr: Path) -> None:
        """The outputs are files that are begun anew."""
        with stdout.open("wb") as out, stderr.open("wb") as err:
            self._process = subprocess.Popen(
                command, cwd=cwd, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True
            )
        self._seconds = 0.0
        self._seen: set[psutil.Process] = set()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self._process.returncode is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self._seconds = max(self._seconds, usage.ru_utime + usage.ru_stime)
                self._close()
        return self._process.returncode

    def cpu_seconds(self) -> float:
        """Of the process and all that it has started, ended ones included."""
        if self.poll() is None:
            seconds = 0.0
            for process in self._alive():
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    # What has ended counts for who waited for it, where the system tells.
                    seconds += times.user + times.system
                    seconds += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
            self._seconds = max(self._seconds, seconds)
        return self._seconds

    def end(self, grace: float) -> None:
        """SIGTERM, and after `grace` seconds SIGKILL, to everything; nothing of it is left when this returns."""
        self._alive()
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGTERM)
        until = time.monotonic() + grace
        while time.monotonic() < until and self.poll() is None:
            time.sleep(_TICK)
        # Commands in a sandbox have sessions of their own.
        for process in self._alive():
            with suppress(psutil.Error):
                process.kill()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        while self.poll() is None:
            time.sleep(_TICK)

    def _alive(self) -> set[psutil.Process]:
        """The processes of the tree, those that were seen in it before included."""
        with suppress(psutil.Error):
            if self._process.returncode is None:
                top = psutil.Process(self.pid)
                self._seen |= {top, *top.children(recursive=True)}
        # By pid and start, so that no foreign process is taken for one of ours.
        self._seen = {process for process in self._seen if process.is_running()}
        return self._seen

    def _close(self) -> None:
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.close()
