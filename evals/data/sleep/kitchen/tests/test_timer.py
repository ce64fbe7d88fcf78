from timer import next_ring, parse_time, show_time


def test_parse():
    assert parse_time("2:05") == 125


def test_show():
    assert show_time(125) == "2:05"
    assert show_time(59) == "0:59"


def test_next_ring():
    assert next_ring([100, 40, 70], 50) == 20


def test_a_timer_that_rings_now_is_over():
    assert next_ring([50], 50) is None
