from scaling import largest_batch, scale

PANCAKES = {"servings": 4, "amounts": {"flour": 200, "egg": 2}}


def test_double():
    assert scale(PANCAKES, 8) == {"servings": 8, "amounts": {"flour": 400.0, "egg": 4.0}}


def test_less():
    assert scale(PANCAKES, 1)["amounts"] == {"flour": 50.0, "egg": 0.5}


def test_batch_is_limited_by_the_scarcest():
    assert largest_batch(PANCAKES, {"flour": 1000, "egg": 5}) == 8


def test_nothing_without_an_ingredient():
    assert largest_batch(PANCAKES, {"flour": 1000}) == 0
