from program import can_pay, reachable_sums, smallest_overpayment


def test_cannot_pay():
    assert not can_pay([5, 10], 7)


def test_too_light():
    assert smallest_overpayment([1, 2], 50) is None


def test_all_sums():
    assert reachable_sums([1, 2]) == {0, 1, 2, 3}


def test_can_pay():
    assert can_pay([2, 5, 10], 12)


def test_smallest_overpayment():
    assert smallest_overpayment([5, 8, 20], 11) == 13
