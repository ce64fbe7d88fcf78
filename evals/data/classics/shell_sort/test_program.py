from program import shell_sort


def test_empty():
    assert shell_sort([]) == []


def test_two_values():
    assert shell_sort([2, 1]) == [1, 2]


def test_three_values():
    assert shell_sort([3, 1, 2]) == [1, 2, 3]


def test_reversed():
    assert shell_sort([9, 8, 7, 6, 5, 4, 3, 2, 1]) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_six_values():
    assert shell_sort([6, 2, 5, 1, 4, 3]) == [1, 2, 3, 4, 5, 6]


def test_duplicates():
    assert shell_sort([5, 1, 4, 1, 5, 9, 2, 6]) == [1, 1, 2, 4, 5, 5, 6, 9]


def test_argument_is_left_alone():
    values = [3, 2, 1]
    shell_sort(values)
    assert values == [3, 2, 1]
