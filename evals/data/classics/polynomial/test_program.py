from program import Polynomial


def test_constant():
    assert Polynomial(7)(100) == 7


def test_value():
    assert Polynomial(1, 2, 3)(2) == 17


def test_sum():
    assert (Polynomial(1, 1) + Polynomial(0, 0, 4)).coefficients == [1, 1, 4]


def test_derivative():
    assert Polynomial(5, 4, 3, 2).derivative().coefficients == [4, 6, 6]


def test_slope():
    assert Polynomial(0, 0, 1).derivative()(5) == 10
