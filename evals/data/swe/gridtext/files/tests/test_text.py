from gridtext.width import pad, text_width
from gridtext.wrap import indent, wrap


def test_width():
    assert text_width("abc") == 3


def test_pad():
    assert pad("ab", 4) == "ab  "
    assert pad("ab", 4, "right") == "  ab"


def test_wrap():
    assert wrap("one two three", 7) == ["one two", "three"]


def test_indent():
    assert indent("a\n\nb", 2) == "  a\n\n  b"
