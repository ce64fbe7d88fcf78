from program import Smoother, moving_average


def test_too_few_values():
    assert moving_average([1, 2], 3) == []


def test_width_of_one():
    assert moving_average([4, 5, 6], 1) == [4, 5, 6]


def test_width_of_two():
    assert moving_average([1, 3, 5, 9], 2) == [2, 4, 7]


def test_all_values():
    assert moving_average([2, 4, 6], 3) == [4]


def test_smoother():
    smoother = Smoother(2)
    assert [smoother.add(value) for value in (2, 4, 8)] == [2, 3, 6]
