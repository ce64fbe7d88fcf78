"""Tells people how far a run is: one moving line in a terminal, one line per stage elsewhere. Always on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from agent.chat import Live
from agent.report import say
from agent.state import Stage

_DOING = {
    "recall": "recalling",
    "localise": "localising",
    "reuse": "trying what is known",
    "propose": "sampling",
    "check": "checking",
}


class ConsoleProgress:
    """A `Progress` on a console; the context manager takes the moving line away again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        is_live = console.is_terminal and not console.is_dumb_terminal
        self._doing = ""
        self._status = Status("starting", console=console) if is_live else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The moving line is away, so that somebody can be asked."""
        if self._status:
            self._status.stop()
        try:
            yield
        finally:
            if self._status:
                self._status.start()

    def step(self, stage: Stage, done: int, total: int) -> None:
        doing = f"{_DOING[stage]} {done}/{total}" if total > 1 else _DOING[stage]
        if self._status:
            self._status.update(doing)
        elif not self._doing.startswith(_DOING[stage]):
            self.notice(f"{_DOING[stage]} {total}" if total > 1 else _DOING[stage])
        self._doing = doing

    def live(self, live: Live) -> None:
        """How far a served model is within the present stage."""
        if self._status and live.tokens:
            self._status.update(f"{self._doing}, {live.tokens:,} tokens")

    def notice(self, text: str) -> None:
        say(text, self._console)
