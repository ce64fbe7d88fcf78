from program import rotate, rotate_clockwise


def test_square():
    assert rotate_clockwise([[1, 2], [3, 4]]) == [[3, 1], [4, 2]]


def test_row_becomes_column():
    assert rotate_clockwise([[1, 2, 3]]) == [[1], [2], [3]]


def test_no_turn():
    assert rotate([[1, 2], [3, 4]], 0) == [[1, 2], [3, 4]]


def test_full_turn():
    assert rotate([[1, 2], [3, 4]], 4) == [[1, 2], [3, 4]]


def test_turn_to_the_left():
    assert rotate([[1, 2], [3, 4]], -1) == [[2, 4], [1, 3]]
