def parse_colour(text):
    """(red, green, blue) from '#ff8000' or '#f80'."""
    digits = text.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) != 6:
        raise ValueError(f"not a colour: {text!r}")
    return tuple(int(digits[index : index + 1], 16) for index in range(0, 6, 2))


def blend(one, other, share=0.5):
    """The colour between two others, as text."""
    mixed = [round(a + (b - a) * share) for a, b in zip(parse_colour(one), parse_colour(other))]
    return "#" + "".join(f"{part:02x}" for part in mixed)
