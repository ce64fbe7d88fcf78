from ranking import gap_to_winner, podium, ranks

TIMES = {"ann": 62, "bob": 60, "cy": 62, "dee": 71}


def test_ranks_with_a_tie():
    assert ranks(TIMES) == {"ann": 2, "bob": 1, "cy": 2, "dee": 4}


def test_podium():
    assert podium(TIMES) == ["bob", "ann", "cy"]


def test_gap():
    assert gap_to_winner(TIMES, "dee") == 11


def test_the_winner_has_no_gap():
    assert gap_to_winner(TIMES, "bob") == 0
