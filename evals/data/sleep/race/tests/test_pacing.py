from pacing import is_even, negative_split, pace, predicted


def test_pace_per_kilometre():
    assert pace(1500, 5000) == 300


def test_prediction():
    assert predicted(1500, 5000, 10000) == 3000


def test_even():
    assert is_even([60, 62, 58], 2)
    assert not is_even([60, 66, 54], 5)


def test_negative_split():
    assert negative_split([62, 61, 60, 59])
    assert not negative_split([60, 60, 60, 60])
