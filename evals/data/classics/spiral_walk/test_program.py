from program import spiral_walk


def test_single_row():
    assert spiral_walk([[1, 2, 3]]) == [1, 2, 3]


def test_single_column():
    assert spiral_walk([[1], [2], [3]]) == [1, 2, 3]


def test_square_of_two():
    assert spiral_walk([[1, 2], [4, 3]]) == [1, 2, 3, 4]


def test_square_of_three():
    assert spiral_walk([[1, 2, 3], [8, 9, 4], [7, 6, 5]]) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_wide_grid():
    assert spiral_walk([["a", "b", "c", "d"], ["h", "g", "f", "e"]]) == list("abcdefgh")
