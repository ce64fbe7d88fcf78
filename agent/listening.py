"""Waits for an endpoint: for the pieces of an answer, for its end, and until it may be asked again.

Silence before the first token, a stall in the middle and the end of the run are told apart.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.background_request import BackgroundRequest, CutOff, Ended, NoResponse
from agent.chat import Live
from agent.chat_stream import LARGEST, ChatStream, Unreadable
from agent.endpoint import Failure
from agent.errors import ContextExceeded, ModelError

TICK = 0.1
"""Seconds between two looks at the run's end."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for an endpoint, in seconds."""

    connect: float = 10.0
    first_token: float = 600.0
    """A local model may read a long prompt for minutes."""
    stall: float = 120.0
    """Between two pieces of an answer."""
    retries: int = 5
    backoff: float = 1.0
    """Before the first retry; doubled with each."""
    longest_wait: float = 90.0
    """The most that a server may ask to wait."""

    def before_retry(self, failure: Failure, attempt: int) -> float:
        """Seconds until the next attempt; raises ModelError where there is to be none."""
        if failure.context is not None:
            raise ContextExceeded(str(failure), failure.context)
        backoff = self.backoff * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)
        wait = max(backoff, (failure.wait or 0.0) * random.uniform(1.0, 1.1))
        if not failure.retry:
            raise ModelError(str(failure))
        if wait > self.longest_wait:
            raise ModelError(f"{failure} It asks to wait {wait:,.0f} s, which is too long.")
        if attempt > self.retries:
            raise ModelError(f"{failure} Gave up after {attempt} attempts." if attempt > 1 else str(failure))
        return wait


@dataclass(frozen=True)
class Listener:
    """Waits for one endpoint, while the run goes on."""

    url: str
    patience: Patience
    goes_on: Callable[[Live], bool]
    """Is told how far the answer is; False ends the waiting."""
    broken: Callable[[NoResponse | CutOff], Failure]
    """What a broken connection means."""

    def read_whole(self, request: BackgroundRequest) -> bytes | None:
        """The body of a response; None where the run ends before. Raises Failure."""
        data, end = bytearray(), time.monotonic() + self.patience.first_token
        while True:
            match request.next_event(TICK):
                case bytes() as more:
                    data += more
                    if len(data) > LARGEST:
                        raise Failure(f"{self.url} sent more than {LARGEST} bytes.", retry=False)
                case Ended():
                    return bytes(data)
                case NoResponse() | CutOff() as cut:
                    raise self.broken(cut)
            if time.monotonic() > end:
                raise Failure(f"{self.url} did not answer within {self.patience.first_token:g} s.", retry=False)
            if not self.goes_on(Live(0, 0)):
                return None

    def follow(self, request: BackgroundRequest, stream: ChatStream, max_tokens: int) -> bool:
        """Feed the stream until its end; False where the run ends before. Raises Failure, or Refused of the stream."""
        heard = time.monotonic()
        while True:
            event = request.next_event(TICK)
            try:
                match event:
                    case bytes() if stream.feed(event):
                        heard = time.monotonic()
                    case Ended():
                        stream.end()
                        return True
                    case NoResponse() | CutOff():
                        raise self.broken(event)
            except Unreadable as problem:
                sentence = f"{self.url} sent something that is no chat completion: {problem}."
                raise Failure(sentence, retry=problem.retry) from None
            limit = self.patience.stall if stream.tokens else self.patience.first_token
            if time.monotonic() - heard > limit:
                what = "stopped in the middle of an answer" if stream.tokens else "did not begin to answer"
                raise Failure(f"{self.url} {what}: nothing came for {limit:g} s.", retry=stream.tokens > 0)
            if not self.goes_on(Live(stream.finished, stream.tokens)):
                return False
            # An endpoint that does not keep to max_tokens may never end. Our own count is rough.
            if stream.cut_if_longer(3 * max_tokens + 100):
                return True

    def pause(self, seconds: float) -> bool:
        """Wait, unless the run ends."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.goes_on(Live(0, 0)):
                return False
            time.sleep(min(TICK, left))
        return True
