from program import free_slots


def test_nothing_booked():
    assert free_slots([], 9, 17) == [(9, 17)]


def test_one_booking_in_the_middle():
    assert free_slots([(12, 13)], 9, 17) == [(9, 12), (13, 17)]


def test_overlapping_bookings():
    assert free_slots([(9, 12), (10, 11), (14, 15)], 9, 17) == [(12, 14), (15, 17)]


def test_short_gaps_are_dropped():
    assert free_slots([(10, 11)], 9, 17, minimum=2) == [(11, 17)]
