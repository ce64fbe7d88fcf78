from program import neighbours, next_generation


def test_empty_board():
    assert next_generation(set()) == set()


def test_lonely_cell_dies():
    assert next_generation({(0, 0)}) == set()


def test_eight_neighbours():
    assert len(neighbours((5, 5))) == 8


def test_block_stays():
    block = {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert next_generation(block) == block


def test_blinker_turns():
    assert next_generation({(0, 0), (0, 1), (0, 2)}) == {(-1, 1), (0, 1), (1, 1)}
