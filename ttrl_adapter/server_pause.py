"""One GPU for two: `sleepwright serve` stops its server while somebody else needs the machine, and starts it again.

Asked for by a lock, so that a trainer that is killed takes nothing with it: the kernel lets go, and the server is back.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from memory.errors import UserError
from memory.file_lock import Locked, is_locked, locked
from memory.home import MemoryHome
from memory.serving import read_serving

_ACCELERATORS = ("/dev/nvidiactl", "/dev/kfd")  # of NVIDIA, of AMD

_STOP_SECONDS = 120.0
_TICK = 0.1


def has_accelerator() -> bool:
    """Whether a server and a trainer on this machine would share the memory of a GPU, so that only one of them fits."""
    return any(Path(name).exists() for name in _ACCELERATORS)


@contextmanager
def server_paused(home: MemoryHome, notice: Callable[[str], None] = lambda text: None) -> Iterator[bool]:
    """Stop the server that runs for a home while the block runs; whether there was one.

    UserError where it does not stop, or another process has asked for that already.
    """
    with ExitStack() as holding:
        try:
            holding.enter_context(locked(_wish(home)))
        except Locked as busy:
            raise UserError(f"The server is being kept from running by another sleepwright ({busy}).") from None
        was_running = read_serving(home) is not None
        if was_running:
            notice("The server is stopped while the training runs, and then started again.")
        end = time.monotonic() + _STOP_SECONDS
        while (found := read_serving(home)) and found.state != "paused":
            if time.monotonic() > end:
                raise UserError(f"The server at {found.url} (process {found.pid}) does not stop: stop it by hand.")
            time.sleep(_TICK)
        yield was_running


def is_pause_wanted(home: MemoryHome) -> bool:
    """Whether somebody needs the machine for himself."""
    return is_locked(_wish(home))


def _wish(home: MemoryHome) -> Path:
    return home.serving.with_name("serving.pause")
