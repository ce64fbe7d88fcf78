"""How the embedded policy sees code, and how its answer becomes an edit.

A *view* is one function (or a run of statements) in a normal form: `ast.unparse` without docstrings, comments,
decorators and annotations, one statement header per line, long strings shortened. A small model then spends nothing
on layout. The prompt marks a few suspicious lines; the answer names a mark and says the repaired line:

    def area(w, h):                       <|fix|><|0|>return w * h<|end|>
        <|0|>return w + h

`repair()` puts the line back, finds the smallest AST node that differs, and changes only that piece of the original
text, so comments, quotes and layout around it survive byte for byte. Training (ttrl_adapter/pretrain.py) and inference
share this file: the prompt form is defined once.
"""

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agent.edits import Edit

MARKS = tuple(f"<|{i}|>" for i in range(10))
FIX, END, CUT, IN, OUT = "<|fix|>", "<|end|>", "<|cut|>", "<|in|>", "<|out|>"
"""Ask, end of answer; answers: the line is deleted, indented one level more, one level less."""
SPECIAL_TOKENS = (END, FIX, CUT, IN, OUT, *MARKS)

INDENT = "    "
VIEW_CHARACTERS = 560
"""About how much of a function the model sees; longer ones are cut around the marked lines."""
MAX_STRING = 24
"""Characters of a string constant that the model sees."""

Unit = Sequence[ast.stmt]


@dataclass(frozen=True)
class View:
    """A unit of a file in normal form. `lines` are the normalised lines; `spans[i]` are the first and last source
    lines (1-based) of the statement header shown in `lines[i]`, None for `else:` and the like."""

    source: str
    unit: tuple[ast.stmt, ...]
    lines: tuple[str, ...]
    spans: tuple[tuple[int, int] | None, ...]
    strings: dict[str, str]
    """Shortened string constants and what they stand for."""

    def line_of(self, source_line: int) -> int | None:
        """Index into `lines` of the statement header that holds a source line; None where there is none."""
        hits = [i for i, span in enumerate(self.spans) if span and span[0] <= source_line <= span[1]]
        return max(hits) if hits else None


