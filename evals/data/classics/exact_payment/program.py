def reachable_sums(amounts):
    """Every sum that some of the amounts make, each used at most once; nothing at all makes 0."""
    sums = set()
    for amount in amounts:
        sums |= {known + amount for known in sums}
    return sums


def can_pay(purse, price):
    return price in reachable_sums(purse)


def smallest_overpayment(purse, price):
    """The least sum that covers the price; None where the purse is too light."""
    return min((total for total in reachable_sums(purse) if total >= price), default=None)
