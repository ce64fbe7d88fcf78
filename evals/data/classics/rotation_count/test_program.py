from program import restore_order, rotation_count


def test_rotated_by_two():
    assert rotation_count([8, 9, 1, 3, 5, 7]) == 2


def test_not_rotated():
    assert rotation_count([1, 2, 3, 4, 5]) == 0


def test_rotated_by_almost_everything():
    assert rotation_count([2, 3, 4, 5, 1]) == 4


def test_single_item():
    assert rotation_count([42]) == 0


def test_restore_order():
    assert restore_order(["d", "e", "a", "b", "c"]) == ["a", "b", "c", "d", "e"]
