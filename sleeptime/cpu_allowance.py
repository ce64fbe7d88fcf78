"""The CPU seconds that a sleep may use: reserved from the day's ledger a slice at a time, before they are used."""

import os

from sleeptime.caps import CapReached, Reservation, Spending, SpendingLedger

_SLICES = (20.0, 8.0, 4.0)
"""The largest that is still there. A daemon that is killed has spent the whole slice, so they are not large."""
_LOOK_SECONDS = 0.4  # between two looks at what was used, at most


class CpuAllowance:
    """Of one sleep. Settled once, at its end."""

    def __init__(self, ledger: SpendingLedger) -> None:
        self._ledger = ledger
        self._reservations: list[Reservation] = []
        # All cores may be busy until the next look.
        self._margin = min(_LOOK_SECONDS * (os.cpu_count() or 1), _SLICES[-1] / 2)

    @property
    def seconds(self) -> float:
        """What is reserved so far."""
        return sum(reservation.held.cpu_seconds for reservation in self._reservations)

    def extend(self) -> bool:
        """Reserve another slice; False where the day has none left."""
        for seconds in _SLICES:
            try:
                self._reservations.append(self._ledger.reserve(Spending(cpu_seconds=seconds)))
                return True
            except CapReached:
                continue
        return False

    def covers(self, used: float) -> bool:
        """Whether the sleep may go on that has used so many seconds."""
        return used + self._margin < self.seconds or (self.extend() and used + self._margin < self.seconds)

    def settle(self, used: float) -> None:
        """Put what was used in the place of what was reserved."""
        *full, last = self._reservations
        for reservation in full:
            seconds = min(used, reservation.held.cpu_seconds)
            self._ledger.settle(reservation, Spending(cpu_seconds=seconds))
            used -= seconds
        self._ledger.settle(last, Spending(cpu_seconds=used))
