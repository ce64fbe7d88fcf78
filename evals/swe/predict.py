"""Asks the agent for one instance's patch: in a repository cut at the base commit, with a memory of its own.

The arms have the same model, options and budget. `notes` and `both` sleep first, on the cut repository; `adapter` and
`both` begin with the adapter that they are given. The agent is the command `sleepwright run`, a process of its own.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal, NamedTuple

from agent.bubblewrap import HIDE_SETTING
from evals.errors import PredictionError
from evals.swe import adapter
from evals.swe.cut import cut, leaks
from evals.swe.environment import Environment, Kind, open_environment
from evals.swe.instances import Instance
from evals.swe.mirrors import Mirrors
from memory.adapters import Stored
from memory.errors import UserError
from memory.home import MemoryHome
from memory.records import Record, Tokens

Arm = Literal["base", "notes", "adapter", "both"]

SLEEPWRIGHT = (sys.executable, "-P", "-m", "agent.cli")
"""The command; -P since the folder that we are started in may have an `agent` folder of its own."""

_GRACE = 60.0  # seconds beyond the agent's own limit until it is ended
_running: set[int] = set()
_stopped = Event()


class Slept(Record):
    """What the sleep before a task came to."""

    seconds: float = 0.0
    notes: int = 0
    tokens: Tokens = Tokens()


class Prediction(Record):
    """What the agent made of one instance; a line of samples.jsonl."""

    schema_version: Literal[1] = 1
    instance_id: str
    arm: Arm
    status: str
    """The agent's own; "error" where it gave no result."""
    problem: str = ""
    patch: str = ""
    candidates: int = 0
    votes: int = 0
    adapter: str | None = None
    """Id of the one that the agent's model had."""
    notes: tuple[str, ...] = ()
    """Ids of the notes that were recalled."""
    tokens: Tokens = Tokens()
    dollars: float | None = None
    slept: Slept | None = None
    agent_seconds: float = 0.0
    """Of the agent's process, wall clock."""
    seconds: float = 0.0
    """Of everything: cutting the repository, the proof, sleep, the agent."""


@dataclass(frozen=True)
class Asking:
    """How predictions are asked for; the same for every instance."""

    arm: Arm
    mirrors: Mirrors
    environments: Path
    kind: Kind
    scratch: Path
    """Where the cut repositories and memories are while they are worked on."""
    options: tuple[str, ...] = ()
    """Of `sleepwright run`, the same in every arm."""
    sleep_options: tuple[str, ...] = ()
    """Of `sleepwright sleep`."""
    adapter: Stored | None = None
    """Of the embedded model, for the arms that have one; a served model's is named like a model."""
    test_command: str | None = None
    """In the place of the rows' own; "" for none."""
    hidden: tuple[Path, ...] = ()
    """What no command of the agent sees, besides the mirror, where there is a sandbox: answers are in it."""
    timeout: float = 1800.0
    """Seconds for the agent, and as many for the sleep."""
    command: tuple[str, ...] = SLEEPWRIGHT


def predict(instance: Instance, asking: Asking) -> Prediction:
    """Never raises but for an interrupt: what fails is a prediction with its problem."""
    began = time.monotonic()
    place = asking.scratch / instance.instance_id
    try:
        _clear(place)
        made = _Desk(instance, place, asking).work()
    except (UserError, OSError, ValueError, KeyError, TypeError) as error:
        problem = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        made = Prediction(instance_id=instance.instance_id, arm=asking.arm, status="error", problem=problem)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return made.model_copy(update={"seconds": time.monotonic() - began})


def stop() -> None:
    """End every agent that this process has started, and let none start; called while threads wait for them."""
    _stopped.set()
    for leader in tuple(_running):
        _end(leader)


class _Finished(NamedTuple):
    status: int
    output: str
    errors: str
    seconds: float

    @property
    def last_words(self) -> str:
        said = [line for line in (self.errors or self.output).splitlines() if line.strip()]
        return said[-1] if said else "it said nothing"


