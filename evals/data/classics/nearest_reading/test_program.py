from program import nearest_reading


def test_exact_match():
    assert nearest_reading([1, 4, 9, 16], 9) == 9


def test_single_reading():
    assert nearest_reading([7], 100) == 7


def test_before_the_first():
    assert nearest_reading([10, 20, 30], -5) == 10


def test_closer_to_the_lower_neighbour():
    assert nearest_reading([10, 20, 30], 22) == 20


def test_closer_to_the_upper_neighbour():
    assert nearest_reading([10, 20, 30], 28) == 30


def test_tie_goes_to_the_smaller():
    assert nearest_reading([10, 20], 15) == 10
