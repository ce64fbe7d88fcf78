from program import best_revenue, gain_from_cutting

PRICES = [1, 5, 8, 9]


def test_no_rod():
    assert best_revenue(PRICES, 0) == 0


def test_shortest_rod():
    assert best_revenue(PRICES, 1) == 1


def test_two_cuts_are_better():
    assert best_revenue(PRICES, 4) == 10


def test_longer_than_any_piece():
    assert best_revenue(PRICES, 7) == 18


def test_gain():
    assert gain_from_cutting(PRICES, 1) == 0
    assert gain_from_cutting(PRICES, 4) == 1
