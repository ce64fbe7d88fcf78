from program import Autocomplete

WORDS = ["car", "card", "care", "dog"]


def test_suggestions_are_sorted():
    assert Autocomplete(WORDS).suggest("car") == ["car", "card", "care"]


def test_no_suggestion():
    assert Autocomplete(WORDS).suggest("cat") == []


def test_unknown_word():
    assert "cow" not in Autocomplete(WORDS)


def test_prefix_is_not_a_word():
    assert "ca" not in Autocomplete(WORDS)


def test_known_words():
    assert all(word in Autocomplete(WORDS) for word in WORDS)
