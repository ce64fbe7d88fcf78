from program import busy_minutes, busy_periods


def test_no_meetings():
    assert busy_periods([]) == []


def test_separate_meetings_stay_separate():
    assert busy_periods([(30, 40), (10, 20)]) == [(10, 20), (30, 40)]


def test_overlap():
    assert busy_periods([(10, 25), (20, 30)]) == [(10, 30)]


def test_touching():
    assert busy_periods([(10, 20), (20, 30)]) == [(10, 30)]


def test_one_inside_another():
    assert busy_periods([(0, 60), (10, 20)]) == [(0, 60)]


def test_busy_minutes():
    assert busy_minutes([(0, 60), (30, 45), (100, 110)]) == 70
