from datetime import date

import pytest

from larder.stock import Shortage, Stock
from larder.units import Quantity


def test_total():
    stock = Stock()
    stock.add("Flour", Quantity(1, "kg"))
    stock.add("flour", Quantity(500, "g"))
    assert stock.total("flour") == Quantity(1500, "g")
    assert stock.total("salt") is None


def test_shortage():
    stock = Stock()
    stock.add("milk", Quantity(1, "l"))
    with pytest.raises(Shortage):
        stock.take("milk", Quantity(2, "l"))


def test_expiring():
    stock = Stock()
    stock.add("milk", Quantity(1, "l"), date(2025, 3, 3))
    stock.add("rice", Quantity(1, "kg"))
    assert stock.expiring(date(2025, 3, 1), 2) == ["milk"]
