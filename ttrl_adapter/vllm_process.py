"""A vLLM server as a process: found, started with what adapters need, waited for, ended together with its engine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import httpx

from agent.errors import ConfigError
from ttrl_adapter.vllm_client import ServerError

PYTHON_SETTING = "SLEEPWRIGHT_VLLM_PYTHON"
_ROOT = Path(__file__).parent.parent
_GUARD = Path(__file__).parent / "vllm_guard"
_GRACE_SECONDS = 30.0
_TICK = 0.1
# What an environment has. The console script of vLLM needs the metadata of `vllm`, which builds of it under other names
# do not have.
_ASK = """
import importlib.metadata as m, importlib.util as u, json, sys
def found(find, name):
    try:
        return find(name)
    except (ImportError, m.PackageNotFoundError):
        return None
on_cpu = sys.platform == "darwin" or "+cpu" in (found(m.version, "torch") or "")
print(json.dumps([bool(found(u.find_spec, "vllm")), bool(found(m.version, "vllm")), on_cpu]))
"""
# The server ends where its parent does, however that ends. Linux only; elsewhere it is ended by hand after a kill -9.
_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Launch:
    """What a server is started with."""

    python: Path
    """Of the environment that has vLLM."""
    model: str
    """A folder, or a name of the hub."""
    name: str
    """The model's, for those who ask it."""
    port: int
    key: str
    rank: int
    """The largest of an adapter that it takes."""
    extra: tuple[str, ...] = ()
    """More of vLLM's own options."""
    environment: Mapping[str, str] | None = None
    """More variables, where the user has not set them."""


class VllmProcess:
    """A server under way. A context manager: when the block ends, all its processes have."""

    def __init__(self, launch: Launch, log: Path) -> None:
        """Start it; what it writes goes to the file `log`."""
        self.url = f"http://127.0.0.1:{launch.port}/v1"
        self.log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _WITH_PARENT, str(os.getpid()), *_command(launch)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=_environment(launch),
                start_new_session=True,  # Ctrl-C is ours: the server ends in order
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self, is_stopped: Callable[[], bool], seconds: float) -> bool:
        """Wait for its first answer; False where `is_stopped` is true before. ServerError where none comes."""
        end = time.monotonic() + seconds
        health = self.url.removesuffix("/v1") + "/health"
        with httpx.Client(timeout=5, trust_env=False) as client:
            while time.monotonic() < end:
                if is_stopped():
                    return False
                if not self.is_running:
                    raise ServerError(f"vLLM ended before it was ready: {self.last_words()}")
                with suppress(httpx.HTTPError):
                    if client.get(health).status_code == 200:
                        return True
                time.sleep(_TICK)
        raise ServerError(f"vLLM was not ready after {seconds:g} s: {self.last_words()}")

    def last_words(self) -> str:
        """What its log says about its end."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        said = [line for line in lines if "Error" in line or "error:" in line] or lines or ["it said nothing"]
        return f"{said[-1][-300:]} (its log is {str(self.log)!r})"

    def end(self) -> None:
        """Ask it to end, then kill what is left of it: the engine is a process of its own."""
        with suppress(ProcessLookupError):
            if self.is_running:
                self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
            end = time.monotonic() + _GRACE_SECONDS / 3
            while _is_alive(self._process.pid) and time.monotonic() < end:
                time.sleep(_TICK)
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def find_python(named: Path | None) -> Path:
    """The Python that has vLLM: the named one, this one, what `make vllm` made in a clone, that of `vllm` on the PATH.

    ConfigError where there is none. Nothing of the repository at hand is ever tried."""
    if named:
        python = next((p for p in (named / "bin" / "python", named) if p.is_file() and os.access(p, os.X_OK)), None)
        if python is None:
            raise ConfigError(f"{str(named)!r} is no Python, and no environment with one.")
        if not _look(python).has_vllm:
            raise ConfigError(f"The environment of {str(python)!r} has no vLLM: `{python} -m pip install vllm`.")
        return python
    script = shutil.which("vllm")
    candidates = [Path(sys.executable), _ROOT / ".venv-vllm" / "bin" / "python"]
    candidates += [Path(script).resolve().parent / "python"] if script else []
    for python in candidates:
        if python.is_file() and _look(python).has_vllm:
            return python
    raise ConfigError(
        "There is no vLLM: `pip install vllm` (a GPU) in an environment of its own, then name that with --vllm or "
        f"{PYTHON_SETTING}; on a CPU, `make vllm` in a clone of sleepwright."
    )


class _Environment(NamedTuple):
    has_vllm: bool = False
    is_named: bool = False
    """So that its console script starts."""
    is_on_cpu: bool = False


def _look(python: Path) -> _Environment:
    try:
        said = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, timeout=60, check=True).stdout
        return _Environment(*json.loads(said))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return _Environment()


def _command(launch: Launch) -> list[str]:
    serve = ["-m", "vllm.entrypoints.cli.main", "serve", launch.model]
    environment = _look(launch.python)
    if not environment.is_named:
        serve = ["-m", "vllm.entrypoints.openai.api_server", "--model", launch.model]
    return [
        *(str(launch.python), *serve, "--served-model-name", launch.name),
        *("--host", "127.0.0.1", "--port", str(launch.port)),
        # Two, so that the old and the new one answer side by side while they are swapped.
        *("--enable-lora", "--max-lora-rank", str(_offered(launch.rank)), "--max-loras", "2", "--max-cpu-loras", "4"),
        *("--middleware", "sleepwright_guard.KeyGuard"),
        # On a CPU the engine of vLLM 0.32 dies of a seeded request whose prompt it reads in two steps.
        *(("--no-enable-chunked-prefill",) if environment.is_on_cpu else ()),
        *launch.extra,
    ]


def _offered(rank: int) -> int:
    """The smallest limit that vLLM offers."""
    return next(limit for limit in (16, 32, 64, 128, 256, 512) if limit >= rank)


def _environment(launch: Launch) -> dict[str, str]:
    # A resolver would load adapters by names that hold paths.
    left_out = {"VLLM_LORA_RESOLVER_CACHE_DIR", "SLEEPWRIGHT_API_KEY", "OPENAI_API_KEY", "PYTHONHOME"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    # The key is no argument: others on this machine can read those.
    own = {"VLLM_API_KEY": launch.key, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    # The current directory is a repository, which may have a `vllm` of its own.
    own |= {"PYTHONPATH": str(_GUARD), "PYTHONSAFEPATH": "1"}
    private = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    offline = {"HF_HUB_OFFLINE": "1"} if Path(launch.model).is_dir() else {}
    return {**private, **offline, **(launch.environment or {}), **kept, **own}


def _is_alive(group: int) -> bool:
    """Whether a process of the group runs; one that nobody has asked for its exit status yet does not."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    states: list[bytes] = []
    for path in Path("/proc").glob("[0-9]*/stat"):  # Linux
        with suppress(OSError):
            state, _, its_group = path.read_bytes().rpartition(b")")[2].split()[:3]  # a name may hold anything
            states += [state] if int(its_group) == group else []
    return not states or any(state != b"Z" for state in states)
