"""Places in a syntax tree that can hold something else, and the names that could stand there.

Shared by the templates that repair a line (agent/fix_templates.py) and the bugs that a policy is trained on.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Slot:
    """A place in the tree: `field` of `parent`, or one element of that list."""

    parent: ast.AST
    field: str
    index: int | None = None

    def put(self, value: Any) -> Any:
        """Put a value there; returns what was there."""
        if self.index is None:
            old = getattr(self.parent, self.field)
            setattr(self.parent, self.field, value)
        else:
            values = getattr(self.parent, self.field)
            old, values[self.index] = values[self.index], value
        return old


Change = tuple[Slot, Any]
"""A slot, and the node to put there."""

CONFUSED = (
    "min max", "any all", "append extend insert add", "remove discard pop", "pop popleft", "append appendleft",
    "upper lower title capitalize", "startswith endswith", "find rfind index", "split rsplit splitlines partition",
    "strip lstrip rstrip", "floor ceil round", "keys values items", "sorted reversed", "sum len max min",
    "str repr", "int float", "bisect_left bisect_right bisect insort", "isdigit isalpha isalnum", "ljust rjust center",
    "heappush heappop", "left right", "start end stop", "first last", "prev next", "parent child children",
    "row col", "rows cols columns", "width height", "x y", "i j k", "low high mid", "lo hi mid", "key value", "src dst",
    "source target", "head tail", "begin end", "size length count", "lower upper", "minimum maximum", "old new",
    "before after", "union intersection difference", "set list tuple dict", "get pop setdefault", "read write",
    "ValueError TypeError KeyError IndexError", "range enumerate", "zip map", "a b c", "n m",
)  # fmt: skip
RIVALS: dict[str, tuple[str, ...]] = {
    word: tuple(
        dict.fromkeys(other for row in CONFUSED if word in row.split() for other in row.split() if other != word)
    )
    for row in CONFUSED
    for word in row.split()
}


@dataclass(frozen=True)
class Names:
    """What occurs in a unit: material for other variables, attributes, calls and constants. Each distinct, in the order
    of the text as far as `ast.walk` keeps it."""

    variables: tuple[str, ...]
    """Parameters and what is assigned, without `self`."""
    attributes: tuple[str, ...]
    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    repeated: tuple[str, ...]
    """Attributes and texts that occur more than once."""
    functions: tuple[str, ...]
    """Plain names that are called."""
    methods: tuple[str, ...]
    """Attributes that are called."""
    receivers: tuple[str, ...]
    """Names of which attributes are taken."""
    unbound: tuple[str, ...]
    """Plain names that are read and neither assigned in the unit nor built in."""
    rest: tuple[str, ...]
    """What takes the rest of the arguments, with its stars: `*args`, `**kwargs`."""


def slots(tree: ast.AST) -> Iterator[tuple[ast.AST, Slot]]:
    """Every node below `tree` with the slot that it sits in."""
    todo = [tree]
    while todo:
        parent = todo.pop()
        for field, value in ast.iter_fields(parent):
            if field == "annotation":
                continue  # no test can tell
            items = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, node in items:
                if isinstance(node, ast.AST):
                    yield node, Slot(parent, field, index)
                    todo.append(node)


def names_of(tree: ast.AST) -> Names:
    """The names in a unit."""
    variables, attributes, numbers, texts = [], [], [], []
    functions, methods, receivers, read, rest = [], [], [], [], []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            variables.append(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            variables.append(node.id)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            read.append(node.id)
        elif isinstance(node, ast.arguments):
            rest += [f"*{node.vararg.arg}"] if node.vararg else []
            rest += [f"**{node.kwarg.arg}"] if node.kwarg else []
        elif isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            if isinstance(node.value, ast.Name):
                receivers.append(node.value.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
            numbers.append(node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            functions.append(node.func.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            methods.append(node.func.attr)
    return Names(
        variables=_distinct(v for v in variables if v != "self"),
        attributes=_distinct(attributes),
        numbers=_distinct(numbers),
        texts=_distinct(texts),
        repeated=tuple(word for word, times in Counter(attributes + texts).items() if times > 1),
        functions=_distinct(functions),
        methods=_distinct(methods),
        receivers=_distinct(receivers),
        unbound=_distinct(name for name in read if name not in variables and not hasattr(builtins, name)),
        rest=_distinct(rest),
    )


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
