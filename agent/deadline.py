"""When a run has to end: at a time, or at once because its user interrupted it."""

import time


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
