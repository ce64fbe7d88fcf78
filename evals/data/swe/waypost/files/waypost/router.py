"""Routers: named patterns, tried in the order of how much they say."""

from waypost.pattern import Pattern
from waypost.query import build_query, parse_query, split_target


class Match:
    """What a path led to."""

    def __init__(self, name, values, query=None):
        self.name = name
        self.values = values
        self.query = query or {}

    def __eq__(self, other):
        return (self.name, self.values, self.query) == (other.name, other.values, other.query)

    def __repr__(self):
        return f"Match({self.name!r}, {self.values!r}, {self.query!r})"


class Router:
    """Patterns by name. Routers can be mounted below a prefix."""

    def __init__(self):
        self.routes = []

    def add(self, pattern, name):
        """Add a pattern; a name can be used once."""
        if any(known == name for known, _ in self.routes):
            raise ValueError(f"{name!r} is there already")
        self.routes.append((name, Pattern(pattern)))

    def mount(self, prefix, router, namespace):
        """Add all routes of another router below a prefix, their names behind "namespace:"."""
        for name, pattern in router.routes:
            self.add(prefix.rstrip("/") + pattern.text, f"{namespace}:{name}")

    def match(self, target):
        """The match of a path, with its query; None where there is none."""
        path, query = split_target(target)
        for name, pattern in sorted(self.routes, key=lambda route: route[1].weight()):
            values = pattern.match(path)
            if values is not None:
                return Match(name, values, parse_query(query))
        return None

    def url(self, name, query=None, **values):
        """The address of a name; KeyError where there is none."""
        for known, pattern in self.routes:
            if known == name:
                path = pattern.build(values)
                text = build_query(query or {})
                return f"{path}?{text}" if text else path
        raise KeyError(name)
