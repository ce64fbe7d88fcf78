from program import cocktail_sort


def test_empty():
    assert cocktail_sort([]) == []


def test_already_sorted():
    assert cocktail_sort([1, 2, 3]) == [1, 2, 3]


def test_one_swap_at_the_end():
    assert cocktail_sort([1, 3, 2]) == [1, 2, 3]


def test_smallest_at_the_end():
    assert cocktail_sort([2, 3, 4, 1]) == [1, 2, 3, 4]


def test_words():
    assert cocktail_sort(["pear", "fig", "apple", "kiwi"]) == ["apple", "fig", "kiwi", "pear"]
