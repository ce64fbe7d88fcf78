import pytest
from pantry import Pantry


def filled():
    pantry = Pantry()
    pantry.add("flour", 5)
    pantry.add("flour", 2)
    pantry.add("egg", 1)
    return pantry


def test_adding_adds_up():
    assert filled().stock == {"flour": 7, "egg": 1}


def test_nothing_cannot_be_added():
    with pytest.raises(ValueError):
        Pantry().add("egg", 0)


def test_taking():
    pantry = filled()
    assert pantry.take("flour", 3) == 3
    assert pantry.stock["flour"] == 4


def test_the_last_one_is_gone():
    pantry = filled()
    pantry.take("egg", 1)
    assert "egg" not in pantry.stock


def test_too_much():
    with pytest.raises(KeyError):
        filled().take("egg", 2)


def test_low():
    assert filled().low(7) == ["egg"]
    assert filled().low(8) == ["egg", "flour"]
