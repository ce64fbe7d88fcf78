from program import gentlest_path


def test_one_row():
    assert gentlest_path([[3, 1, 2]]) == 1


def test_straight_down():
    assert gentlest_path([[9, 1, 9], [9, 1, 9]]) == 2


def test_to_the_right():
    assert gentlest_path([[1, 9, 9], [9, 1, 9], [9, 9, 1]]) == 3


def test_to_the_left():
    assert gentlest_path([[9, 9, 1], [9, 1, 9], [1, 9, 9]]) == 3
