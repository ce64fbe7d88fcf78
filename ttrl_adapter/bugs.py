"""One-line bugs, generated: every kind is a small change of the syntax tree.

`break_function` takes a unit in normal form (agent/function_view.py) and gives back the broken lines with what has to
stand there instead. A kind is a generator of *changes*: (slot in the tree, node to put there).
"""

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.function_view import common_ends
from agent.syntax import RIVALS, Change, Names, Slot, names_of, slots


@dataclass(frozen=True)
class Bug:
    """`broken[line]` is wrong (or the line before which something is missing); `fixed` are the right lines for it."""

    kind: str
    broken: tuple[str, ...]
    line: int
    fixed: tuple[str, ...]


Kind = Callable[[ast.AST, Slot, "Names", random.Random], Iterator[Change]]


COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.LtE, ast.Gt, ast.GtE),
    ast.LtE: (ast.Lt, ast.Lt, ast.GtE, ast.Gt),
    ast.Gt: (ast.GtE, ast.GtE, ast.Lt, ast.LtE),
    ast.GtE: (ast.Gt, ast.Gt, ast.LtE, ast.Lt),
    ast.Eq: (ast.NotEq, ast.NotEq, ast.Lt, ast.Gt, ast.GtE, ast.LtE),
    ast.NotEq: (ast.Eq, ast.Eq, ast.Lt, ast.Gt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Add, ast.Mult, ast.FloorDiv),
    ast.Mult: (ast.Add, ast.Div, ast.Pow, ast.FloorDiv),
    ast.Div: (ast.FloorDiv, ast.FloorDiv, ast.Mult, ast.Mod),
    ast.FloorDiv: (ast.Div, ast.Div, ast.Mod, ast.Mult),
    ast.Mod: (ast.FloorDiv, ast.FloorDiv, ast.Div, ast.Mult),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr, ast.BitXor),
    ast.BitOr: (ast.BitAnd, ast.BitXor),
    ast.BitXor: (ast.BitOr, ast.BitAnd),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
}


def comparison(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            yield Slot(node, "ops", i), rng.choice(COMPARISONS[type(op)])()


def swapped_operands(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Mult):
        yield slot, ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        yield slot, ast.Compare(node.comparators[0], node.ops, [node.left])
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
        yield slot, ast.Tuple([node.elts[1], node.elts[0]], node.ctx)
    elif isinstance(node, ast.IfExp):
        yield slot, ast.IfExp(node.test, node.orelse, node.body)


def arithmetic(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        yield Slot(node, "op"), rng.choice(OPERATORS[type(node.op)])()
    if isinstance(node, ast.BinOp) and isinstance(node.left, ast.BinOp) and rng.random() < 0.5:
        inner = node.left  # (a + b) * c loses its parentheses
        yield slot, ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, node.op, node.right))
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and rng.random() < 0.4:
        yield slot, ast.Assign([node.target], node.value)


def boolean(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.BoolOp):
        yield Slot(node, "op"), ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        if rng.random() < 0.3:
            yield slot, node.values[rng.randrange(len(node.values))]


