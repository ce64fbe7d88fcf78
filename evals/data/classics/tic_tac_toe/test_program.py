from program import is_draw, winner


def test_row():
    assert winner(["OO ", "XXX", "   "]) == "X"


def test_column():
    assert winner(["OX ", "OX ", "O X"]) == "O"


def test_diagonal():
    assert winner(["X O", "OX ", "  X"]) == "X"


def test_other_diagonal():
    assert winner(["X O", "XO ", "O  "]) == "O"


def test_empty_board():
    assert winner(["   ", "   ", "   "]) is None


def test_draw():
    assert is_draw(["XOX", "XOO", "OXX"])
