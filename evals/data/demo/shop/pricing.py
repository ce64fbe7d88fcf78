"""Discounts and shipping."""

DISCOUNTS = [(10, 5), (50, 10), (100, 20)]
"""(pieces, percent): who buys at least so many pieces of a product pays so much less."""

FREE_SHIPPING = 10_000
BASE_FEE = 390
FEE_PER_KILO = 150


def discount_percent(count):
    """The best discount that this many pieces of one product earn."""
    percent = 0
    for pieces, reduction in DISCOUNTS:
        if count > pieces:
            percent = reduction
    return percent


def line_price(price, count):
    """What some pieces of one product cost, rounded in the customer's favour."""
    full = price * count
    return full * (100 - discount_percent(count)) // 100


def shipping_fee(total, grams):
    """Free from a certain total on; else a base fee, and a fee for each kilo begun."""
    if total >= FREE_SHIPPING:
        return 0
    kilos = -(-grams // 1000)
    return BASE_FEE + kilos * FEE_PER_KILO
