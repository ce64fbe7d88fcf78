def parse_version(text):
    """((1, 4, 0), 'rc1') for 'v1.4-rc1': missing numbers are 0."""
    numbers, _, label = text.removeprefix("v").partition("-")
    parts = [int(number) for number in numbers.split(".")]
    while len(parts) < 3:
        parts.append(0)
    return tuple(parts), label


def is_newer(one, other):
    """Whether the first version is newer; a release is newer than its own pre-releases."""
    numbers, label = parse_version(one)
    other_numbers, other_label = parse_version(other)
    if numbers != other_numbers:
        return numbers > other_numbers
    if not label or not other_label:
        return bool(label) and not other_label
    return label > other_label
