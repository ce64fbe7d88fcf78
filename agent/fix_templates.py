"""The small changes that commonly repair a line: what a policy's answer may be held to.

Template-based repair enumerates edits; here each is put as the answer of agent/function_view.py, so that the policy
says how likely it is. Every template is a generator of *changes* to one node: another operator, another name that the
function knows, one more or less, a call that is missing, an argument too many. A line has some dozens to hundreds.
"""

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

from agent.function_view import CUT, IN, INDENT, MARKS, OUT, parse
from agent.repair_kinds import kind_of
from agent.repair_signs import weights
from agent.syntax import RIVALS, Change, Names, Slot, names_of, slots

MOST_VARIANTS = 600
"""Of one line; the likeliest kinds have precedence."""
MOST_NAMES = 14
"""Names, texts or attributes that are tried in one place; the nearest definitions first."""

Template = Callable[[ast.AST, Slot, Names], Iterator[Change]]

_ORDER: tuple[type[ast.cmpop], ...] = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Div, ast.Mod, ast.Pow)
_BITS: tuple[type[ast.operator], ...] = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)
_WRAPPERS = (
    "len", "abs", "int", "str", "list", "sorted", "set", "sum", "max", "min", "tuple", "float", "reversed", "bool",
    "dict", "type", "any", "all",
)  # fmt: skip
_EXCEPTIONS = (
    "ValueError",
    "TypeError",
    "RuntimeError",
    "KeyError",
    "NotImplementedError",
    "AttributeError",
    "OSError",
)
_METHODS = ("copy", "strip", "lower", "upper", "items", "keys", "values", "split", "pop", "sort", "get")


class Variants(NamedTuple):
    """The answers for one marked line, without their end."""

    unchanged: str
    """The line as it is."""
    changed: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    """Of each change, as agent/repair_kinds.py names them."""


class _Changed(NamedTuple):
    """A line after a change."""

    text: str
    kind: str


def variants(lines: Sequence[str], marked: Sequence[int], around: ast.AST | None = None) -> list[Variants]:
    """For each marked line, in the order of the marks: the distinct answers that change it.

    `lines` is a unit in normal form; there are none where it does not parse. `around` is what the unit stands in: its
    attributes are tried after the unit's own.
    """
    tree = parse("\n".join(lines))
    heads = {} if tree is None else _heads(tree)
    names = None if tree is None else names_of(tree)
    if names and around:
        names = replace(names, attributes=tuple(dict.fromkeys(names.attributes + names_of(around).attributes)))
    found = []
    for mark, line in zip(MARKS, sorted(marked), strict=False):
        text = lines[line].lstrip(" ")
        said: dict[str, str] = {}
        if names and line in heads:
            node, slot = heads[line]
            for change in chain(_variants(node, lines[line], names), _moves(node, slot, lines, line)):
                said.setdefault(change.text, change.kind)
            said.pop(text, None)
        known = weights()
        likely = sorted(said, key=lambda other: -known.get(said[other], 0.0))[:MOST_VARIANTS]
        found.append(Variants(mark + text, tuple(mark + t for t in likely), tuple(said[t] for t in likely)))
    return found


def _heads(tree: ast.Module) -> dict[int, tuple[ast.AST, Slot]]:
    """Every statement by the index of its first line."""
    return {n.lineno - 1: (n, slot) for n, slot in slots(tree) if isinstance(n, ast.stmt | ast.ExceptHandler)}


