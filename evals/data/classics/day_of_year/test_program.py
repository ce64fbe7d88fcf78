from program import day_of_year, days_left, is_leap


def test_first_day():
    assert day_of_year(2023, 1, 1) == 1


def test_ordinary_year():
    assert day_of_year(2023, 12, 31) == 365
    assert days_left(2023, 12, 30) == 1


def test_centuries():
    assert not is_leap(1900)


def test_leap_years():
    assert is_leap(2000)
    assert is_leap(2024)


def test_march_of_a_leap_year():
    assert day_of_year(2024, 3, 1) == 61
