from program import rook_paths, worst_block


def test_single_square():
    assert rook_paths(1, 1) == 1


def test_single_row():
    assert rook_paths(1, 4) == 1


def test_open_board():
    assert rook_paths(3, 3) == 6


def test_blocked_square():
    assert rook_paths(3, 3, blocked={(1, 1)}) == 2


def test_worst_block():
    assert worst_block(4, 5) == (1, 1)
