"""What sleep may spend in a day, and what it has: a durable ledger that all processes of a user share.

Nothing is spent that was not reserved before, and a reservation that would pass a cap is refused; afterwards what was
really used takes its place. Of a process that died in between, the whole reservation counts.
"""

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from agent.endpoint import is_loopback
from agent.limits import Allowance, Limits, Meter
from memory.database import Database, Layout
from memory.errors import UserError
from memory.records import Record, Tokens
from sleeptime.settings import SleepSettings, settings_file

if TYPE_CHECKING:
    from agent.openai_model import OpenAIModel

_REQUEST_SECONDS = 300.0
"""Of a GPU, reserved for a request; one that takes longer is ended."""

_KEPT = timedelta(days=90)

_TABLES = """
CREATE TABLE spending (
    seq INTEGER PRIMARY KEY, day TEXT NOT NULL, home TEXT NOT NULL, is_settled INTEGER NOT NULL,
    tokens INTEGER NOT NULL, paid_tokens INTEGER NOT NULL, requests INTEGER NOT NULL,
    cpu_seconds REAL NOT NULL, gpu_seconds REAL NOT NULL
) STRICT;
CREATE INDEX spending_of ON spending (day, home);
"""
_LAYOUT = Layout(called="ledger of what sleep has spent", application_id=0x536C7043, schema=1, tables=_TABLES)  # "SlpC"


class Spending(Record):
    """What was spent, or is about to be."""

    tokens: int = 0
    """Prompt and completion of all endpoints."""
    paid_tokens: int = 0
    """Those of endpoints that are not on this machine."""
    requests: int = 0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(**{name: getattr(self, name) + getattr(other, name) for name in _KINDS})


class Caps(Record):
    """What may be spent in a day, all repositories together; None is no cap."""

    tokens: int | None = None
    paid_tokens: int | None = 0
    requests: int | None = None
    cpu_seconds: float | None = None
    gpu_seconds: float | None = None

    @classmethod
    def from_settings(cls, settings: SleepSettings) -> Self:
        return cls(
            tokens=settings.tokens_per_day,
            paid_tokens=settings.paid_tokens_per_day,
            requests=settings.requests_per_day,
            cpu_seconds=settings.cpu_seconds_per_day,
            gpu_seconds=settings.gpu_seconds_per_day,
        )

    def passed_by(self, spent: Spending) -> str | None:
        """The kind of spending that would be above its cap; None where all are within."""
        for kind in _KINDS:
            cap = getattr(self, kind)
            if cap is not None and getattr(spent, kind) > cap:
                return kind
        return None


_KINDS = tuple(Spending.model_fields)


class CapReached(UserError):
    """Today no more may be spent."""


class Reservation(NamedTuple):
    """Its row in the ledger, and what it holds."""

    seq: int
    held: Spending


class SpendingLedger:
    """Safe between threads and processes. A context manager. Methods may raise StoreError."""

    def __init__(self, file: Path, caps: Caps, home: str, today: Callable[[], date] = date.today) -> None:
        """`home` is the name of the memory home that is spent for; the caps are about all homes together."""
        self.caps = caps
        self._database = Database(file, _LAYOUT)
        self._home = home
        self._today = today
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def reserve(self, asked: Spending) -> Reservation:
        """Durable when this returns, and to be settled. CapReached where it would pass a cap."""
        today = self._today()
        day = today.isoformat()
        with self._lock, self._database.write() as connection:
            connection.execute("DELETE FROM spending WHERE day < ?", ((today - _KEPT).isoformat(),))
            before = _sum(connection.execute(f"SELECT {_SUMS} FROM spending WHERE day = ?", (day,)).fetchone())
            if kind := self.caps.passed_by(before + asked):
                raise CapReached(_refusal(kind, getattr(self.caps, kind), getattr(before, kind)))
            columns = ", ".join(_KINDS)
            seq = connection.execute(
                f"INSERT INTO spending (day, home, is_settled, {columns}) VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
                (day, self._home, *asked.model_dump().values()),
            ).lastrowid
            assert seq is not None
            return Reservation(seq, asked)

    def settle(self, reservation: Reservation, spent: Spending) -> None:
        """Put what was really spent in the place of a reservation."""
        columns = ", ".join(f"{kind} = ?" for kind in _KINDS)
        with self._lock, self._database.write() as connection:
            connection.execute(
                f"UPDATE spending SET is_settled = 1, {columns} WHERE seq = ?",
                (*spent.model_dump().values(), reservation.seq),
            )

    def spent(self, home: str | None = None, day: date | None = None) -> Spending:
        """Today or on another day, what is reserved included; for one memory home or for all."""
        where, values = "day = ?", [(day or self._today()).isoformat()]
        if home is not None:
            where, values = f"{where} AND home = ?", [*values, home]
        with self._lock, self._database.open() as connection:
            return _sum(connection.execute(f"SELECT {_SUMS} FROM spending WHERE {where}", values).fetchone())

    def tokens_left(self, *, is_paid: bool) -> int | None:
        """Today, of endpoints elsewhere or on this machine; None where there is no cap."""
        spent = self.spent()
        rooms = [] if self.caps.tokens is None else [self.caps.tokens - spent.tokens]
        if is_paid and self.caps.paid_tokens is not None:
            rooms.append(self.caps.paid_tokens - spent.paid_tokens)
        return max(0, min(rooms)) if rooms else None

    def refuse(self, kind: str) -> CapReached:
        """The error for one that is reached."""
        return CapReached(_refusal(kind, getattr(self.caps, kind), getattr(self.spent(), kind)))


