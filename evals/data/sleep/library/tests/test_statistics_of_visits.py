from statistics_of_visits import busiest, growth, median


def test_busiest():
    assert busiest({"mon": 3, "tue": 9, "wed": 9}) == "tue"
    assert busiest({}) is None


def test_odd_median():
    assert median([5, 1, 3]) == 3


def test_even_median():
    assert median([4, 1, 3, 2]) == 2.5


def test_growth():
    assert growth(50, 75) == 50
    assert growth(80, 60) == -25
    assert growth(0, 5) is None
