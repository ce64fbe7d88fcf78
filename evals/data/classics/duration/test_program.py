from program import format_duration, parse_duration


def test_parse():
    assert parse_duration("1h 30m") == 5400


def test_nothing():
    assert format_duration(0) == "0s"


def test_seconds():
    assert format_duration(45) == "45s"


def test_one_of_each():
    assert format_duration(86400 + 3600 + 60 + 1) == "1d1h1m1s"


def test_there_and_back():
    assert parse_duration(format_duration(123456)) == 123456
