from menu import repeats_too_soon, week_plan, without


def test_plan_goes_round():
    assert week_plan(["soup", "pasta"], 5) == ["soup", "pasta", "soup", "pasta", "soup"]


def test_without_allergens():
    dishes = [("satay", ["nuts"]), ("salad", []), ("omelette", ["egg", "milk"])]
    assert without(dishes, ["nuts", "egg"]) == ["salad"]


def test_repeats():
    assert repeats_too_soon(["soup", "pasta", "soup"], 3)
    assert not repeats_too_soon(["soup", "pasta", "soup"], 2)


def test_only_the_last_time_counts():
    assert not repeats_too_soon(["a", "b", "c", "a", "b", "c", "a"], 3)
