"""Quantities: grams, millilitres and pieces, and what is counted in them."""

FACTORS = {
    "g": ("g", 1),
    "kg": ("g", 1000),
    "ml": ("ml", 1),
    "cl": ("ml", 10),
    "l": ("ml", 1000),
    "tsp": ("ml", 5),
    "tbsp": ("ml", 15),
    "": ("", 1),
}


class BadQuantity(ValueError):
    """A quantity that cannot be read, or does not go with another."""


class Quantity:
    """An amount of a base unit."""

    def __init__(self, amount, unit=""):
        if unit not in FACTORS:
            raise BadQuantity(f"there is no unit {unit!r}")
        base, factor = FACTORS[unit]
        self.amount = amount * factor
        self.unit = base

    def __eq__(self, other):
        return (self.amount, self.unit) == (other.amount, other.unit)

    def __repr__(self):
        return f"Quantity({self.amount!r}, {self.unit!r})"

    def _same_unit(self, other):
        if self.unit != other.unit:
            raise BadQuantity(f"{self.unit!r} and {other.unit!r} do not go together")

    def __add__(self, other):
        self._same_unit(other)
        return Quantity(self.amount + other.amount, self.unit)

    def __sub__(self, other):
        self._same_unit(other)
        return Quantity(self.amount - other.amount, self.unit)

    def __lt__(self, other):
        self._same_unit(other)
        return self.amount < other.amount

    def times(self, factor):
        """So many times as much."""
        return Quantity(self.amount * factor, self.unit)


def parse_quantity(text):
    """A quantity of a text such as "250 g", "1.5l" or "3"."""
    cleaned = text.strip().lower()
    place = 0
    while place < len(cleaned) and (cleaned[place].isdigit() or cleaned[place] == "."):
        place += 1
    number, unit = cleaned[:place], cleaned[place:].strip()
    try:
        amount = float(number)
    except ValueError:
        raise BadQuantity(f"{text!r} has no amount") from None
    return Quantity(int(amount) if amount.is_integer() else amount, unit)


def format_quantity(quantity):
    """As people write it: 1.5 kg, 250 g, 3."""
    large = {"g": "kg", "ml": "l"}
    amount, unit = quantity.amount, quantity.unit
    if unit in large and amount >= 1000:
        amount, unit = amount / 1000, large[unit]
    return f"{amount:g} {unit}".strip()
