import pytest
from points import points_for, season


def test_first_and_last():
    assert points_for(1) == 10
    assert points_for(5) == 4


def test_beyond_the_table():
    assert points_for(6) == 0


def test_no_place():
    with pytest.raises(ValueError):
        points_for(0)


def test_season():
    results = {"ann": [1, 3, 9], "bob": [2, 2, 2]}
    assert season(results, 0) == {"ann": 16, "bob": 24}


def test_the_worst_are_dropped():
    assert season({"ann": [1, 9, 3]}, 1) == {"ann": 16}
