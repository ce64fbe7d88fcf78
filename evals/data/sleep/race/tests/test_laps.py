from laps import fastest_lap, lap_times, laps_left


def test_times():
    assert lap_times([0, 61, 120, 185]) == [61, 59, 65]


def test_fastest():
    assert fastest_lap([0, 61, 120, 185]) == 2
    assert fastest_lap([5]) is None


def test_left():
    assert laps_left(10, [0, 61, 120]) == 8


def test_left_before_the_start():
    assert laps_left(10, []) == 10
