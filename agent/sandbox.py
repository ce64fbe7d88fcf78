"""Runs a shell command within limits and, where bubblewrap works, without the user's home and the network.

Every command has its own process group, no stdin, pager or editor, an environment without the user's secrets, a
wall-clock limit, and bounded output. Per process: no core dump, 8 GiB of data (not of address space, which
interpreters reserve freely), about 2 GiB per file. The number of processes is watched instead of limited by the
system, whose limit counts all that the user runs, and nothing for root.
"""

import errno
import functools
import os
import selectors
import shutil
import signal
import site
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal

from agent.bubblewrap import bubblewrap
from agent.errors import SandboxError
from agent.output import BoundedOutput
from memory.records import CommandRun

MAX_PROCESSES = 1000
"""A command is ended once it has more than so many."""

_KEPT = (
    *("PATH", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "JAVA_HOME", "GOROOT"),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYENV_ROOT", "PYENV_VERSION"),
)
_SET = {
    **{"PAGER": "cat", "GIT_PAGER": "cat", "EDITOR": "true", "GIT_EDITOR": "true", "GIT_TERMINAL_PROMPT": "0"},
    **{"TERM": "dumb", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"},
}
# In blocks of 512 bytes and in KiB; a lower limit that is set already stays. Where memory runs out, the kernel is to
# end the command first. Set by the shell: code between fork and exec is unsafe in a process with threads.
_LIMITS = "{ ulimit -c 0; ulimit -f 4194304; ulimit -d 8388608; echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null"
# Waits for the end of stdin, then ends the whole group. An orphan at once: no child that the command might wait for.
_TIED = "exec 3<&0 </dev/null; ( { read _ <&3; kill -KILL 0; } >/dev/null 2>&1 & ); exec 3<&-"
_TIME_IS_UP = "time is up"
_TICK = 0.05  # seconds between two looks at the clock and the processes
_GRACE = 1.0  # seconds from SIGTERM to SIGKILL
_DRAIN = 0.2  # seconds for the last output, where a process that left the group still holds the pipe


class Sandbox:
    """Runs commands. Threads may share one."""

    def __init__(self, name: Literal["bwrap", "none"]) -> None:
        self.name: Literal["bwrap", "none"] = name
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False

    def run(
        self,
        command: str,
        cwd: Path,
        *,
        timeout: float,
        env: Mapping[str, str] = {},
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
    ) -> CommandRun:
        """Run a shell command line in `cwd` for at most `timeout` seconds, and end all that it started.

        `cwd` and `writable` can be written; under bubblewrap nothing else, and of what lies in homes and temporary
        folders only `readable` and the programs on PATH can be seen. `env` is added to the clean environment, its
        PYTHONPATH before the work tree. Raises KeyboardInterrupt after `stop`, FileNotFoundError where `cwd` is gone.
        """
        cwd = cwd.resolve(strict=True)
        started = time.monotonic()
        output = BoundedOutput()
        isolated = self.name == "bwrap"
        with (
            nullcontext("/tmp") if isolated else _temporary_folder() as scratch,
            nullcontext(subprocess.DEVNULL) if isolated else _lifeline() as stdin,
        ):
            begin = _LIMITS if isolated else f"{_LIMITS}; {_TIED}"
            argv = ["/bin/sh", "-c", f'{begin}; exec "$0" -c "$1"', shutil.which("bash") or "/bin/sh", command]
            home = str(Path.home()) if isolated else scratch
            environment = {"HOME": home, "TMPDIR": scratch, **_environment(cwd, env)}
            if isolated:
                argv = bubblewrap(cwd, environment.get("PATH", ""), readable, writable) + argv
            exit_code, timed_out = self._execute(argv, cwd, environment, stdin, started + timeout, output)
        seconds = time.monotonic() - started
        return CommandRun(
            command=command, exit_code=exit_code, output=output.text(), seconds=seconds, timed_out=timed_out
        )

    def stop(self) -> None:
        """End every running command and let none start; may be called from a signal handler or another thread."""
        self._is_stopped = True
        for process in tuple(self._running):
            _signal_group(process, signal.SIGKILL)

    def _execute(
        self,
        argv: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        stdin: int,
        deadline: float,
        output: BoundedOutput,
    ) -> tuple[int, bool]:
        """The shell's exit code, and whether the time was up."""
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=environment,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (ValueError, OSError) as error:
            # A command with a NUL or of more than 128 KiB is the model's mistake, anything else is not.
            if isinstance(error, OSError) and error.errno != errno.E2BIG:
                raise
            output.add(f"cannot be run: {error}".encode())
            return 126, False
        with process:
            self._running.add(process)
            try:
                reason = self._watch(process, deadline, output)
            finally:
                _end(process)
                self._running.discard(process)
            _pump(process, _DRAIN, output)
        if self._is_stopped:
            raise KeyboardInterrupt
        if reason:
            output.add(f"\n[ended: {reason}]\n".encode())
        timed_out = reason == _TIME_IS_UP
        code = process.returncode
        return (124 if timed_out else 128 - code if code < 0 else code), timed_out

    def _watch(self, process: subprocess.Popen[bytes], deadline: float, output: BoundedOutput) -> str | None:
        """Read until the command exits, leaving its background processes alone; why it has to be ended otherwise."""
        most = _process_count() + MAX_PROCESSES  # of the machine: only beyond it does one have to look closer
        is_open = True
        while process.poll() is None and not self._is_stopped:
            tick = min(_TICK, deadline - time.monotonic())
            if tick <= 0:
                return _TIME_IS_UP
            if is_open:
                is_open = _pump(process, tick, output)
            else:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(tick)
            is_many = process.poll() is None and _process_count() > most
            if is_many and _family_size(process.pid) > MAX_PROCESSES:
                return f"more than {MAX_PROCESSES} processes"
        return None


def open_sandbox(mode: Literal["auto", "bwrap", "none"]) -> Sandbox:
    """The sandbox asked for; `auto` is bubblewrap where it works. Raises SandboxError where `bwrap` does not."""
    problem = None if mode == "none" else bwrap_problem()
    if mode == "bwrap" and problem:
        raise SandboxError(f"{problem} Use --sandbox none to run commands without isolation.")
    return Sandbox("none" if mode == "none" or problem else "bwrap")


@functools.cache
def bwrap_problem() -> str | None:
    """Why bubblewrap does not work here, in one sentence; None if it does. Tried once per process."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed: there is no `bwrap` on the PATH."
    with _temporary_folder() as folder:
        trial = Sandbox("bwrap").run("true", Path(folder), timeout=20)
    if trial.passed:
        return None
    reason = trial.output.strip().removeprefix("bwrap: ").splitlines() or [f"exit code {trial.exit_code}"]
    return f"bubblewrap does not work here, often because user namespaces are switched off: {reason[-1].rstrip('.')}."


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="sleepwright-", ignore_cleanup_errors=True)


@contextmanager
def _lifeline() -> Iterator[int]:
    """A stdin that ends with our process, however that ends; bubblewrap needs none."""
    read, write = os.pipe()
    try:
        yield read
    finally:
        os.close(write)
        os.close(read)


def _environment(cwd: Path, added: Mapping[str, str]) -> dict[str, str]:
    """What programs need of the user's environment, nothing that could be a secret, and what is `added`.

    The work tree is on PYTHONPATH since the user's own tree may be installed in editable mode.
    """
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("LC_")}
    sources = [str(folder) for folder in (cwd, cwd / "src") if folder.is_dir()]
    python_path = os.pathsep.join([*filter(None, [added.get("PYTHONPATH")]), *sources])
    return {**kept, **_SET, "PYTHONUSERBASE": site.getuserbase(), **added, "PYTHONPATH": python_path}


def _pump(process: subprocess.Popen[bytes], seconds: float, output: BoundedOutput) -> bool:
    """Read for that long at most; False at the end of the output."""
    assert process.stdout
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0 and selector.select(left):
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return False
            output.add(data)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process group, and SIGKILL to what is left of it."""
    try:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _process_count() -> int:
    """Processes on this machine; 0 where there is no /proc."""
    try:
        return sum(name.isdigit() for name in os.listdir("/proc"))
    except OSError:
        return 0


def _family_size(pid: int) -> int:
    """How many processes descend from this one or are of its session. Those whose parent has ended are still found:
    they stay in the session, and under bubblewrap the first process of the command adopts them."""
    children: dict[int, list[int]] = {}
    members = {pid}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):  # it has just ended
            # After the name, which may hold anything: state, parent, group, session.
            _, parent, _, session, *_ = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()
            children.setdefault(int(parent), []).append(int(name))
            if int(session) == pid:
                members.add(int(name))
    todo = list(members)
    while todo:
        new = [child for child in children.get(todo.pop(), ()) if child not in members]
        members.update(new)
        todo += new
    return len(members)