def _variants(statement: Any, line: str, names: Names) -> Iterator[_Changed]:
    """The line after each change of its statement's head, its body left alone."""
    head = copy.copy(statement)
    for block, left in (("body", [ast.Pass()]), ("orelse", []), ("finalbody", [])):
        if isinstance(getattr(head, block, None), list):
            setattr(head, block, left)
    is_elif = line.lstrip(" ").startswith("elif ")
    holder = ast.Module(body=[head], type_ignores=[])
    inside = [(node, slot) for node, slot in slots(holder) if not isinstance(node, ast.Pass)]
    for template in TEMPLATES:
        for node, slot in inside:
            for place, value in template(node, slot, names):
                old = place.put(value)
                try:
                    text = ast.unparse(holder.body[0]).partition("\n")[0]
                except (ValueError, AttributeError, RecursionError):
                    text = ""
                place.put(old)
                if text and "<|" not in text:
                    text = "el" + text if is_elif and text.startswith("if ") else text
                    yield _Changed(text, kind_of(template.__name__, old, value))


def _moves(statement: ast.AST, slot: Slot, lines: Sequence[str], line: int) -> Iterator[_Changed]:
    """The line gone, or one level deeper or less deep; `if` for `while` and the other way round."""
    text = lines[line].lstrip(" ")
    depth = _depth(lines[line])
    if not hasattr(statement, "body"):
        yield _Changed(CUT, "move: cut")
        # Deeper where a block ends right before it; less deep at the end of a block, but not out of the function.
        if line and _depth(lines[line - 1]) > depth:
            yield _Changed(IN + text, "move: in")
        if depth > 1 and (line + 1 == len(lines) or _depth(lines[line + 1]) < depth):
            yield _Changed(OUT + text, "move: out")
    others = [("if ", "while "), ("while ", "if "), ("elif ", "if ")] + [("if ", "elif ")] * _follows_if(slot)
    for one, other in others:
        if text.startswith(one):
            yield _Changed(other + text.removeprefix(one), f"move: {one}> {other}".rstrip())


def _depth(line: str) -> int:
    return (len(line) - len(line.lstrip(" "))) // len(INDENT)


def _follows_if(slot: Slot) -> bool:
    return bool(slot.index) and isinstance(getattr(slot.parent, slot.field)[(slot.index or 0) - 1], ast.If)


def comparison(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if not isinstance(node, ast.Compare):
        return
    for i, op in enumerate(node.ops):
        if type(op) in _OPPOSITES:
            yield Slot(node, "ops", i), _OPPOSITES[type(op)]()
        else:
            yield from ((Slot(node, "ops", i), other()) for other in _ORDER if other is not type(op))
    if len(node.ops) == 1:
        yield slot, ast.Compare(node.comparators[0], node.ops, [node.left])


def arithmetic(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if not isinstance(node, ast.BinOp | ast.AugAssign):
        return
    family = _ARITHMETIC if isinstance(node.op, _ARITHMETIC) else _BITS
    yield from ((Slot(node, "op"), other()) for other in family if other is not type(node.op))
    if isinstance(node, ast.AugAssign):
        yield slot, ast.Assign([node.target], node.value, lineno=1)
        return
    yield slot, ast.BinOp(node.right, node.op, node.left)
    yield from ((slot, side) for side in (node.left, node.right))
    if isinstance(node.left, ast.BinOp):  # a op b op c, bracketed the other way
        inner = node.left
        yield slot, ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, node.op, node.right))
    if isinstance(node.right, ast.BinOp):
        inner = node.right
        yield slot, ast.BinOp(ast.BinOp(node.left, node.op, inner.left), inner.op, inner.right)


def one_more_or_less(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    """An expression plus or minus one, wherever a number may stand."""
    if isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript | ast.BinOp) and _is_value(node, slot):
        yield from ((slot, ast.BinOp(node, op(), ast.Constant(1))) for op in (ast.Add, ast.Sub))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        yield from _ranges(node, names)


def _ranges(node: ast.Call, names: Names) -> Iterator[Change]:
    place = Slot(node, "args")
    if len(node.args) == 1:
        yield from ((place, [ast.Constant(start), node.args[0]]) for start in (1, 2))
        yield from ((place, [_name(v), node.args[0]]) for v in names.variables[:MOST_NAMES])
        yield from ((place, [_plus(_name(v)), node.args[0]]) for v in names.variables[:MOST_NAMES])
        yield place, [ast.BinOp(node.args[0], ast.Sub(), ast.Constant(1)), _minus_one(), _minus_one()]
    elif len(node.args) == 2:
        yield place, [node.args[1]]
        yield place, [*node.args, _minus_one()]
        yield place, [*node.args, ast.Constant(2)]
    elif len(node.args) == 3:
        yield place, node.args[:2]


