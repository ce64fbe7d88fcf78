"""When a sleep in the foreground gives way: for good where it is told to end, or while a run is under way."""

from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from agent.sandbox import Sandbox
from sleeptime.idle import active_run

LOOK_SECONDS = 0.2
"""Between two looks for a run of the user's."""


class GivingWay:
    """Asked whether it is time to (`Study.stop`). Runs are looked for within the context manager, in a thread."""

    def __init__(self, homes: Path, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        """In which commands run; another one after `go_on`, because a sandbox that was stopped starts nothing more."""
        self.is_over = False  # plain flags, because a lock in a signal handler can wait for itself
        self._is_paused = False
        self._homes = homes
        self._is_closed = Event()
        self._watch = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_closed.set()
        self._watch.join()

    def __call__(self) -> bool:
        return self.is_over or self._is_paused

    def end(self) -> None:
        """For good; called by a signal handler."""
        self.is_over = True
        self.sandbox.stop()

    def is_run_active(self) -> bool:
        """Whether a run of the user's is under way in any repository: it needs the machine, and perhaps the model."""
        return active_run(self._homes) is not None

    def go_on(self) -> None:
        """The run is over."""
        self.sandbox = Sandbox(self.sandbox.name)
        self._is_paused = False

    def _look(self) -> None:
        while not self._is_closed.wait(LOOK_SECONDS):
            if not self._is_paused and self.is_run_active():
                self._is_paused = True
                self.sandbox.stop()
