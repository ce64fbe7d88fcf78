def parse_query(text):
    """{'tag': ['a', 'b']} for '?tag=a&tag=b'; a name without '=' has the value ''."""
    values = {}
    for part in text.lstrip("?").split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        values.setdefault(name, []).append(value.replace(" ", "+"))
    return values


def build_query(values):
    pairs = [(name, value) for name in sorted(values) for value in values[name]]
    return "&".join(f"{name}={value}".replace(" ", "+") for name, value in pairs)
