"""`python -m sleeptime.leash ARGUMENTS...` is `sleepwright ARGUMENTS...` for as long as who started it lives.

Its stdin is a pipe that nothing is written to. When it ends, the daemon was killed, and nobody would see the user come
back: so this process ends too, with all that it started.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from threading import Thread

import psutil

from agent.cli import main

_GRACE = 0.5  # seconds to end in an orderly way


def hold_leash() -> None:
    """From now on this process gives way to all others, and ends when its stdin does."""
    os.nice(19)
    Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 1024):
        pass
    started = psutil.Process().children(recursive=True)
    os.kill(os.getpid(), signal.SIGTERM)  # first, so that what becomes of the others is not taken for a result
    for process in started:
        with suppress(psutil.Error):
            process.terminate()
    time.sleep(_GRACE)
    for process in started + psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            process.kill()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    hold_leash()
    main(sys.argv[1:])
