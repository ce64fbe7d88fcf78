import pytest

from cronling.fields import DAY, HOUR, MINUTE, MONTH, BadField


def test_numbers_and_lists():
    assert HOUR.parse("6,18") == {6, 18}


def test_ranges():
    assert HOUR.parse("9-12") == {9, 10, 11, 12}


def test_steps():
    assert MINUTE.parse("*/15") == {0, 15, 30, 45}


def test_names():
    assert MONTH.parse("jan,dec") == {1, 12}


@pytest.mark.parametrize("text", ["x", "60", "5-1", "*/0"])
def test_nonsense_is_refused(text):
    with pytest.raises(BadField):
        MINUTE.parse(text)


def test_the_first_day_is_one():
    with pytest.raises(BadField):
        DAY.parse("0")
