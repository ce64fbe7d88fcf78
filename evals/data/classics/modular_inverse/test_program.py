import pytest
from program import bezout, modular_inverse


def test_divisor():
    assert bezout(84, 36)[0] == 12


def test_inverse():
    assert modular_inverse(3, 11) == 4


def test_no_inverse():
    with pytest.raises(ValueError):
        modular_inverse(6, 9)


def test_coefficients():
    divisor, x, y = bezout(240, 46)
    assert 240 * x + 46 * y == divisor == 2
