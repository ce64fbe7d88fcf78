"""Tells people how far a sleep is: one moving line in a terminal, a line per pass elsewhere. Always on stderr."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from agent.output import readable
from agent.report import say
from sleeptime.records import Item, SleepRun


class SleepProgress:
    """On a console; the context manager takes the moving line away again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        is_live = console.is_terminal and not console.is_dumb_terminal
        self._status = Status("looking around", console=console) if is_live else None
        self._pass = ""

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.pause()

    def show(self, run: SleepRun, item: Item) -> None:
        """What is being thought about, and what there is so far."""
        if self._status:
            self._status.start()
            notes = sum(count.notes for count in run.passes.values())
            so_far = f"{notes} notes, {run.tokens.prompt + run.tokens.completion:,} tokens"
            # What a repository says is text and no markup, and moves no cursor.
            self._status.update(escape(f"{item.pass_name}: {readable(item.about)[:100]} ({so_far})"))
        elif item.pass_name != self._pass:
            self.notice(f"{item.pass_name} …")
        self._pass = item.pass_name

    def wait(self, text: str) -> None:
        """Nothing goes on but waiting."""
        if self._status:
            self._status.start()
            self._status.update(escape(text))
        else:
            self.notice(text)
        self._pass = ""

    def pause(self) -> None:
        """Take the moving line away, so that something can be printed."""
        if self._status:
            self._status.stop()

    def notice(self, text: str) -> None:
        """Something that the user should know."""
        say(text, self._console)
