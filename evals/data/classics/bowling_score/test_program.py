from program import score


def test_gutter_game():
    assert score([0] * 20) == 0


def test_ordinary_rolls():
    assert score([3, 4] * 10) == 70


def test_spare():
    assert score([6, 4, 5] + [0] * 17) == 20


def test_strike():
    assert score([10, 3, 4] + [0] * 16) == 24


def test_perfect_game():
    assert score([10] * 12) == 300
