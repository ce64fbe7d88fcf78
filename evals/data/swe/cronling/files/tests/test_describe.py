from cronling.describe import describe, join_words


def test_a_time():
    assert describe("30 6 * * *") == "at 06:30"


def test_months():
    assert describe("0 0 * 1,7 *") == "at 00:00 in January and July"


def test_three_words():
    assert join_words(["a", "b", "c"]) == "a, b and c"
