from program import MinHeap


def drain(values):
    heap = MinHeap()
    for value in values:
        heap.push(value)
    return [heap.pop() for _ in values]


def test_one_item():
    assert drain([5]) == [5]


def test_two_items():
    assert drain([2, 1]) == [1, 2]


def test_three_items():
    assert drain([1, 3, 2]) == [1, 2, 3]


def test_many_items():
    assert drain([9, 4, 7, 1, 8, 2, 6, 3, 5]) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_duplicates():
    assert drain([2, 2, 1, 1]) == [1, 1, 2, 2]
