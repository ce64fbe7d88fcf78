from handicap import adjusted, new_handicap, start_offsets


def test_the_slowest_starts_first():
    assert start_offsets({"ann": 60, "bob": 75}) == {"ann": 15, "bob": 0}


def test_adjusted():
    assert adjusted(70, 12) == 58
    assert adjusted(5, 12) == 0


def test_a_slow_race_raises_half():
    assert new_handicap(10, 80, 70) == 15
    assert new_handicap(58, 80, 70) == 60


def test_a_fast_race_lowers_all():
    assert new_handicap(10, 66, 70) == 6
    assert new_handicap(3, 60, 70) == 0
