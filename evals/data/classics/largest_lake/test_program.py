from program import largest_lake


def test_dry_land():
    assert largest_lake([[1, 2], [3, 1]]) == 0


def test_one_pond():
    assert largest_lake([[1, 1, 1], [1, 0, 1], [1, 1, 1]]) == 1


def test_diagonal_cells_are_not_connected():
    assert largest_lake([[0, 1], [1, 0]]) == 1


def test_the_larger_of_two():
    assert largest_lake([[0, 5, 0], [7, 5, 0], [0, 5, 0]]) == 3
