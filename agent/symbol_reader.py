"""Reads symbols in a process of its own, because a parser can hang or crash, and nothing in Python can interrupt it.

Some inputs of a few kilobytes keep tree-sitter busy for minutes. The process ends itself when a file takes too much CPU
time; the next file gets a new one. It holds nothing but what it was sent, and ends when its parent does.
"""

import logging
import marshal
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Self

from agent.symbols import NOTHING, Definition, Symbols, read_symbols

MOST_SECONDS = 3.0
"""CPU time for one file; a file of the largest size that is read takes a tenth of it."""

_log = logging.getLogger(__name__)


class SymbolReader:
    """Started by the first file; a context manager. For one thread."""

    def __init__(self, most_seconds: float = MOST_SECONDS) -> None:
        self._most_seconds = most_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._connection = self._process = None

    def read(self, data: bytes, language: str) -> Symbols:
        """As `read_symbols`; nothing for a file that takes too long or that the parser crashes on.

        Raises EOFError where the process does not even start: its own words are on stderr.
        """
        connection = self._connection or self._start()
        try:
            connection.send_bytes(marshal.dumps((language, data)))
            definitions, references = marshal.loads(connection.recv_bytes())
        except (EOFError, OSError):
            self.__exit__(None, None, None)
            _log.warning("a file of %d bytes cannot be parsed as %s in time", len(data), language)
            return NOTHING
        return Symbols(tuple(map(Definition._make, definitions)), Counter(references))

    def _start(self) -> Connection:
        connection, end = Pipe()
        # -P: nothing that the current directory holds is imported.
        command = [sys.executable, "-P", "-m", __name__, str(end.fileno()), str(self._most_seconds)]
        with end:
            self._process = subprocess.Popen(
                command, pass_fds=[end.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._connection = connection
        connection.recv_bytes()  # that it is ready: not starting is a failure of ours, not of a file
        return connection


def _serve(connection: Connection, most_seconds: float) -> None:
    """Answer each file with its symbols until nobody asks any more."""
    connection.send_bytes(b"ready")
    with suppress(EOFError):
        while True:
            language, data = marshal.loads(connection.recv_bytes())
            # The default action of its signal ends the process, in the middle of whatever the parser does.
            signal.setitimer(signal.ITIMER_VIRTUAL, most_seconds)
            found = read_symbols(data, language)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            connection.send_bytes(marshal.dumps(([tuple(one) for one in found.definitions], dict(found.references))))


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])), float(sys.argv[2]))
