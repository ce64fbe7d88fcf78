import pytest

from larder.units import BadQuantity, Quantity, format_quantity, parse_quantity


def test_parse():
    assert parse_quantity("250 g") == Quantity(250, "g")
    assert parse_quantity("1.5l") == Quantity(1500, "ml")
    assert parse_quantity("3") == Quantity(3)


def test_unknown_units():
    with pytest.raises(BadQuantity):
        parse_quantity("3 bushels")


def test_add():
    assert Quantity(1, "kg") + Quantity(5, "g") == Quantity(1005, "g")


def test_format():
    assert format_quantity(Quantity(250, "g")) == "250 g"