def boolean(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if isinstance(node, ast.BoolOp):
        yield Slot(node, "op"), ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield from ((slot, value) for value in node.values)
    if isinstance(node, ast.UnaryOp):
        yield slot, node.operand
    elif isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Compare | ast.BoolOp | ast.Subscript):
        if slot.field in ("test", "value", "values", "operand", "ifs") and _is_value(node, slot):
            yield slot, ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.Name | ast.Constant | ast.Attribute | ast.Subscript) and _is_value(node, slot):
        yield slot, ast.UnaryOp(ast.USub(), node)
    if isinstance(node, ast.IfExp):
        yield slot, ast.IfExp(node.test, node.orelse, node.body)


def constant(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    others: list[str | int | float | None] = []
    if isinstance(value, bool) or value is None:
        others = [True, False, None, 0, ""]
    elif isinstance(value, int | float):
        others = [value + 1, value - 1, 0, 1, 2, -1, -value, value * 2, value // 2, value * 10, value // 10]
        others += [*names.numbers[:MOST_NAMES], *([None, value == 1] if value in (0, 1) else [])]
        yield from ((slot, _name(v)) for v in names.variables[:MOST_NAMES])
    elif isinstance(value, str):
        others = ["", " ", value + " ", value.strip(), *names.texts[:MOST_NAMES], *([] if value else [None])]
        words = (*names.variables, *names.attributes, *names.texts)
        others += [word for word in words if len(word) == len(value) + 1 and value in word]  # a letter is missing
    for other in others:
        if other != value or type(other) is not type(value):
            yield slot, ast.Constant(other)


def other_name(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    """Another variable, attribute or function that the unit knows, or a usual rival of this one."""
    if isinstance(node, ast.Name):
        for other in (*RIVALS.get(node.id, ()), *names.variables[: 2 * MOST_NAMES]):
            yield slot, ast.Name(other, node.ctx)
        if isinstance(node.ctx, ast.Store):
            yield from ((slot, ast.Name(other, node.ctx)) for other in names.unbound[:MOST_NAMES])
        if isinstance(slot.parent, ast.Call) and slot.field == "func":
            yield from ((slot, ast.Name(other, node.ctx)) for other in names.functions[:MOST_NAMES])
        if isinstance(node.ctx, ast.Load) and "self" in names.receivers and slot.field != "func":
            yield from ((slot, ast.Attribute(_name("self"), a, node.ctx)) for a in names.attributes[:MOST_NAMES])
    elif isinstance(node, ast.Attribute):
        for other in (*RIVALS.get(node.attr, ()), *names.attributes[:MOST_NAMES], *names.variables[:MOST_NAMES]):
            yield Slot(node, "attr"), other
        if isinstance(node.value, ast.Name):
            yield from ((Slot(node, "value"), _name(v)) for v in names.receivers[:MOST_NAMES])
        if isinstance(node.ctx, ast.Load):
            yield from ((slot, _name(v)) for v in names.variables[:MOST_NAMES])


def arguments(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if not isinstance(node, ast.Call):
        return
    place, given = Slot(node, "args"), node.args
    for i in range(len(given) - 1):
        yield place, [*given[:i], given[i + 1], given[i], *given[i + 2 :]]
    for i in range(len(given)):
        yield place, given[:i] + given[i + 1 :]
    for i in range(len(node.keywords)):
        yield Slot(node, "keywords"), node.keywords[:i] + node.keywords[i + 1 :]
    for more in (*map(_name, names.variables[:MOST_NAMES]), ast.Constant(0), ast.Constant(1), _minus_one()):
        yield place, [*given, more]
        if given:
            yield place, [more, *given]
    for i in range(1, len(given)):
        yield from ((place, [*given[:i], _name(v), *given[i:]]) for v in names.variables[:MOST_NAMES])
    place = Slot(node, "keywords")
    named = {keyword.arg for keyword in node.keywords}
    keywords = [ast.keyword(v, _name(v)) for v in names.variables[:MOST_NAMES] if v not in named]
    keywords += [ast.keyword(None, _name(v[2:])) for v in names.rest if v.startswith("**")]
    for keyword in keywords:
        yield place, [*node.keywords, keyword]
        if node.keywords and keyword.arg:
            yield place, [keyword, *node.keywords]
    for v in names.rest:
        if not v.startswith("**"):
            yield Slot(node, "args"), [*given, ast.Starred(_name(v[1:]), ast.Load())]


def call(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    """A call too many, or one that is missing."""
    if isinstance(node, ast.Call):
        if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            yield slot, node.args[0]
        if isinstance(node.func, ast.Attribute) and len(node.args) <= 1:
            yield slot, node.func.value
    if not isinstance(node, ast.expr) or not _is_value(node, slot):
        return
    if slot.field == "exc":
        raised = (f for f in names.functions if f.endswith(("Error", "Exception")))
        yield from ((slot, ast.Call(_name(e), [node], [])) for e in dict.fromkeys((*raised, *_EXCEPTIONS)))
        return
    functions = dict.fromkeys((*names.functions[:MOST_NAMES], *_WRAPPERS))
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.List | ast.Tuple | ast.Dict) and slot.field == "value":
        yield from ((slot, ast.Call(_name(function), [node], [])) for function in functions)
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.BinOp):
        return
    if isinstance(node, ast.Name | ast.Attribute):
        yield slot, ast.Call(node, [], [])
    for method in dict.fromkeys((*names.methods[:MOST_NAMES], *_METHODS)):
        yield slot, ast.Call(ast.Attribute(node, method, ast.Load()), [], [])
    yield from ((slot, ast.Call(_name(function), [node], [])) for function in functions)


def subscript(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if isinstance(node, ast.Slice):
        lower, upper, step = node.lower, node.upper, node.step
        yield from (
            (slot, ast.Slice(*ends)) for ends in ((None, upper, step), (lower, None, step), (lower, upper, None))
        )
        yield slot, ast.Slice(upper, lower, step)
        for number in (ast.Constant(1), _minus_one()):
            yield slot, ast.Slice(number, upper, step)
            yield slot, ast.Slice(lower, number, step)
        for other in names.variables[:MOST_NAMES]:
            yield slot, ast.Slice(_name(other), upper, step)
            yield slot, ast.Slice(lower, _name(other), step)
    elif isinstance(node, ast.Subscript):
        if isinstance(node.value, ast.Subscript):  # a[x][y] or a[y][x]
            inner = node.value
            yield slot, ast.Subscript(ast.Subscript(inner.value, node.slice, inner.ctx), inner.slice, node.ctx)
        if not isinstance(node.slice, ast.Slice):
            yield from ((Slot(node, "slice"), n) for n in (ast.Constant(0), ast.Constant(1), _minus_one()))
            yield Slot(node, "slice"), ast.UnaryOp(ast.USub(), node.slice)
        if isinstance(node.ctx, ast.Load):
            yield slot, node.value
    elif isinstance(node, ast.Name | ast.Attribute) and _is_value(node, slot):
        bits = (ast.Slice(ast.Constant(1)), ast.Slice(None, _minus_one()), ast.Slice(None, None, _minus_one()))
        ends = (ast.Slice(), ast.Constant(0), _minus_one(), ast.Constant(1))
        variables = [_name(v) for v in names.variables[:MOST_NAMES]]
        yield from ((slot, ast.Subscript(node, bit, ast.Load())) for bit in (*bits, *ends, *variables))


def element(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    """An element of what is assigned as a whole; an attribute of what is returned."""
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
        yield from ((slot, ast.Subscript(node, _name(v), node.ctx)) for v in names.variables[:MOST_NAMES])
    if isinstance(node, ast.Name) and isinstance(slot.parent, ast.Return):
        yield from ((slot, ast.Attribute(node, a, node.ctx)) for a in names.attributes[:MOST_NAMES])


def returned(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    """What a return says, or a return that is missing."""
    if isinstance(node, ast.Expr) and slot.field == "body":
        yield slot, ast.Return(node.value)
    if isinstance(node, ast.Return):
        constants = [ast.Constant(v) for v in (True, False, None, 0, 1, -1, "")]
        yield from ((Slot(node, "value"), v) for v in (*constants, ast.List([], ast.Load())))
        yield from ((Slot(node, "value"), _name(v)) for v in names.variables)


def operand(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    """A sum, difference or product of which one side is missing; a condition that is missing."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.BinOp) and _is_value(node, slot):
        if slot.field in ("value", "args", "left", "right", "comparators", "elts"):
            for variable in names.variables[:MOST_NAMES]:
                for op in (ast.Add, ast.Sub, ast.Mult):
                    yield slot, ast.BinOp(node, op(), _name(variable))
    if isinstance(slot.parent, ast.Assign | ast.Return) and slot.field == "value" and isinstance(node, ast.expr):
        empties = (ast.Dict([], []), ast.List([], ast.Load()), ast.Constant(""), ast.Constant(0), ast.Constant(None))
        yield from ((slot, ast.BoolOp(ast.Or(), [node, empty])) for empty in empties)
    if isinstance(node, ast.If | ast.While) and slot.field == "body":
        for variable in names.variables[:MOST_NAMES]:
            yield Slot(node, "test"), ast.BoolOp(ast.And(), [node.test, _name(variable)])
            yield Slot(node, "test"), ast.BoolOp(ast.And(), [_name(variable), node.test])
            yield Slot(node, "test"), ast.BoolOp(ast.Or(), [ast.UnaryOp(ast.Not(), _name(variable)), node.test])
            is_none = ast.Compare(_name(variable), [ast.Is()], [ast.Constant(None)])
            yield Slot(node, "test"), ast.BoolOp(ast.Or(), [is_none, node.test])


def variable(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    """A variable in the place of a whole expression."""
    if isinstance(node, ast.Call | ast.BinOp | ast.Subscript | ast.Compare) and _is_value(node, slot):
        yield from ((slot, _name(v)) for v in names.variables[:MOST_NAMES])


def pairs(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == 2:
        yield Slot(node, "elts"), [node.elts[1], node.elts[0]]


def statement(node: ast.AST, slot: Slot, names: Names) -> Iterator[Change]:
    if slot.field != "body":
        return
    if isinstance(node, ast.Break | ast.Continue | ast.Pass | ast.Return):
        yield slot, ast.Break()
        yield slot, ast.Continue()
    if (
        isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name | ast.Attribute)
    ):
        for op in (ast.Add, ast.Sub, ast.Mult):
            yield slot, ast.AugAssign(node.targets[0], op(), node.value)


TEMPLATES: tuple[Template, ...] = (
    comparison, arithmetic, boolean, constant, pairs, statement, one_more_or_less, other_name, arguments, subscript,
    returned, call, variable, operand, element,
)  # fmt: skip


def _is_value(node: ast.AST, slot: Slot) -> bool:
    """Whether an expression is read there, and may be any."""
    is_read = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    return is_read and slot.field not in ("func", "annotation", "ctx", "targets", "target", "type", "name")


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _plus(value: ast.expr) -> ast.BinOp:
    return ast.BinOp(value, ast.Add(), ast.Constant(1))


def _minus_one() -> ast.UnaryOp:
    return ast.UnaryOp(ast.USub(), ast.Constant(1))
