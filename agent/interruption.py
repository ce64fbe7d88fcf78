"""Ctrl-C, SIGTERM and SIGHUP as a request to end, which whoever works grants between two steps."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


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
