from program import days_until, plan_visits


def test_tomorrow():
    assert days_until("Monday", "Tuesday") == 1


def test_over_the_weekend():
    assert days_until("Friday", "Monday") == 3


def test_same_day_next_week():
    assert days_until("Sunday", "Sunday") == 7


def test_no_visits():
    assert plan_visits("Monday", []) == []


def test_plan():
    assert plan_visits("Thursday", ["Tuesday", "Friday"]) == [(1, "Friday"), (5, "Tuesday")]
