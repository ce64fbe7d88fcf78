"""Reads a streamed response in a thread, so that who waits for it can look up, and leave."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol


class Body(Protocol):
    """A streamed response, as httpx has it."""

    @property
    def is_closed(self) -> bool: ...

    @property
    def extensions(self) -> Any: ...

    def iter_bytes(self) -> Iterator[bytes]: ...


class Ended:
    """The body is complete."""


class NoResponse(Exception):
    """The request failed before its response; the cause says how."""


class CutOff(Exception):
    """The connection broke within the body; the cause says how."""


Event = bytes | Ended | NoResponse | CutOff


class BackgroundRequest:
    """One request under way."""

    def __init__(self, send: Callable[[], AbstractContextManager[Body]]) -> None:
        """`send` is called in the thread; it raises what it likes."""
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._response: Body | None = None
        self._is_abandoned = False
        Thread(target=self._read, args=(send,), daemon=True).start()

    def next_event(self, seconds: float) -> Event | None:
        """What came next; None where nothing did in this time."""
        try:
            return self._events.get(timeout=seconds)
        except Empty:
            return None

    def abandon(self) -> None:
        """Nobody listens any more: hang up, so that the server stops to write. No matter if it is over."""
        self._is_abandoned = True
        self._hang_up()

    def _read(self, send: Callable[[], AbstractContextManager[Body]]) -> None:
        last: Event = Ended()
        try:
            with send() as body:
                self._response = body
                if self._is_abandoned:  # it was too early to hang up
                    return
                try:
                    for data in body.iter_bytes():
                        self._events.put(data)
                except Exception as error:  # of whichever library holds the connection
                    last = CutOff()
                    last.__cause__ = error
        except Exception as error:  # the border of this thread: told to who waits
            last = NoResponse()
            last.__cause__ = error
        self._events.put(last)

    def _hang_up(self) -> None:
        """Closing alone would not wake a thread that waits in `recv`."""
        response = self._response
        if response is not None and not response.is_closed:
            stream = response.extensions.get("network_stream")
            with suppress(OSError, AttributeError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
