from program import roman_year


def test_single_letter():
    assert roman_year("X") == 10


def test_sum():
    assert roman_year("XVI") == 16


def test_subtraction():
    assert roman_year("IX") == 9


def test_repeated_letters():
    assert roman_year("III") == 3


def test_year():
    assert roman_year("MCMXCIV") == 1994


def test_lower_case():
    assert roman_year("mmxx") == 2020
