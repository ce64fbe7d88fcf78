"""Amounts are whole cents; text has two digits behind the point."""


def parse_amount(text):
    """Cents of a text such as "12", "-3.50" or "1,200.05"; ValueError for anything else."""
    cleaned = text.strip().replace(",", "")
    negative = cleaned.startswith("-")
    if negative:
        cleaned = cleaned[1:]
    whole, _, fraction = cleaned.partition(".")
    if not whole.isdigit() or len(fraction) > 2 or (fraction and not fraction.isdigit()):
        raise ValueError(f"not an amount: {text!r}")
    cents = int(whole) * 100 + int(fraction.ljust(2, "0"))
    return -cents if negative else cents


def format_amount(cents):
    """The text of an amount, with a sign where it is negative."""
    sign = "-" if cents < 0 else ""
    whole, fraction = divmod(abs(cents), 100)
    return f"{sign}{whole}.{fraction:02}"


def split_evenly(cents, parts):
    """`parts` amounts that add up to `cents` and differ by one cent at most, larger ones first."""
    if parts < 1:
        raise ValueError("at least one part is needed")
    share, rest = divmod(cents, parts)
    return [share + 1] * rest + [share] * (parts - rest)


def percent_of(cents, percent):
    """That share of an amount, half a cent rounded away from zero."""
    scaled = abs(cents) * percent
    rounded = (2 * scaled + 100) // 200
    return rounded if cents >= 0 else -rounded
