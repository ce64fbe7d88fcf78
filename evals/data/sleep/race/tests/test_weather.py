from weather import average, heat_alarm, warmest_hour


def test_average_of_what_is_known():
    assert average([20, None, 24]) == 22
    assert average([None]) is None


def test_alarm():
    assert heat_alarm([30, 31, 32], 30, 3)
    assert not heat_alarm([30, 31, 29, 32], 30, 3)
    assert not heat_alarm([30, None, 31, 32], 30, 3)


def test_warmest():
    assert warmest_hour([12, 18, 25, 25, 19]) == 2


def test_warmest_at_once():
    assert warmest_hour([9]) == 0
