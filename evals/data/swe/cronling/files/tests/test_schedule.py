from datetime import datetime

from cronling.schedule import Schedule


def test_later_on_the_same_day():
    assert Schedule("30 6 * * *").next_after(datetime(2025, 3, 1, 5)) == datetime(2025, 3, 1, 6, 30)


def test_the_next_day():
    assert Schedule("30 6 * * *").next_after(datetime(2025, 3, 1, 7)) == datetime(2025, 3, 2, 6, 30)


def test_an_alias():
    assert Schedule("@daily").next_after(datetime(2025, 12, 31, 5)) == datetime(2026, 1, 1)


def test_a_day_that_never_comes():
    assert Schedule("0 0 31 2 *").next_after(datetime(2025, 1, 1)) is None
