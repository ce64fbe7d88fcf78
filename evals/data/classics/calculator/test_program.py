from program import Calculator


def test_number():
    assert Calculator().evaluate("42") == 42


def test_precedence():
    assert Calculator().evaluate("2 + 3 * 4") == 14


def test_parentheses():
    assert Calculator().evaluate("(2 + 3) * 4") == 20


def test_division():
    assert Calculator().evaluate("9 / 2") == 4.5


def test_subtraction():
    assert Calculator().evaluate("10 - 4") == 6


def test_subtraction_is_left_associative():
    assert Calculator().evaluate("10 - 4 - 3") == 3
