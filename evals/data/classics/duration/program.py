import re

SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_duration(text):
    """Seconds in a text such as '1h30m'."""
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)\s*([dhms])", text))


def format_duration(seconds):
    """The shortest text for some seconds; '0s' for none."""
    parts = []
    for unit, size in SECONDS.items():
        amount, seconds = divmod(seconds, size)
        if amount > 1:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"
