"""Hard limits of a run on tokens, calls, time and money, and the meter that keeps to them."""

import time
from dataclasses import dataclass
from math import inf
from threading import Lock
from typing import NamedTuple

from agent.errors import ConfigError
from memory.records import Tokens

_SMALLEST_REPLY = 256
"""Tokens; a reply that may not be even this long is not worth its prompt."""
_PLENTY = 1 << 40


@dataclass(frozen=True)
class Limits:
    """What one run may use; None is no limit. Reaching one ends the sampling, never the run."""

    tokens: int | None = 2_000_000
    """Prompt and completion together."""
    calls: int | None = 500
    """Requests, failed ones included."""
    seconds: float | None = None
    """Wall clock since the model was opened."""
    dollars: float | None = None
    """Needs the prices."""
    prompt_price: float = 0.0
    """Dollars per million prompt tokens."""
    completion_price: float = 0.0
    """Dollars per million completion tokens."""

    def __post_init__(self) -> None:
        if self.dollars is not None and not (self.prompt_price > 0 and self.completion_price > 0):
            raise ConfigError(
                "A limit in dollars needs the prices of a million prompt and completion tokens: --price IN,OUT."
            )

    def cost(self, prompt: int, completion: int) -> float:
        """In dollars."""
        return (prompt * self.prompt_price + completion * self.completion_price) / 1e6


class Allowance(NamedTuple):
    """What a request may ask for."""

    prompt: int
    n: int
    max_tokens: int


class Meter:
    """Counts what a run uses, from any thread, and says what the next request may still ask for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._end = inf if limits.seconds is None else time.monotonic() + limits.seconds
        self._used = Tokens()
        self._booked = Tokens()
        self._reached: str | None = None
        self._lock = Lock()

    @property
    def used(self) -> Tokens:
        """Everything so far, failed requests included."""
        return self._used

    @property
    def dollars(self) -> float | None:
        """What it has cost so far; None where no price is known."""
        if not (self._limits.prompt_price or self._limits.completion_price):
            return None
        return self._limits.cost(self._used.prompt, self._used.completion)

    @property
    def reached(self) -> str | None:
        """A sentence on the limit that has been reached; None while there is room."""
        return self._reached

    def charge(self, spent: Tokens) -> None:
        """Count what an earlier process has used for the same run."""
        with self._lock:
            self._used += spent

    def has_time(self) -> bool:
        """Whether the wall clock allows to go on."""
        if time.monotonic() < self._end:
            return True
        self._reached = f"The limit of {self._limits.seconds:g} s for the model is reached."
        return False

    def book(self, prompt: int, n: int, max_tokens: int) -> Allowance | None:
        """Reserve a request of n replies of at most `max_tokens` each, fewer or shorter where the limits are near.

        None where a limit is reached. Every allowance has to be settled.
        """
        with self._lock:
            room, limit = self._room(prompt)
            why = f": the next request would read about {prompt:,} tokens" if room < 0 else ""
            n = min(n, room // min(max_tokens, _SMALLEST_REPLY))
            if n < 1 or not self.has_time():
                self._reached = self._reached or f"The limit of {limit} for the model is reached{why}."
                return None
            max_tokens = min(max_tokens, room // n)
            self._booked += Tokens(prompt=prompt, completion=n * max_tokens)
            self._used += Tokens(calls=1)
            return Allowance(prompt, n, max_tokens)

    def settle(self, allowance: Allowance, spent: Tokens) -> None:
        """Put what a request really used in the place of its allowance, whose call is counted already."""
        with self._lock:
            self._booked += Tokens(prompt=-allowance.prompt, completion=-allowance.n * allowance.max_tokens)
            self._used += spent.model_copy(update={"calls": 0})

    def _room(self, prompt: int) -> tuple[int, str]:
        """Completion tokens that are left after this prompt, and the limit that says so."""
        limits, taken = self._limits, self._used + self._booked
        rooms = [(_PLENTY, "")]
        if limits.calls is not None and taken.calls >= limits.calls:
            rooms.append((0, f"{limits.calls} calls"))
        if limits.tokens is not None:
            rooms.append((limits.tokens - taken.prompt - taken.completion - prompt, f"{limits.tokens:,} tokens"))
        if limits.dollars is not None:
            left = limits.dollars - limits.cost(taken.prompt + prompt, taken.completion)
            rooms.append((int(left * 1e6 / limits.completion_price), f"${limits.dollars:g}"))
        return min(rooms)