@dataclass(frozen=True)
class _Desk:
    """One instance's repository and memory."""

    instance: Instance
    place: Path
    asking: Asking

    def work(self) -> Prediction:
        instance, asking = self.instance, self.asking
        mirror = asking.mirrors.find(instance.repo)
        environment = open_environment(instance, mirror, asking.kind, asking.environments)
        cut(mirror, instance.base_commit, self._repository)
        if found := leaks(self._repository, instance.base_commit):
            raise PredictionError(f"The repository of {instance.instance_id} leaks: {found[0]}.")
        test = self._test_command(environment)
        variables = {
            **os.environ,
            **environment.variables,
            "SLEEPWRIGHT_HOME": str(self.place / "memory"),
            HIDE_SETTING: os.pathsep.join(map(str, (mirror.resolve(), *asking.hidden))),
        }
        if asking.adapter:
            self._bring(asking.adapter, variables)
        slept = self._sleep(test, variables) if asking.arm in ("notes", "both") else None
        options = ["--json", "--no-apply", "--test", test, "--timeout", f"{asking.timeout:g}", *asking.options]
        # The problem comes by stdin: it may be long, and may begin with a dash.
        done = self._run(["run", "-", *options], variables, instance.problem_statement)
        return self._read(done, slept)

    @property
    def _repository(self) -> Path:
        return self.place / self.instance.repo.rpartition("/")[2]

    def _test_command(self, environment: Environment) -> str:
        """What the repository at its base offers: nothing of the hidden tests is in it."""
        given = self.instance.test_command if self.asking.test_command is None else self.asking.test_command
        command = re.sub(r"^python3?(?= )", shlex.quote(str(environment.python)), given)
        if command and environment.is_current:
            return f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {command}"
        return command

    def _sleep(self, test: str, variables: dict[str, str]) -> Slept:
        """One pass of sleep on the base commit's content and its history."""
        options = ["sleep", "--once", "--json", "--test", test, *self.asking.sleep_options]
        done = self._run(options, variables)
        if done.status:
            raise PredictionError(f"The sleep on {self.instance.instance_id} failed: {_reason(done)}")
        passes = json.loads(done.output)["passes"].values()
        return Slept(
            seconds=done.seconds,
            notes=sum(count["notes"] for count in passes),
            tokens=sum((Tokens.model_validate(count["tokens"]) for count in passes), Tokens()),
        )

    def _bring(self, stored: Stored, variables: dict[str, str]) -> None:
        """Into the memory of this repository, which `log` makes."""
        self._run(["log"], variables)
        homes = [folder for folder in (self.place / "memory").glob("*") if folder.is_dir()]
        if len(homes) != 1:
            raise PredictionError(f"The memory of {self.instance.instance_id} could not be made.")
        adapter.bring(stored, MemoryHome(homes[0]))

    def _run(self, arguments: Sequence[str], variables: dict[str, str], stdin: str = "") -> _Finished:
        """A command of the agent on the repository. Ended, with all that it started, when its time is up."""
        if _stopped.is_set():
            raise KeyboardInterrupt
        began = time.monotonic()
        command = [*self.asking.command, *arguments, "--repo", str(self._repository)]
        process = subprocess.Popen(
            command, cwd=self.place, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="surrogateescape", start_new_session=True,
        )  # fmt: skip
        _running.add(process.pid)
        try:
            _process_file(self.place).write_text(str(process.pid))
            output, errors = _talk(process, stdin, self.asking.timeout + _GRACE)
        except subprocess.TimeoutExpired:
            raise PredictionError(
                f"`sleepwright {arguments[0]}` on {self.instance.instance_id} did not end in {self.asking.timeout:g} s."
            ) from None
        finally:
            _end(process.pid)
            process.wait()
            _running.discard(process.pid)
        return _Finished(process.returncode, output, errors, time.monotonic() - began)

    def _read(self, done: _Finished, slept: Slept | None) -> Prediction:
        """What the agent's one JSON object says."""
        try:
            said: dict[str, Any] = json.loads(done.output)
        except ValueError:
            said = {"status": "error"}
        if said["status"] == "error":
            raise PredictionError(_reason(done))
        given = self.asking.adapter
        if given and said["adapter"] != given.record.id:
            raise PredictionError(f"The agent did not use the adapter {given.record.id}: {done.last_words}")
        return Prediction(
            instance_id=self.instance.instance_id,
            arm=self.asking.arm,
            status=said["status"],
            patch=said["patch"],
            candidates=len(said["candidates"]),
            votes=said["vote"]["votes"],
            adapter=said["adapter"],
            notes=tuple(said["notes"]),
            tokens=Tokens.model_validate(said["tokens"]),
            dollars=said["cost"],
            slept=slept,
            agent_seconds=done.seconds,
        )


def _reason(done: _Finished) -> str:
    """Why a command failed, in its own words."""
    try:
        return str(json.loads(done.output)["error"])
    except (ValueError, KeyError, TypeError):
        return f"exit code {done.status}: {done.last_words}"


def _talk(process: "subprocess.Popen[str]", stdin: str, seconds: float) -> tuple[str, str]:
    """All that it says until it ends. A second at a time: Ray's interrupts wait until something else returns."""
    deadline = time.monotonic() + seconds
    given: str | None = stdin
    while True:
        try:
            return process.communicate(given, timeout=max(0.0, min(1.0, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            given = None  # it is on its way
            if time.monotonic() >= deadline:
                raise


def _clear(place: Path) -> None:
    """End an agent that outlived its evaluation, which was killed, and remove what it worked on."""
    with suppress(OSError, ValueError):
        left = int(_process_file(place).read_text())
        # Its number may be another process's by now.
        if str(place) in Path(f"/proc/{left}/cmdline").read_text(errors="replace"):
            _end(left)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)


def _process_file(place: Path) -> Path:
    return place / "process"


def _end(leader: int) -> None:
    """A process and its group: SIGTERM, on which the agent removes what it made, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
            time.sleep(0.1)
