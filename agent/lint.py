"""What an edit broke in a file, without running it: it no longer parses, or has fatal errors that it had not before."""

import ast
import json
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Lock

from pyflakes import messages  # type: ignore[import-untyped]
from pyflakes.checker import Checker  # type: ignore[import-untyped]

MAX_SIZE = 2_000_000
"""Bytes; parsing a larger file, which nobody wrote by hand, would take seconds and hundreds of megabytes."""

# Only what raises when it runs: of flake8's F codes 406 407 50x 52x 70x 82x 831, as far as `compile` does not see it.
_FATAL = (
    messages.DuplicateArgument,
    messages.FutureFeatureNotDefined,
    messages.ImportStarNotPermitted,
    messages.PercentFormatExpectedMapping,
    messages.PercentFormatExpectedSequence,
    messages.PercentFormatInvalidFormat,
    messages.PercentFormatMissingArgument,
    messages.PercentFormatMixedPositionalAndNamed,
    messages.PercentFormatPositionalCountMismatch,
    messages.PercentFormatStarRequiresSequence,
    messages.PercentFormatUnsupportedFormatCharacter,
    messages.ReturnOutsideFunction,
    messages.StringDotFormatInvalidFormat,
    messages.StringDotFormatMissingArgument,
    messages.StringDotFormatMixingAutomatic,
    messages.UndefinedExport,
    messages.UndefinedLocal,
    messages.UndefinedName,
    messages.YieldOutsideFunction,
)

# Warnings are switched off for the whole process while a file is parsed.
_warning_filters = Lock()


@dataclass(frozen=True)
class _Broken:
    reason: str


def new_problems(path: str, old: bytes | None, new: bytes) -> list[str]:
    """One sentence, which begins with `path` and the line, for each problem that `new` has and `old` had not.

    `old` is None for a new file. A file that did not parse before, perhaps because it is for another version of
    Python, is not judged.
    """
    parse = _PARSERS.get(PurePosixPath(path).suffix)
    if parse is None or max(len(old or b""), len(new)) > MAX_SIZE:
        return []
    before = None if old is None else _attempt(parse, old)
    if isinstance(before, _Broken):
        return []
    after = _attempt(parse, new)
    if isinstance(after, _Broken):
        return [f"{path}{after.reason}"]
    if not isinstance(after, ast.Module) or (old is not None and not isinstance(before, ast.Module)):
        return []
    try:
        return _new_fatal(path, before, after)
    except RecursionError:
        return []


def still_parses(path: str, old: bytes | None, new: bytes) -> bool:
    """False where `new` does not parse and `old` did, or was not there."""
    parse = _PARSERS.get(PurePosixPath(path).suffix)
    if parse is None or max(len(old or b""), len(new)) > MAX_SIZE:
        return True
    if old is not None and isinstance(_attempt(parse, old), _Broken):
        return True
    return not isinstance(_attempt(parse, new), _Broken)


def _new_fatal(path: str, before: ast.Module | None, after: ast.Module) -> list[str]:
    known = Counter(_identity(message) for message in _fatal(path, before)) if before else Counter()
    problems = []
    for message in _fatal(path, after):
        if known[_identity(message)] > 0:
            known[_identity(message)] -= 1
        else:
            problems.append(f"{path}:{message.lineno}: {message.message % message.message_args}")
    return problems


def _attempt(parse: Callable[[bytes], ast.Module | None], data: bytes) -> ast.Module | _Broken | None:
    """The tree of a Python file; None for another kind, and for a file too deep for our parser."""
    try:
        return parse(data)
    except SyntaxError as error:
        return _Broken(f":{error.lineno or 1}: does not parse: {error.msg}")
    except ValueError as error:  # a NUL, a wrong encoding, JSON, TOML
        return _Broken(f": does not parse: {error}")
    except (RecursionError, MemoryError):
        return None


def _python(data: bytes) -> ast.Module:
    with _warning_filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(data)
        # The compiler finds what the grammar allows, such as a `return` outside a function.
        compile(tree, "<file>", "exec", dont_inherit=True)
    return tree


def _json(data: bytes) -> None:
    json.loads(data)


def _toml(data: bytes) -> None:
    tomllib.loads(data.decode())


_PARSERS: dict[str, Callable[[bytes], ast.Module | None]] = {
    ".py": _python,
    ".pyi": _python,
    ".pyw": _python,
    ".json": _json,
    ".ipynb": _json,
    ".toml": _toml,
}


def _fatal(path: str, tree: ast.Module) -> list[messages.Message]:
    found = (message for message in Checker(tree, filename=path).messages if isinstance(message, _FATAL))
    return sorted(found, key=lambda message: message.lineno)


def _identity(message: messages.Message) -> tuple[type, object]:
    """Equal wherever in the file it is: without the line, which for an undefined local is the second argument too."""
    return type(message), message.message_args[:1]
