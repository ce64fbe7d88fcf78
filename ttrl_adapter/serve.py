"""`sleepwright serve`: keeps a vLLM server up with the active adapter, until it is told to stop.

It also looks after the server's adapters (swap.settle), and gives the machine to a trainer that asks for it.
"""

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from types import FrameType

from agent.errors import ConfigError
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED
from memory.adapters import history_file
from memory.errors import UserError
from memory.home import MemoryHome
from memory.serving import Announcement, Serving, announcing
from ttrl_adapter.registry import Registry
from ttrl_adapter.server_pause import is_pause_wanted
from ttrl_adapter.swap import Server, settle
from ttrl_adapter.vllm_client import ServerError, VllmClient
from ttrl_adapter.vllm_process import Launch, VllmProcess, find_python

START_SECONDS = 1800.0
"""A large model is read from a slow disk, and compiled."""
_TICK = 0.2
_LOOK_TICKS = 10  # between two looks at the history
_SELDOM = 30.0  # seconds between two looks at the server


@dataclass(frozen=True)
class ServeOptions:
    """What the user asked for; the defaults are the command's."""

    model: str | None = None
    """A folder, or a name of the hub; None for the embedded model."""
    vllm: Path | None = None
    """The environment that has vLLM, or its Python; None to look for one."""
    port: int = 8000
    rank: int = 16
    """The largest of an adapter; that of the active one at least."""
    key: str = ""
    """Empty to make one up."""
    extra: tuple[str, ...] = ()
    start_seconds: float = START_SECONDS


@dataclass(frozen=True)
class Ready:
    """A server that answers."""

    serving: Serving
    adapter: str | None
    log: Path


class Caretaker:
    """Keeps the adapters of a running server right."""

    def __init__(self, registry: Registry, server: Server, notice: Callable[[str], None]) -> None:
        self._registry = registry
        self._server = server
        self._notice = notice
        self._seen: int | None = None
        """The history's size when all was well."""
        self._next = 0.0
        self._told = ""

    def look(self) -> None:
        """Ask the server where something may have changed, and seldom otherwise: a killed swap changes nothing else."""
        size = _size(history_file(self._registry.home))
        if size == self._seen and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SELDOM
        problem = ""
        try:
            self._seen = size if settle(self._registry, self._server) else None
        except UserError as error:
            problem = str(error)
        if problem and problem != self._told:
            self._notice(problem)
        self._told = problem

    @property
    def adapter(self) -> str | None:
        """What is active, where the server has it."""
        active = self._registry.active(self._server.base)
        return active.record.id if active and active.served_name in self._server.client.loaded() else None


class Supervisor:
    """Keeps one server of a home up."""

    def __init__(
        self,
        home: MemoryHome,
        options: ServeOptions,
        notice: Callable[[str], None],
        ready: Callable[[Ready], None],
    ) -> None:
        """`ready` is told each time that the server answers, with what is active loaded."""
        self._home = home
        self._options = options
        self._notice = notice
        self._ready = ready
        self._stop = Event()

    def run(self) -> None:
        """Until a signal. ServerError where the server ends by itself, ConfigError where it cannot be started."""
        base, launch = self._launch()
        with announcing(self._home) as announcement, self._stopped_by_signals():
            serving = Serving(
                pid=os.getpid(),
                state="starting",
                url=f"http://127.0.0.1:{launch.port}/v1",
                key=launch.key,
                base=base,
                model=launch.name,
            )
            while not self._stop.is_set():
                # After a pause another adapter may be active, and a larger one.
                launch = replace(launch, rank=self._rank(base))
                announcement.say(serving)
                with VllmProcess(launch, self._home.server_log) as process:
                    if process.wait_until_ready(self._is_unwanted, self._options.start_seconds):
                        self._look_after(process, serving.model_copy(update={"state": "ready"}), announcement)
                self._wait_for_machine(serving.model_copy(update={"state": "paused"}), announcement)

    def _launch(self) -> tuple[str, Launch]:
        """The base model as adapters name it, and how its server is started."""
        options = self._options
        base, model, name = _named(options.model)
        _check_port(options.port)
        is_embedded = base == EMBEDDED
        return base, Launch(
            python=find_python(options.vllm),
            model=model,
            name=name,
            port=options.port,
            key=options.key or secrets.token_urlsafe(24),
            rank=self._rank(base),
            # As the numpy engine computes. To compile it ahead takes longer than it ever runs.
            extra=(*(("--dtype", "float32", "--enforce-eager") if is_embedded else ()), *options.extra),
            environment={"VLLM_CPU_KVCACHE_SPACE": "1"} if is_embedded else {},
        )

    def _rank(self, base: str) -> int:
        """The largest that its server takes: what was asked for, and that of the active adapter at least."""
        active = Registry(self._home).active(base)
        return max(self._options.rank, active.record.rank if active else 0)

    def _look_after(self, process: VllmProcess, serving: Serving, announcement: Announcement) -> None:
        """Keep the server's adapters right, until it is unwanted."""
        with VllmClient(serving.url, serving.key) as client:
            caretaker = Caretaker(Registry(self._home), Server(client, serving.base), self._notice)
            caretaker.look()
            announcement.say(serving)
            self._ready(Ready(serving, caretaker.adapter, process.log))
            ticks = 0
            while not self._is_unwanted():
                if not process.is_running:
                    raise ServerError(f"vLLM has ended: {process.last_words()}")
                self._stop.wait(_TICK)
                ticks += 1
                if ticks % _LOOK_TICKS == 0:
                    caretaker.look()

    def _wait_for_machine(self, serving: Serving, announcement: Announcement) -> None:
        if not self._stop.is_set() and is_pause_wanted(self._home):
            announcement.say(serving)
            self._notice("The server is stopped while the machine is needed for training.")
            while is_pause_wanted(self._home) and not self._stop.is_set():
                self._stop.wait(_TICK)

    def _is_unwanted(self) -> bool:
        return self._stop.is_set() or is_pause_wanted(self._home)

    @contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        """A handler that raised would do so in the middle of starting a process, and lose it."""

        def stop(number: int, frame: FrameType | None) -> None:
            self._stop.set()

        before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def _named(model: str | None) -> tuple[str, str, str]:
    """The base model as adapters name it, what vLLM is to load, and the model's name at the server."""
    if model is None:
        return EMBEDDED, str(SHIPPED), f"sleepwright-{EMBEDDED}"
    if not Path(model).is_dir():
        if Path(model).is_absolute() or model.startswith("."):
            raise ConfigError(f"There is no folder {model!r}.")
        return model, model, model
    folder = Path(model).resolve()
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{str(folder)!r} holds no model in Hugging Face format: there is no config.json in it.")
    return str(folder), str(folder), folder.name


def _check_port(port: int) -> None:
    try:
        with socket.create_server(("127.0.0.1", port)):
            pass
    except OSError as error:
        raise ConfigError(f"Port {port} cannot be used ({error.strerror}): name another with --port.") from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
