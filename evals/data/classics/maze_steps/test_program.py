from program import maze_steps


def test_already_there():
    assert maze_steps(["."], (0, 0), (0, 0)) == 0


def test_straight_line():
    assert maze_steps(["...."], (0, 0), (0, 3)) == 3


def test_around_a_wall():
    assert maze_steps(["...", "##.", "..."], (0, 0), (2, 0)) == 6


def test_no_way():
    assert maze_steps([".#."], (0, 0), (0, 2)) is None
