from relay import best_order, handover_ok, team_time


def test_time():
    assert team_time([50, 51, 52], 0) == 153


def test_penalties():
    assert team_time([50, 51], 2) == 121


def test_the_fastest_runs_last_and_the_second_first():
    runners = [("ann", 52), ("bob", 49), ("cy", 55), ("dee", 50)]
    assert best_order(runners) == ["dee", "ann", "cy", "bob"]


def test_one_runner():
    assert best_order([("ann", 52)]) == ["ann"]


def test_handover():
    assert handover_ok(90, 110, (90, 110))
    assert not handover_ok(89, 100, (90, 110))
    assert not handover_ok(95, 111, (90, 110))
