import pytest

from tally.money import format_amount, parse_amount, percent_of


def test_whole_amounts():
    assert parse_amount("12") == 1200


def test_cents():
    assert parse_amount("3.50") == 350


def test_negative():
    assert parse_amount("-3.05") == -305


def test_words_are_refused():
    with pytest.raises(ValueError):
        parse_amount("ten")


def test_format():
    assert format_amount(123456) == "1234.56"
    assert format_amount(-5) == "-0.05"


def test_percent():
    assert percent_of(1000, 19) == 190