def parse(source: str) -> ast.Module | None:
    """The module, or None for anything that this Python cannot parse."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def units(tree: ast.Module) -> Iterator[tuple[ast.stmt, ...]]:
    """Every function, and every run of other simple statements at module or class level."""
    scopes: list[ast.Module | ast.ClassDef] = [tree]
    while scopes:
        run: list[ast.stmt] = []
        for statement in scopes.pop().body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if isinstance(statement, ast.ClassDef):
                    scopes.append(statement)
                else:
                    yield (statement,)
                if run:
                    yield tuple(run)
                run = []
            elif not isinstance(statement, ast.Import | ast.ImportFrom) and not _is_docstring(statement):
                run.append(statement)
        if run:
            yield tuple(run)


def view_unit(source: str, unit: Unit) -> View | None:
    """The normal form of a unit; None where `ast.unparse` does not give the same tree back."""
    plain, strings = normalise(unit)
    try:
        text = ast.unparse(ast.Module(body=list(plain), type_ignores=[]))
        again = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    lines = text.split("\n")
    spans: list[tuple[int, int] | None] = [None] * len(lines)
    ours, theirs = ast.walk(ast.Module(body=list(plain), type_ignores=[])), ast.walk(again)
    for old, new in zip(ours, theirs, strict=False):
        if type(old) is not type(new):
            return None
        if isinstance(old, ast.stmt | ast.ExceptHandler) and isinstance(new, ast.stmt | ast.ExceptHandler):
            spans[new.lineno - 1] = _header_span(old)
    return View(source, tuple(unit), tuple(lines), tuple(spans), strings)


def normalise(unit: Unit) -> tuple[list[ast.stmt], dict[str, str]]:
    """A copy without docstrings, decorators and annotations, long or odd strings shortened; positions are kept."""
    plain = copy.deepcopy(list(unit))
    return plain, strip(plain)


def strip(plain: list[ast.stmt]) -> dict[str, str]:
    """The same in place; returns the shortened strings."""
    strings: dict[str, str] = {}
    for node in ast.walk(ast.Module(body=plain, type_ignores=[])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = []
            if len(node.body) > 1 and _is_docstring(node.body[0]):
                del node.body[0]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = _shorten(node.value, strings)
    return strings


def prompt(lines: Sequence[str], marked: Sequence[int], limit: int = VIEW_CHARACTERS) -> str:
    """The lines with marks, cut to about `limit` characters around the marked lines; at most len(MARKS) marks."""
    marks = {line: MARKS[i] for i, line in enumerate(sorted(marked)[: len(MARKS)])}
    shown = _window(lines, sorted(marks), limit)
    rows = []
    for i, line in enumerate(lines):
        if i not in shown:
            if i - 1 in shown:
                rows.append(_indent_of(line) + "...")
            continue
        indent = _indent_of(line)
        rows.append(indent + marks.get(i, "") + line[len(indent) :])
    return "\n".join(rows) + FIX


def answer(fixed: Sequence[str], broken: Sequence[str], marked: Sequence[int], line: int) -> str:
    """What the policy should say: `broken[line]` becomes the lines `fixed`. Inverse of `read_answer`."""
    text = MARKS[sorted(marked).index(line)]
    if not fixed:
        return text + CUT
    old, new = len(_indent_of(broken[line])), len(_indent_of(fixed[0]))
    text += IN if new > old else OUT if new < old else ""
    return text + "\n".join([fixed[0].lstrip(" "), *fixed[1:]])


_ANSWER = re.compile(r"<\|(\d)\|>(<\|in\|>|<\|out\|>|<\|cut\|>)?(.*?)(?=<\||$)", re.DOTALL)


def read_answer(text: str, lines: Sequence[str], marked: Sequence[int]) -> list[str] | None:
    """All lines after the first repair that the answer names; None where the answer has no sense."""
    found = _ANSWER.match(text)
    order = sorted(marked)
    if found is None or int(found[1]) >= len(order):
        return None
    line, move, body = order[int(found[1])], found[2], found[3]
    indent = _indent_of(lines[line])
    if move == CUT:
        return [*lines[:line], *lines[line + 1 :]]
    if move == IN:
        indent += INDENT
    elif move == OUT:
        indent = indent[len(INDENT) :]
    if not body.strip():
        return None
    return [*lines[:line], *(indent + body).split("\n"), *lines[line + 1 :]]


def repair(view: View, new_lines: Sequence[str]) -> str | None:
    """The whole source with the unit changed to what `new_lines` say; None where that is not Python or no change.

    The smallest differing piece is replaced first; where its text alone would not give the wanted tree (precedence,
    f-strings), the enclosing expression, then the statement is taken."""
    wanted = parse("\n".join(new_lines))
    if wanted is None:
        return None
    _lengthen(wanted, view.strings)
    plain, _ = normalise(view.unit)
    _lengthen(ast.Module(body=plain, type_ignores=[]), view.strings)
    goal = ast.unparse(wanted)
    if goal == ast.unparse(ast.Module(body=plain, type_ignores=[])):
        return None
    for piece in reversed(list(_differences(plain, wanted.body))):
        for text in piece.texts():
            source = piece.splice(view.source, text)
            if source is not None and _has_unit(source, goal, view):
                return source
    return None


class CommonEnds(NamedTuple):
    """How many items two sequences share at the beginning, and how many of the rest at the end."""

    head: int
    tail: int


def common_ends(old: Sequence[object], new: Sequence[object]) -> CommonEnds:
    """What two runs of lines or of syntax nodes have in common around their difference."""
    most = min(len(old), len(new))
    head = 0
    while head < most and _same(old[head], new[head]):
        head += 1
    tail = 0
    while tail < most - head and _same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    return CommonEnds(head, tail)


def edit_between(path: str, old: str, new: str) -> Edit:
    """The search/replace edit that turns one text into the other: whole lines, with enough context to be unique."""
    before, after = _lines(old), _lines(new)
    head, tail = common_ends(before, after)
    stop = len(before) - tail
    while (stop == head or not _is_unique(before, head, stop)) and (head > 0 or tail > 0):
        if head > 0:
            head -= 1
        if tail > 0:
            tail, stop = tail - 1, stop + 1
    return Edit(path, "".join(before[head:stop]), "".join(after[head : len(after) - tail]))


@dataclass(frozen=True)
class _Piece:
    """A stretch of the original source (a node, or a run of statements) and the nodes that shall stand there."""

    old: Sequence[ast.AST]
    new: Sequence[ast.AST]
    anchor: ast.stmt | None = None
    """For an insertion: the statement before which it goes."""

    def texts(self) -> Iterator[str]:
        text = "\n".join(ast.unparse(node) for node in self.new)
        yield text
        if len(self.new) == 1 and isinstance(self.new[0], ast.expr):
            yield f"({text})"

    def splice(self, source: str, text: str) -> str | None:
        rows = [row.encode() for row in _lines(source)]
        first, last = (self.old[0], self.old[-1]) if self.old else (self.anchor, self.anchor)
        if first is None or last is None or not hasattr(first, "lineno"):
            return None
        start, begin = first.lineno - 1, first.col_offset  # type: ignore[attr-defined]
        end, finish = last.end_lineno - 1, last.end_col_offset  # type: ignore[attr-defined]
        eol = "\r\n" if rows[start].endswith(b"\r\n") else "\n"
        indent = rows[start][:begin].decode()
        if isinstance(first, ast.stmt):
            if indent.strip():
                return None
            text = (eol + indent).join(text.split("\n"))
        if not self.old:
            text, end, finish = text + eol + indent, start, begin
        elif not self.new:
            rows[start : end + 1] = []
            return b"".join(rows).decode()
        rows[start : end + 1] = [rows[start][:begin] + text.encode() + rows[end][finish:]]
        return b"".join(rows).decode()


def _differences(old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> Iterator[_Piece]:
    """From the outermost to the smallest piece that holds all of the difference between two runs of statements."""
    head, tail = common_ends(old, new)
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    if not before and head < len(old):
        yield _Piece((), after, anchor=old[head])
    elif not before:
        yield _Piece(old[-1:], [old[-1], *after])
    else:
        if len(after) or len(old) > len(before):
            yield _Piece(before, after)
        if len(before) == len(after) == 1:
            yield from _inside(before[0], after[0])


def _inside(old: ast.AST, new: ast.AST) -> Iterator[_Piece]:
    """Smaller pieces within two nodes of one type that differ in exactly one child."""
    if type(old) is not type(new):
        return
    changed = [name for name in old._fields if not _same(getattr(old, name, None), getattr(new, name, None))]
    if len(changed) != 1:
        return
    left, right = getattr(old, changed[0]), getattr(new, changed[0])
    if isinstance(left, list) and left and isinstance(left[0], ast.stmt):
        yield from _differences(left, right)
        return
    if isinstance(left, list):
        pairs = [(a, b) for a, b in zip(left, right, strict=False) if not _same(a, b)]
        if len(left) != len(right) or len(pairs) != 1:
            return
        left, right = pairs[0]
    if isinstance(left, ast.AST) and isinstance(right, ast.AST):
        if isinstance(left, ast.expr) and isinstance(right, ast.expr):
            yield _Piece([left], [right])
        yield from _inside(left, right)


def _same(a: object, b: object) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, ast.AST) and isinstance(b, ast.AST):
        return type(a) is type(b) and all(_same(getattr(a, f, None), getattr(b, f, None)) for f in a._fields)
    return type(a) is type(b) and a == b


def _has_unit(source: str, goal: str, view: View) -> bool:
    tree = parse(source)
    if tree is None:
        return False
    first = view.unit[0].lineno
    for unit in units(tree):
        if unit[0].lineno == first:
            plain, strings = normalise(unit)
            module = ast.Module(body=plain, type_ignores=[])
            _lengthen(module, strings)
            return ast.unparse(module) == goal
    return False


def _header_span(node: ast.stmt | ast.ExceptHandler) -> tuple[int, int]:
    body = getattr(node, "body", None)
    last = node.end_lineno or node.lineno
    if isinstance(body, list) and body:
        last = max(node.lineno, body[0].lineno - 1)
    elif isinstance(node, ast.Match):
        last = node.subject.end_lineno or node.lineno
    return node.lineno, last


def _window(lines: Sequence[str], marked: Sequence[int], limit: int) -> set[int]:
    """Indices of the lines to show: the head, the marked ones, then neighbours as far as the limit goes."""
    shown = {0, *marked}
    left = limit - sum(len(lines[i]) for i in shown)
    distance = 1
    while distance < len(lines):
        for i in sorted({mark + side * distance for mark in (marked or [0]) for side in (-1, 1)}):
            if 0 <= i < len(lines) and i not in shown:
                left -= len(lines[i])
                if left < 0:
                    return shown
                shown.add(i)
        distance += 1
    return shown


def _shorten(value: str, strings: dict[str, str]) -> str:
    if len(value) <= MAX_STRING and value.isascii() and "<|" not in value and value.isprintable():
        return value
    short = "".join(c for c in value[: MAX_STRING - 4] if c.isascii() and c.isprintable()).replace("<|", "") + "..."
    while strings.get(short, value) != value:
        short += "."
    strings[short] = value
    return short


def _lengthen(tree: ast.AST, strings: dict[str, str]) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = strings.get(node.value, node.value)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _lines(text: str) -> list[str]:
    """Lines with their ends, as Python's parser counts them: \\n, \\r\\n and lone \\r."""
    return re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)


def _is_unique(rows: Sequence[str], start: int, stop: int) -> bool:
    block = rows[start:stop]
    return sum(rows[i : i + len(block)] == block for i in range(len(rows) - len(block) + 1)) == 1
