from shelves import fill, fits, tallest


def test_fits():
    assert fits([3, 4], 7)
    assert not fits([3, 5], 7)


def test_fill():
    assert fill([3, 4, 2, 6], 7) == [[3, 4], [2], [6]]


def test_nothing_to_fill():
    assert fill([], 7) == [[]]


def test_tallest():
    assert tallest([("a", 20), ("b", 31), ("c", 31)]) == "b"
    assert tallest([]) is None
