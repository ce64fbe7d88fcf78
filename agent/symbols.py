"""What one file defines and which names it uses, read with tree-sitter.

The grammars come as packages of one language each, imported when the first file of the language is met. What counts as
a definition, and what is prose (comments, strings), is said in queries/*.scm.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Language, Node, Parser, Query, QueryCursor

from agent.own_code import is_generated

LARGEST_FILE = 1_000_000
"""Bytes; larger files are generated or data."""
LONGEST_SIGNATURE = 200
"""Characters."""

_GRAMMARS = {
    "python": ("tree_sitter_python", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
}
_SUFFIXES = {
    suffix: language
    for language, suffixes in {
        "python": ".py .pyi",
        "javascript": ".js .jsx .mjs .cjs",
        "typescript": ".ts .mts .cts",
        "tsx": ".tsx",
        "go": ".go",
        "rust": ".rs",
        "java": ".java",
        "c": ".c",
        # Headers of C read well as C++.
        "cpp": ".h .hh .hpp .hxx .cc .cpp .cxx",
        "ruby": ".rb .rake",
    }.items()
    for suffix in suffixes.split()
}
_QUERIES = Path(__file__).parent / "queries"
# Shorter names are local variables. Bytes beyond ASCII are letters of some script.
_WORD = re.compile(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]{2,}")
_NAME = re.compile(rb"[\w\x80-\xff]+")
_LONGEST_MEAN_LINE = 300


class Definition(NamedTuple):
    """A class, function, type, macro or constant of a file's top level, by its name without any prefix."""

    name: str
    line: int
    """1-based, of its first line."""
    signature: str
    """What stands before its body, in one line with its indentation."""
    owner: int
    """Index of the definition around it, -1 where there is none."""


@dataclass(frozen=True)
class Symbols:
    """Of one file: definitions in the order of the file, and how often each name stands in its code."""

    definitions: tuple[Definition, ...]
    references: Counter[str]
    """Names of three characters and more; comments, strings and the definitions' own names do not count."""


NOTHING = Symbols((), Counter())


def language_of(path: str) -> str | None:
    """The language that the end of a path says; None where no grammar reads it."""
    name = path.rpartition("/")[2]
    return _SUFFIXES.get(name[name.rfind(".") :]) if "." in name else None


def read_symbols(data: bytes, language: str) -> Symbols:
    """The symbols of a file; what does not parse is left out; binary, generated, minified and huge ones are empty.

    `language` is one that `language_of` gives.
    """
    if not _is_source(data):
        return NOTHING
    grammar, query = _grammar(language)
    root = Parser(grammar).parse(data).root_node
    found = QueryCursor(query).captures(root)
    names = found.get("name", [])
    prose = [node.byte_range for kind in (names, found.get("prose", ())) for node in kind]
    definitions = tuple(_definitions(data, found.get("definition", []), names))
    return Symbols(definitions, _references(data, sorted(prose)))


def _is_source(data: bytes) -> bool:
    if len(data) > LARGEST_FILE or b"\0" in data or is_generated(data):
        return False
    return len(data) <= _LONGEST_MEAN_LINE * (data.count(b"\n") + 5)


@cache
def _grammar(language: str) -> tuple[Language, Query]:
    package, function = _GRAMMARS[language]
    grammar = Language(getattr(import_module(package), function)())
    query = _QUERIES / f"{'typescript' if language == 'tsx' else language}.scm"
    return grammar, Query(grammar, query.read_text(encoding="utf-8"))


def _definitions(data: bytes, nodes: list[Node], names: list[Node]) -> Iterator[Definition]:
    """One for each name, by the innermost definition around it."""
    # A node that two patterns match is there twice. An outer node comes before an inner one, both before the name.
    spans = {node.byte_range: node for node in nodes}
    marks = [(start, 0, -end, node) for (start, end), node in spans.items()]
    marks += [(node.start_byte, 1, -node.end_byte, node) for node in names]
    marks.sort(key=lambda mark: mark[:3])
    around: list[tuple[int, Node, list[int]]] = []
    count = 0
    last = -1
    for start, is_name, minus_end, node in marks:
        while around and around[-1][0] <= start:
            around.pop()
        if not is_name:
            around.append((-minus_end, node, []))
            continue
        name = _NAME.search(data, start, -minus_end)
        if not around or not name or start == last:
            continue
        last = start
        _, definition, indices = around[-1]
        owner = next((outer[0] for _, _, outer in reversed(around[:-1]) if outer), -1)
        indices.append(count)
        count += 1
        signature = _signature(data, definition)
        yield Definition(_text(name[0]), definition.start_point.row + 1, signature, owner)


def _signature(data: bytes, node: Node) -> str:
    begin = max(data.rfind(b"\n", 0, node.start_byte) + 1, node.start_byte - LONGEST_SIGNATURE)
    body = node.child_by_field_name("body")
    before = body.prev_sibling if body else None
    while before and "comment" in before.type:
        before = before.prev_sibling
    end = before.end_byte if before else data.find(b"\n", node.start_byte)
    text = _text(data[begin : min(end if end >= 0 else len(data), begin + 4 * LONGEST_SIGNATURE)])
    text = text.expandtabs(4)
    line = " " * (len(text) - len(text.lstrip())) + " ".join(text.split()).rstrip(" {:")
    return line if len(line) <= LONGEST_SIGNATURE else line[: LONGEST_SIGNATURE - 1] + "…"


def _references(data: bytes, left_out: list[tuple[int, int]]) -> Counter[str]:
    code = []
    position = 0
    for start, end in left_out:
        if start >= position:  # else it lies in one that is left out
            code.append(data[position:start])
            position = end
    code.append(data[position:])
    return Counter(map(_text, _WORD.findall(b" ".join(code))))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