_SUMS = ", ".join(f"coalesce(sum({kind}), 0)" for kind in _KINDS)


class DailyMeter(Meter):
    """The meter of a model client that asks the day's ledger before each request, repeated ones included."""

    def __init__(self, limits: Limits, ledger: SpendingLedger, *, is_paid: bool) -> None:
        super().__init__(limits)
        self._ledger = ledger
        self._is_paid = is_paid
        self._open: dict[int, float] = {}

    def book(self, prompt: int, n: int, max_tokens: int) -> Allowance | None:
        """As the meter of a run does, and None where a cap of the day is reached."""
        booked = super().book(prompt, n, max_tokens)
        if booked is None:
            return None
        # The count of a prompt is rough; what is reserved has to be enough.
        tokens = 2 * prompt + booked.n * booked.max_tokens
        asked = Spending(
            tokens=tokens,
            paid_tokens=tokens if self._is_paid else 0,
            requests=1,
            gpu_seconds=0.0 if self._is_paid else self._gpu_slice(),
        )
        try:
            reservation = self._ledger.reserve(asked)
        except CapReached as refusal:
            super().settle(booked, Tokens())
            self._reached = str(refusal)
            return None
        self._open[reservation.seq] = time.monotonic()
        return _DailyAllowance(*booked).of(reservation)

    def settle(self, allowance: Allowance, spent: Tokens) -> None:
        """Also in the day's ledger."""
        super().settle(allowance, spent)
        assert isinstance(allowance, _DailyAllowance)
        seconds = time.monotonic() - self._open.pop(allowance.reservation.seq)
        tokens = spent.prompt + spent.completion
        self._ledger.settle(
            allowance.reservation,
            Spending(
                tokens=tokens,
                paid_tokens=tokens if self._is_paid else 0,
                requests=1,
                gpu_seconds=0.0 if self._is_paid else seconds,
            ),
        )

    def has_time(self) -> bool:
        """Also whether the requests under way keep to the seconds that were reserved for them."""
        longest = max((time.monotonic() - began for began in tuple(self._open.values())), default=0.0)
        limit = self._gpu_slice()
        if not self._is_paid and longest > limit - min(1.0, limit / 2):  # it takes a moment to end one
            self._reached = f"A request took longer than {limit:g} s."
            return False
        return super().has_time()

    def _gpu_slice(self) -> float:
        cap = self._ledger.caps.gpu_seconds
        return _REQUEST_SECONDS if cap is None else min(_REQUEST_SECONDS, cap / 10)


def keep_to_caps(model: "OpenAIModel", limits: Limits, ledger: SpendingLedger) -> None:
    """From now on the model's requests stay within the limits of this run and the day's caps."""
    model.meter = DailyMeter(limits, ledger, is_paid=not is_loopback(model.url))


class _DailyAllowance(Allowance):
    """An allowance that knows its reservation."""

    reservation: Reservation

    def of(self, reservation: Reservation) -> Self:
        self.reservation = reservation
        return self


def _sum(row: tuple[float, ...]) -> Spending:
    return Spending.model_validate(dict(zip(_KINDS, row, strict=True)))


def _refusal(kind: str, cap: float, spent: float) -> str:
    named = kind.replace("_", " ").replace("cpu", "CPU").replace("gpu", "GPU")
    setting = f"`{kind}_per_day` in {str(settings_file())!r}"
    if kind == "paid_tokens" and cap == 0:
        return f"A model that is not on this machine is asked nothing during sleep until you set {setting}."
    return f"Sleep may spend {cap:,g} {named} a day, and has spent {spent:,g} today; {setting} says so."
