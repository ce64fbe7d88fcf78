"""Patterns of paths: "/posts/<int:id>/<slug:title>"."""

from waypost.converters import CONVERTERS


class BadPattern(ValueError):
    """A pattern that cannot be read."""


class Pattern:
    """One pattern, split at its slashes."""

    def __init__(self, text):
        if not text.startswith("/"):
            raise BadPattern(f"{text!r} does not begin with a slash")
        self.text = text
        self.parts = [_read_part(part) for part in text.strip("/").split("/") if part]
        names = [name for name, _ in self.parts if name]
        if len(names) != len(set(names)):
            raise BadPattern(f"{text!r} has a name twice")

    @property
    def names(self):
        """The variables, from the left."""
        return [name for name, _ in self.parts if name]

    def match(self, path):
        """The values by name; None where the path is another."""
        given = [part for part in path.strip("/").split("/") if part]
        if len(given) != len(self.parts):
            return None
        values = {}
        for text, (name, kind) in zip(given, self.parts):
            if name is None:
                if text != kind:
                    return None
            else:
                converter = CONVERTERS[kind]
                if not converter.accepts(text):
                    return None
                values[name] = converter.to_value(text)
        return values

    def build(self, values):
        """The path with these values; KeyError where one is missing, ValueError where one does not fit."""
        parts = []
        for name, kind in self.parts:
            if name is None:
                parts.append(kind)
                continue
            converter = CONVERTERS[kind]
            text = converter.to_text(values[name])
            if not converter.accepts(text):
                raise ValueError(f"{text!r} is no {kind}")
            parts.append(text)
        return "/" + "/".join(parts)

    def weight(self):
        """Orders patterns: literal parts before typed ones before any text, from the left."""
        return [0 if name is None else 1 if kind != "str" else 2 for name, kind in self.parts]


def _read_part(part):
    """(name, kind) of a variable, (None, text) of a literal part."""
    if not (part.startswith("<") and part.endswith(">")):
        return None, part
    kind, colon, name = part[1:-1].partition(":")
    if not colon:
        kind, name = "str", kind
    if kind not in CONVERTERS:
        raise BadPattern(f"there is no converter {kind!r}")
    if not name.isidentifier():
        raise BadPattern(f"{name!r} is no name")
    return name, kind
