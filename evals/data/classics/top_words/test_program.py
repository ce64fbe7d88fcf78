from program import top_words, words


def test_words():
    assert words("Don't panic!") == ["don't", "panic"]


def test_no_words():
    assert top_words("123", 5) == []


def test_equal_frequencies():
    assert top_words("pear apple", 2) == [("apple", 1), ("pear", 1)]


def test_most_frequent_first():
    assert top_words("one fish two fish red fish one", 2) == [("fish", 3), ("one", 2)]


def test_ignored_words():
    assert top_words("the cat and the hat", 1, ignored={"the"}) == [("and", 1)]
