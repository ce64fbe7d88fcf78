import pytest
from units import readable, to_grams


def test_kilograms():
    assert to_grams(2, "kg") == 2000


def test_ounces():
    assert to_grams(3, "oz") == 84


def test_unknown_unit():
    with pytest.raises(ValueError):
        to_grams(1, "stone")


def test_small_amounts():
    assert readable(999) == "999 g"


def test_large_amounts():
    assert readable(1000) == "1.0 kg"
    assert readable(2350) == "2.3 kg"
