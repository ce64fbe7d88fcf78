from program import digit_at, radix_sort


def test_digit_at():
    assert digit_at(4721, 0) == 1
    assert digit_at(4721, 2) == 7


def test_empty():
    assert radix_sort([]) == []


def test_different_widths():
    assert radix_sort([170, 45, 75, 802, 24, 2, 66]) == [2, 24, 45, 66, 75, 170, 802]


def test_all_digits():
    assert radix_sort([90, 19, 8, 73]) == [8, 19, 73, 90]
