from program import height, in_order, insert


def build(keys):
    root = None
    for key in keys:
        root = insert(root, key)
    return root


def test_empty_tree():
    assert in_order(build([])) == []
    assert height(build([])) == 0


def test_descending_keys():
    assert in_order(build([3, 2, 1])) == [1, 2, 3]


def test_two_keys():
    assert in_order(build([1, 2])) == [1, 2]


def test_many_keys():
    assert in_order(build([5, 2, 8, 1, 9, 3])) == [1, 2, 3, 5, 8, 9]


def test_height():
    assert height(build([4, 2, 6, 1, 7, 8])) == 4
