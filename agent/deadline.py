"""When a run has to end: at a time, or at once because its user interrupted it.

Ctrl-C, SIGTERM and SIGHUP are a request to end, which whoever works grants between two steps.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Deadline:
    """Shared by the threads of one run. Whoever asks it after an interrupt gets KeyboardInterrupt."""

    def __init__(self, seconds: float | None = None) -> None:
        """The run may take this many seconds from now; None for as long as it takes."""
        self._end = float("inf") if seconds is None else time.monotonic() + seconds
        self._is_interrupted = False  # a plain flag, because a lock in a signal handler can wait for itself

    def interrupt(self) -> None:
        """End the run now. Safe in a signal handler."""
        self._is_interrupted = True

    def left(self) -> float:
        """Seconds that remain: 0 when the time is up, infinity without a limit."""
        if self._is_interrupted:
            raise KeyboardInterrupt
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.left() == 0.0


@contextmanager
def interruptible(*stops: Callable[[], None]) -> Iterator[None]:
    """While in the block, a signal calls `stops`, which end what runs in all threads; these remove their worktrees and
    raise KeyboardInterrupt. The handler itself does not: an exception in the middle of starting a process would lose
    it. Only a second signal, where something hangs, is that rude."""
    is_stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopped
        if is_stopped:
            raise KeyboardInterrupt
        is_stopped = True
        for each in stops:
            each()

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
