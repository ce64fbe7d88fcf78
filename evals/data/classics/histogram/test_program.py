from program import draw, histogram


def test_no_values():
    assert histogram([], 0, 10, 2) == [0, 0]


def test_two_bins():
    assert histogram([1, 2, 7], 0, 10, 2) == [2, 1]


def test_outside_values():
    assert histogram([-1, 5, 11], 0, 10, 1) == [1]


def test_highest_value_is_in_the_last_bin():
    assert histogram([0, 10], 0, 10, 5) == [1, 0, 0, 0, 1]


def test_draw():
    assert draw([1, 0, 3]) == "*\n\n***"
