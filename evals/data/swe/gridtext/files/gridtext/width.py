"""How wide text is, and text of a given width."""

import unicodedata


def char_width(char):
    """2 for a wide character, 0 for one that is written over another, else 1."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def text_width(text):
    """Columns that the text takes."""
    return sum(char_width(char) for char in text)


def truncate(text, width, mark="…"):
    """The text, cut to the width where it is longer, with a mark at the cut."""
    if text_width(text) <= width:
        return text
    room = width - text_width(mark)
    kept = ""
    for char in text:
        if text_width(kept) + char_width(char) > room:
            break
        kept += char
    return kept + mark


def pad(text, width, align="left"):
    """The text with spaces up to the width."""
    space = max(0, width - text_width(text))
    if align == "right":
        return " " * space + text
    if align == "center":
        before = space // 2
        return " " * before + text + " " * (space - before)
    return text + " " * space
