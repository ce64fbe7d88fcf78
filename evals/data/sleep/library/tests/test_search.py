from search import best_titles, score, tokens

TITLES = ["The Sea", "A Sea of Stones", "Stones", "Bread"]


def test_tokens():
    assert tokens("The sea, the SEA !") == ["the", "sea", "the", "sea"]


def test_score():
    assert score("sea stones", "A Sea of Stones") == 1
    assert score("sea stones", "The Sea") == 0.5
    assert score("", "Bread") == 0


def test_best():
    assert best_titles("sea stones", TITLES, 5) == ["A Sea of Stones", "Stones", "The Sea"]


def test_only_so_many():
    assert best_titles("sea stones", TITLES, 1) == ["A Sea of Stones"]
