"""Reads symbols in a process of its own, because a parser can hang or crash, and nothing in Python can interrupt it.

Some inputs of a few kilobytes keep tree-sitter busy for minutes. The process ends itself when a file takes too much CPU
time; the next file gets a new one. It holds nothing but what it was sent, and ends when its parent does.
"""

import logging
import marshal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import IO, Any, Self

from agent.symbols import NOTHING, Definition, Symbols

MOST_SECONDS = 3.0
"""CPU time for one file; a file of the largest size that is read takes a tenth of it."""

_LOOK_SECONDS = 0.1

_log = logging.getLogger(__name__)


class SymbolReader:
    """Started by the first file; a context manager. For one thread."""

    def __init__(self, most_seconds: float = MOST_SECONDS, go_on: Callable[[], None] = lambda: None) -> None:
        """`go_on` is asked again and again while an answer is waited for, and raises to end it all."""
        self._most_seconds = most_seconds
        self._go_on = go_on
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def read(self, data: bytes, language: str) -> Symbols:
        """As `read_symbols`; nothing for a file that takes too long or that the parser crashes on.

        Raises EOFError where the process does not even start: its own words are on stderr.
        """
        process = self._process or self._start()
        assert process.stdin and process.stdout
        try:
            marshal.dump((language, data), process.stdin)
            process.stdin.flush()
            definitions, references = self._answer(process.stdout)
        except (EOFError, OSError):
            self._stop()
            _log.warning("a file of %d bytes cannot be parsed as %s in time", len(data), language)
            return NOTHING
        return Symbols(tuple(map(Definition._make, definitions)), Counter(references))

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: nothing that the current directory holds is imported.
        command = [sys.executable, "-P", "-m", "agent.symbol_parser", str(self._most_seconds)]
        pipe = subprocess.PIPE
        self._process = process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)
        assert process.stdout
        self._answer(process.stdout)  # that it is ready: not starting is a failure of ours, not of a file
        return process

    def _answer(self, stdout: IO[bytes]) -> Any:
        with DefaultSelector() as selector:
            selector.register(stdout, EVENT_READ)
            while not selector.select(_LOOK_SECONDS):
                self._go_on()
        return marshal.load(stdout)

    def _stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None
