"""Places that a text names: traceback frames, path:line, files, modules, functions and classes. No model, no run."""

import ast
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from agent.source import Function, Source

FRAME, FUNCTION, CLASS, FILE, WORD = 0.5, 0.3, 0.2, 0.1, 0.05
"""Weight of one mention, by what it says about a line: that very line, its function as code, its class, its file; a
plain word that happens to be the name of one."""
MOST_NAMESAKES = 3
"""A plain word that names more places than this says nothing."""
MOST_TEXT = 100_000
"""Characters that are read, half from each end."""
_LONG_WORD = re.compile(r"\S{400,}")

_FRAME = re.compile(
    r'File "(?P<quoted>[^"\n]+)", line (?P<at>\d+)'
    r"|(?P<recent_first>\(most recent call first\))"
    r"|(?<![\w/.:-])(?P<path>[\w./\\@+-]*\w\.\w+):(?P<line>\d+)\b"
)
_NAME = re.compile(r"(?P<before>[.`]?)(?P<name>[A-Za-z_]\w*)(?P<after>`|\(|\.(?=\w))?")
_PATH = re.compile(r"[\w./\\@+-]*\w\.\w+(?:\.\w+)*")


class Line(NamedTuple):
    """A line of a file: path relative to the worktree, 1-based number."""

    path: str
    line: int


def frames(text: str, source: Source) -> list[Line]:
    """The lines of suspect files that tracebacks or `path:line` in a text name, innermost first, each once."""
    found: list[Line] = []
    innermost_first = False
    for match in _FRAME.finditer(readable(text)):
        if match["recent_first"]:
            # As faulthandler prints it, the other way round.
            innermost_first = True
            continue
        path = source.relative(match["quoted"] or match["path"])
        if path:
            number = int(match["at"] or match["line"])
            found.append(Line(path, source.statement(path, number)))
    return list(dict.fromkeys(found if innermost_first else reversed(found)))


def by_depth(lines: Iterable[Line]) -> dict[Line, float]:
    """A weight for each frame of a traceback, innermost first: FRAME, then a half of it, a third ..."""
    return {line: FRAME / (1 + depth) for depth, line in enumerate(lines)}


def named_places(text: str, source: Source) -> dict[Line, float]:
    """The statements that a text points at, with weights in 0..1 that add up over its mentions."""
    text = readable(text)
    weights: Counter[Line] = Counter()
    weights.update(by_depth(frames(text, source)))
    for path in named_files(text, source.files):
        weights.update(_statements(source, path, FILE))
    for name, is_code in names_in(text).items():
        paths = source.definitions.get(name, ())
        if is_code or len(paths) <= MOST_NAMESAKES:
            for path in paths:
                weights.update(named_statements(source, path, name, is_code))
    return {line: min(1.0, weight) for line, weight in weights.items()}


def named_statements(source: Source, path: str, name: str, is_code: bool = True) -> dict[Line, float]:
    """The statements of the functions and classes of a name in one file, with their weight."""
    file = source.file(path)
    weights: dict[Line, float] = {}
    for function in file.functions if file else ():
        if name in (function.name, function.owner):
            weight = (FUNCTION if name == function.name else CLASS) if is_code else WORD
            weights.update(_statements(source, path, weight, function))
    return weights


def _statements(source: Source, path: str, weight: float, function: Function | None = None) -> dict[Line, float]:
    """The statements of a file, or of one function in it; the `def` lines say little."""
    file = source.file(path)
    return {
        Line(path, number): weight
        for number, node in (file.nodes.items() if file else ())
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and (function is None or function.start <= number <= function.end)
    }


def names_in(text: str) -> dict[str, bool]:
    """Each identifier of a text, and whether it is written as code somewhere."""
    names: dict[str, bool] = {}
    for match in _NAME.finditer(text):
        name = match["name"]
        has_inner_capital = any(c.isupper() for c in name[1:]) and not name.isupper()
        is_code = bool(match["before"] or match["after"] or "_" in name or has_inner_capital)
        names[name] = names.get(name, False) or is_code
    return names


def named_files(text: str, files: Iterable[str]) -> list[str]:
    """Those of the files that a text names by path (`pkg/mod.py`, `mod.py`) or by module (`pkg.mod.function`)."""
    ends: dict[str, list[str]] = {}
    for path in files:
        parts = path.split("/")
        for i in range(len(parts)):
            ends.setdefault("/".join(parts[i:]), []).append(path)
    found: list[str] = []
    for match in _PATH.finditer(text):
        modules = match[0].split(".")
        tries = [match[0].removeprefix("./"), *("/".join(modules[:i]) + ".py" for i in range(len(modules), 0, -1))]
        hits = next((ends[end] for end in tries if end in ends), [])
        found.extend(hits if len(hits) <= MOST_NAMESAKES else [])
    return list(dict.fromkeys(found))


def named_tests(text: str, tests: Iterable[str]) -> list[str]:
    """Those of the tests that a text names: by id or a part that ends at `::` or `[`, else by function, else by file.

    A function together with the file that it is in is that one alone.
    """
    said = {word.strip(".,:;!?'\"`()") for word in _clip(text).split()}
    tests = list(tests)
    if exact := [test for test in tests if any(part in said and "::" in part for part in _parts(test))]:
        return exact
    if dotted := [test for test in tests if test in said and "." in test]:
        return dotted
    words = set(re.findall(r"\w+", " ".join(said)))
    by_function = [test for test in tests if (name := function_of(test)).startswith("test") and name in words]
    by_file = [test for test in tests if test.partition("::")[0] in said]
    return [test for test in by_function if test in by_file] or by_function or by_file


def function_of(test: str) -> str:
    """The name of the function that a test's id ends with."""
    return test.split("[")[0].replace("::", ".").rpartition(".")[2]


def _parts(test: str) -> list[str]:
    """A test's id, and what it begins with up to each parameter list and class."""
    whole = test.split("[")[0].split("::")
    return [test, *("::".join(whole[:count]) for count in range(len(whole), 1, -1))]


def readable(text: str) -> str:
    """What is read of a text: its ends, without words that are data and no names, for which patterns would take time by
    the square of their length."""
    return _LONG_WORD.sub(" ", _clip(text))


def _clip(text: str) -> str:
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT // 2] + "\n" + text[-MOST_TEXT // 2 :]