def negation(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield slot, node.operand
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and not isinstance(node.test, ast.Compare | ast.BoolOp):
        yield Slot(node, "test"), ast.UnaryOp(ast.Not(), node.test)


def off_by_one(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        if isinstance(node.right, ast.Constant) and node.right.value == 1:
            yield slot, node.left
            yield slot, node.left
    for place in _index_places(node):
        value = getattr(place.parent, place.field)
        value = value if place.index is None else value[place.index]
        if isinstance(value, ast.Name | ast.Call | ast.Attribute) or (
            isinstance(value, ast.BinOp) and rng.random() < 0.2
        ):
            yield place, ast.BinOp(value, rng.choice((ast.Add(), ast.Sub())), ast.Constant(1))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        if len(node.args) == 1:
            yield Slot(node, "args"), [ast.Constant(1), node.args[0]]
        elif len(node.args) == 2:
            yield Slot(node, "args"), [node.args[1]]


def _index_places(node: ast.AST) -> Iterator[Slot]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        yield from (Slot(node, "args", i) for i in range(len(node.args)))
    elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice | ast.Tuple | ast.Constant):
        yield Slot(node, "slice")
    elif isinstance(node, ast.Compare) and isinstance(node.ops[-1], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        yield Slot(node, "comparators", len(node.comparators) - 1)
    elif isinstance(node, ast.Slice):
        yield from (Slot(node, name) for name in ("lower", "upper") if getattr(node, name) is not None)


def wrong_constant(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield slot, ast.Constant(not value)
    elif isinstance(value, int):
        near = [value - 1, value + 1, 1 - value, value * 2, value * 10, value // 10, *names.numbers[:3]]
        yield slot, ast.Constant(rng.choice([n for n in near if n != value and n >= 0]))
    elif isinstance(value, float):
        yield slot, ast.Constant(rng.choice((value * 10, value / 10, value + 1.0, value * 2)))
    elif value is None:
        yield slot, ast.Constant(rng.choice((0, False, True, "")))
    elif isinstance(value, str) and not value.endswith("..."):
        # Another text of the unit only where the right one can be read elsewhere in it.
        others = [t for t in names.texts if value in names.repeated] + [value[1:], value[:-1], value + " ", ""]
        yield slot, ast.Constant(rng.choice([t for t in others if t != value] or [" "]))


def wrong_variable(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Name) and node.id != "self":
        others = [v for v in names.variables if v != node.id]
        if node.id in names.variables and others:
            yield slot, ast.Name(rng.choice(others), node.ctx)
        elif rivals := RIVALS.get(node.id):
            yield slot, ast.Name(rng.choice(rivals), node.ctx)


def wrong_attribute(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Attribute):
        rivals = RIVALS.get(node.attr, ())
        # Another attribute of the unit only where the right one can be read elsewhere in it.
        known = [a for a in names.attributes if a != node.attr] if node.attr in names.repeated else []
        others = rivals if rivals and rng.random() < 0.7 else known
        if others:
            yield slot, ast.Attribute(node.value, rng.choice(others), node.ctx)


def wrong_function(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if rivals := RIVALS.get(name):
            field = "id" if isinstance(node.func, ast.Name) else "attr"
            yield Slot(node.func, field), rng.choice(rivals)


def arguments(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Call):
        if len(node.args) >= 2:
            i = rng.randrange(len(node.args) - 1)
            yield Slot(node, "args"), [*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]]
            drop = rng.randrange(len(node.args))
            yield Slot(node, "args"), node.args[:drop] + node.args[drop + 1 :]
        if node.keywords:
            drop = rng.randrange(len(node.keywords))
            yield Slot(node, "keywords"), node.keywords[:drop] + node.keywords[drop + 1 :]


def missing_call(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Call) and not node.keywords:
        if isinstance(node.func, ast.Attribute) and not node.args:
            yield slot, node.func.value
            yield slot, node.func
        elif isinstance(node.func, ast.Name) and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            yield slot, node.args[0]


def wrong_slice(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Slice):
        lower, upper, step = node.lower, node.upper, node.step
        if lower is not None:
            yield slot, ast.Slice(None, lower if upper is None else upper, step)
        if upper is not None:
            yield slot, ast.Slice(upper if lower is None else lower, None, step)
        if step is not None:
            yield slot, ast.Slice(lower, upper, None)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        if node.slice.value in (0, 1):
            yield Slot(node, "slice"), rng.choice((ast.Constant(1 - node.slice.value), ast.Constant(-1)))
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.UnaryOp):
        yield Slot(node, "slice"), ast.Constant(rng.choice((0, 1)))
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
        yield slot, node.value


def wrong_return(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if not isinstance(node, ast.Return) or node.value is None:
        return
    value = node.value
    variables = [v for v in names.variables if not (isinstance(value, ast.Name) and value.id == v)]
    if variables:
        yield Slot(node, "value"), ast.Name(rng.choice(variables), ast.Load())
    if isinstance(value, ast.BinOp):
        yield Slot(node, "value"), rng.choice((value.left, value.right))
    elif isinstance(value, ast.Call) and value.args and not isinstance(value.args[0], ast.Starred):
        yield Slot(node, "value"), value.args[0]
    yield slot, ast.Expr(value)


def control_flow(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    if isinstance(node, ast.Break | ast.Continue):
        yield slot, ast.Continue() if isinstance(node, ast.Break) else ast.Break()
        yield slot, ast.Pass()
    elif isinstance(node, ast.While) and not node.orelse and rng.random() < 0.5:
        yield slot, ast.If(node.test, node.body, [])


def statements(node: ast.AST, slot: Slot, names: Names, rng: random.Random) -> Iterator[Change]:
    """A missing statement, one at the wrong depth, an `elif` that became an `if`, one too many."""
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        if not isinstance(block, list) or not block or not isinstance(block[0], ast.stmt):
            continue
        place = Slot(node, field)
        for i, statement in enumerate(block):
            rest = block[:i] + block[i + 1 :]
            small = isinstance(statement, ast.AugAssign | ast.Break | ast.Continue)
            guard = isinstance(statement, ast.If) and len(statement.body) == 1 and not statement.orelse
            if rest and (small or (guard and isinstance(statement.body[0], ast.Return | ast.Continue | ast.Raise))):
                yield place, rest
            if i and isinstance(block[i - 1], ast.For | ast.While | ast.If) and not block[i - 1].orelse:
                if isinstance(statement, ast.Return | ast.AugAssign | ast.Assign | ast.Expr):
                    yield (
                        place,
                        [*block[: i - 1], _with(block[i - 1], body=[*block[i - 1].body, statement]), *block[i + 1 :]],
                    )
            if isinstance(statement, ast.For | ast.While | ast.If) and len(statement.body) > 1 and not statement.orelse:
                last = statement.body[-1]
                if isinstance(last, ast.Return | ast.AugAssign | ast.Assign | ast.Expr):
                    yield place, [*block[:i], _with(statement, body=statement.body[:-1]), last, *block[i + 1 :]]
            if isinstance(statement, ast.If) and len(statement.orelse) == 1 and isinstance(statement.orelse[0], ast.If):
                yield place, [*block[:i], _with(statement, orelse=[]), statement.orelse[0], *block[i + 1 :]]


KINDS: dict[str, tuple[Kind, float]] = {
    "comparison": (comparison, 3.0),
    "arithmetic": (arithmetic, 2.5),
    "boolean": (boolean, 1.5),
    "negation": (negation, 1.5),
    "off-by-one": (off_by_one, 3.0),
    "constant": (wrong_constant, 2.5),
    "wrong-variable": (wrong_variable, 3.0),
    "wrong-attribute": (wrong_attribute, 1.0),
    "wrong-function": (wrong_function, 1.5),
    "argument": (arguments, 1.5),
    "missing-call": (missing_call, 1.0),
    "slice": (wrong_slice, 2.0),
    "wrong-return": (wrong_return, 1.0),
    "swapped-operands": (swapped_operands, 1.0),
    "control-flow": (control_flow, 1.0),
    "statement": (statements, 2.0),
}
"""Every kind with its weight: how often it is tried where the unit offers it."""


def break_function(text: str, rng: random.Random) -> Bug | None:
    """One bug in a unit in normal form, its kind drawn first; None where nothing came of it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, RecursionError):
        return None
    names = names_of(tree)
    nodes = list(slots(tree))
    kinds = list(KINDS)
    while kinds:
        kind = rng.choices(kinds, [KINDS[k][1] for k in kinds])[0]
        kinds.remove(kind)
        changes = [change for node, slot in nodes for change in KINDS[kind][0](node, slot, names, rng)]
        for slot, value in rng.sample(changes, min(3, len(changes))):
            old = slot.put(value)
            try:
                broken = ast.unparse(tree)
            except (ValueError, RecursionError, AttributeError):
                broken = text
            slot.put(old)
            bug = difference(kind, text.split("\n"), broken.split("\n"))
            if bug is not None and _parses(broken):
                return bug
    return None


def difference(kind: str, right: Sequence[str], wrong: Sequence[str]) -> Bug | None:
    """The bug between two texts, where it is one line (or up to three missing lines, or one too many)."""
    head, tail = common_ends(right, wrong)
    good, bad = list(right[head : len(right) - tail]), list(wrong[head : len(wrong) - tail])
    if not bad and 0 < len(good) <= 3:  # missing: say it together with the line that follows, or the one before
        if head < len(wrong) and head > 0:
            return Bug(kind, tuple(wrong), head, (*good, wrong[head]))
        return Bug(kind, tuple(wrong), head - 1, (wrong[head - 1], *good)) if head else None
    if len(bad) == 1 and len(good) <= 3:
        return Bug(kind, tuple(wrong), head, tuple(good))
    return None


def _with(node: Any, **fields: Any) -> Any:
    """A shallow copy of a node with some fields changed, its place in the text kept: `ast.unparse` reads it in a
    `for`."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
