"""Query strings."""

from urllib.parse import quote_plus, unquote_plus


def parse_query(text):
    """Lists of values by name, in their order; a name without a value has an empty one."""
    found = {}
    for pair in text.lstrip("?").split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        found.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return found


def build_query(values):
    """The text of a mapping; lists give a pair for each of their values, None gives none."""
    pairs = []
    for name, value in values.items():
        if value is None:
            continue
        many = value if isinstance(value, (list, tuple)) else [value]
        for one in many:
            pairs.append(f"{quote_plus(name)}={quote_plus(str(one))}")
    return "&".join(pairs)


def split_target(target):
    """(path, query) of what a request asks for; a fragment is dropped."""
    without, _, _ = target.partition("#")
    path, _, query = without.partition("?")
    return path, query
