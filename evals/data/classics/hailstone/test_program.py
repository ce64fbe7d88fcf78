from program import hailstone, longest_start


def test_one():
    assert hailstone(1) == [1]


def test_power_of_two():
    assert hailstone(8) == [8, 4, 2, 1]


def test_odd_number():
    assert hailstone(3) == [3, 10, 5, 16, 8, 4, 2, 1]


def test_longest_start():
    assert longest_start(10) == 9
