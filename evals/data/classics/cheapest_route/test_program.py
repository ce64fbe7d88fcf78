from program import cheapest_route

FARES = {"A": {"B": 4, "C": 1}, "C": {"B": 2, "D": 7}, "B": {"D": 1}, "D": {}}


def test_staying_costs_nothing():
    assert cheapest_route(FARES, "A", "A") == (["A"], 0)


def test_no_route():
    assert cheapest_route(FARES, "D", "A") == (None, None)


def test_price_of_a_detour():
    assert cheapest_route(FARES, "A", "D")[1] == 4


def test_stops_of_a_detour():
    assert cheapest_route(FARES, "A", "D")[0] == ["A", "C", "B", "D"]


def test_unknown_stop():
    assert cheapest_route(FARES, "X", "A") == (None, None)
