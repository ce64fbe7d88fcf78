"""What kind of repair a change of a line is.

A kind says what became of a piece of the tree, without its names: `Name > Call(Attribute(X))` is a method called on a
name, X what stood there before. How much speaks for each kind is among the weights of agent/repair_signs.py.
"""

import ast
from typing import Any

from agent.syntax import RIVALS


def kind_of(template: str, old: Any, new: Any) -> str:
    """What a template made of `old`, which is a node, a list of nodes or a name."""
    if isinstance(old, ast.Name) and isinstance(new, ast.Name):
        return f"{template}: {type(new.ctx).__name__} {_name_for(old.id, new.id)}"
    if isinstance(old, str):
        return f"{template}: {_name_for(old, new)}"
    if isinstance(old, ast.Constant) and isinstance(new, ast.Constant):
        return f"{template}: {_constant_for(old.value, new.value)}"
    if isinstance(old, list):
        parts = {id(node) for node in old}
        return f"{template}: {len(new) - len(old):+} {_sketch(new, old, parts)}"
    parts = {id(node) for node in ast.walk(old)} if isinstance(old, ast.AST) else set()
    return f"{template}: {type(old).__name__} > {_sketch(new, old, parts)}"


def _name_for(old: str, new: str) -> str:
    return "rival" if new in RIVALS.get(old, ()) else "name"


def _constant_for(old: object, new: object) -> str:
    if isinstance(old, str) and isinstance(new, str):
        return "text > empty" if not new else "text > its beginning" if old.startswith(new) else "text > text"
    if type(old) is bool or type(new) is bool or not isinstance(old, int | float) or not isinstance(new, int | float):
        return f"{type(old).__name__} > {new!r}"
    if abs(new - old) == 1:
        return f"number {new - old:+}"
    return f"number > {new!r}" if new in (-1, 0, 1, 2) else "number negated" if new == -old else "number"


def _sketch(new: Any, old: Any, parts: set[int]) -> str:
    """The shape of a piece: X is the old one, `part` a part of that; names are left out."""
    if new is old:
        return "X"
    if id(new) in parts:
        return "part"
    if isinstance(new, list):
        inner = [_sketch(node, old, parts) for node in new]
        return " ".join(word for i, word in enumerate(inner) if i == 0 or word != "part" or inner[i - 1] != "part")
    if isinstance(new, ast.Constant):
        return repr(new.value)
    if not isinstance(new, ast.AST):
        return ""
    children = [_sketch(child, old, parts) for field, child in ast.iter_fields(new) if field != "ctx"]
    inside = " ".join(filter(None, children))
    return type(new).__name__ + (f"({inside})" if inside else "")
