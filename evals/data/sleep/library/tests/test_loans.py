from loans import can_borrow, due_day, fine


def test_due():
    assert due_day(10, False) == 38
    assert due_day(10, True) == 17


def test_no_fine_in_time():
    assert fine(38, 38) == 0
    assert fine(38, 30) == 0


def test_fine():
    assert fine(38, 41) == 6


def test_the_fine_has_an_end():
    assert fine(38, 400) == 50


def test_borrowing():
    assert can_borrow(4, 0)
    assert not can_borrow(5, 0)
    assert not can_borrow(1, 1)
