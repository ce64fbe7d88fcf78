import pytest
from program import blend, parse_colour


def test_black():
    assert parse_colour("#000000") == (0, 0, 0)


def test_not_a_colour():
    with pytest.raises(ValueError):
        parse_colour("#12345")


def test_long_form():
    assert parse_colour("#ff8000") == (255, 128, 0)


def test_short_form():
    assert parse_colour("#f80") == (255, 136, 0)


def test_blend():
    assert blend("#000000", "#ff0000", 0.2) == "#330000"
