from nutrition import calories, is_balanced, share


def test_calories():
    assert calories({"fat": 10, "protein": 20, "carbs": 50}) == 370


def test_share():
    assert share({"fat": 10, "carbs": 10}, "fat") == 69
    assert share({"carbs": 10}, "fat") == 0


def test_share_of_nothing():
    assert share({}, "fat") == 0


def test_balanced():
    assert is_balanced({"fat": 10, "protein": 20, "carbs": 50})
    assert not is_balanced({"fat": 30, "protein": 20, "carbs": 50})
    assert not is_balanced({"fat": 10, "protein": 2, "carbs": 90})
