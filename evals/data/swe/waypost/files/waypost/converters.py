"""What a part of a path may be, and what it becomes."""


class Converter:
    """A name, a test of a text, and ways there and back."""

    def __init__(self, accepts, to_value, to_text):
        self.accepts = accepts
        self.to_value = to_value
        self.to_text = to_text


def _is_slug(text):
    return bool(text) and all(char.isalnum() or char in "-_" for char in text)


CONVERTERS = {
    "str": Converter(bool, str, str),
    "int": Converter(str.isdigit, int, str),
    "slug": Converter(_is_slug, str, str),
}
