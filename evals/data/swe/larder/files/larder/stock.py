"""What is there, in batches that go off."""

from larder.units import Quantity


class Batch:
    """Some of one thing, with the day on which it goes off, None for never."""

    def __init__(self, quantity, best_before=None):
        self.quantity = quantity
        self.best_before = best_before


class Shortage(Exception):
    """There is not enough."""


class Stock:
    """Batches by the name of the thing."""

    def __init__(self):
        self.batches = {}

    def add(self, name, quantity, best_before=None):
        """Put something in."""
        self.batches.setdefault(name.lower(), []).append(Batch(quantity, best_before))

    def total(self, name, today=None):
        """How much there is, None where it was never there; what has gone off before `today` is not counted."""
        batches = self.batches.get(name.lower())
        if not batches:
            return None
        total = Quantity(0, batches[0].quantity.unit)
        for batch in batches:
            if today is None or batch.best_before is None or batch.best_before >= today:
                total = total + batch.quantity
        return total

    def take(self, name, quantity):
        """Take something out, what goes off first before the rest. Shortage, and nothing is taken, if there is less."""
        total = self.total(name)
        if total is None or total < quantity:
            raise Shortage(name)
        left = quantity
        for batch in sorted(self.batches[name.lower()], key=_goes_off):
            taken = left if left < batch.quantity else batch.quantity
            batch.quantity = batch.quantity - taken
            left = left - taken
        self.batches[name.lower()] = [batch for batch in self.batches[name.lower()] if batch.quantity.amount > 0]

    def expiring(self, today, days):
        """Names of what goes off within so many days from `today`, which is a date; what has gone off is left out."""
        names = []
        for name, batches in self.batches.items():
            for batch in batches:
                if batch.best_before is not None and 0 <= (batch.best_before - today).days <= days:
                    names.append(name)
                    break
        return sorted(names)


def _goes_off(batch):
    return (batch.best_before is None, batch.best_before)
