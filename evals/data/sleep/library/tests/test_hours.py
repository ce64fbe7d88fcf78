from hours import is_open, next_opening, open_hours


def test_weekdays():
    assert is_open(9, 0) and is_open(17, 4)
    assert not is_open(18, 0) and not is_open(8, 0)


def test_weekend():
    assert is_open(10, 5) and not is_open(14, 5)
    assert not is_open(12, 6)


def test_hours_of_a_day():
    assert open_hours(2) == 9
    assert open_hours(5) == 4
    assert open_hours(6) == 0


def test_next_opening():
    assert next_opening(20, 1) == 13
    assert next_opening(13, 5) == 44
