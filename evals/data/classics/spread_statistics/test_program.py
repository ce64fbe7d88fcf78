import pytest
from program import deviation, mean, median


def test_mean():
    assert mean([1, 2, 6]) == 3


def test_median_of_odd_count():
    assert median([9, 1, 5]) == 5


def test_median_of_even_count():
    assert median([4, 1, 3, 2]) == 2.5


def test_no_spread():
    assert deviation([3, 3, 3]) == 0


def test_deviation():
    assert deviation([2, 4, 4, 4, 5, 5, 7, 9]) == pytest.approx(2.1381, abs=1e-4)
