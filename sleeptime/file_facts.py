"""What is worth saying about a file that was only looked at: what it is for, what it defines, who uses it. Pure."""

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from sleeptime.ties import User

_LONGEST_PURPOSE = 200
_LONGEST_SIGNATURE = 90
MOST_SIGNATURES = 8
_MOST_USERS = 3
_MOST_NAMES = 4
_HEAD = 4_000  # characters in which a file says what it is for
_MARKS = re.compile(r"^[ \t]*(?://+!?|#+|/?\*+/?|;+|--+|/\*+)[ \t]?", re.MULTILINE)
_LEGAL = re.compile(r"copyright|licen[sc]e|spdx|all rights reserved|©", re.IGNORECASE)
_DIRECTIVE = re.compile(
    r"^(?:-\*-|vim?:|eslint|pylint|flake8|@ts-|use strict|go:build|\+build|frozen_string|coding[:=])"
)
_SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.DOTALL)


class FileTies(NamedTuple):
    """How a file hangs together with others."""

    users: Sequence[User]
    """Files that use what it defines, no tests."""
    tests: Sequence[str]
    """Test files that use what it defines."""
    together: Sequence[tuple[str, int]]
    """Files that mostly change with it, and in how many commits."""
    commits: int
    """Of those that were looked at, how many changed it."""


def purpose(content: bytes, path: str) -> str:
    """What a file says about itself at its top, the first sentence; "" where it says nothing or only legal words."""
    text = content[: 4 * _HEAD].decode("utf-8", "replace")[:_HEAD]
    said = _docstring(content) if path.endswith((".py", ".pyi")) else _comment(text)
    said = " ".join(said.split())
    if len(said) < 10 or _LEGAL.search(said) or _DIRECTIVE.match(said):
        return ""
    sentence = match[1] if (match := _SENTENCE.match(said)) else said
    return sentence if len(sentence) <= _LONGEST_PURPOSE else sentence[: _LONGEST_PURPOSE - 1].rstrip() + "…"


def file_text(path: str, purpose: str, signatures: Sequence[str], more: int) -> str:
    """A note on what a file is: `signatures` are its most used definitions in its order, `more` the rest's number."""
    shown = [_short(" ".join(line.split())) for line in signatures]
    said = f' says of itself: "{purpose}"' if purpose else ""
    defines = " | ".join(shown) + (f" | and {more} more" if more else "")
    return f"{path}{said}{' It' if said else ''} defines: {defines}"


def ties_text(path: str, ties: FileTies) -> str:
    """A note on what a file hangs together with; "" where that is no more than a test beside it."""
    folder = path.rpartition("/")[0]
    if not ties.users and not ties.together and all(test.rpartition("/")[0] == folder for test in ties.tests):
        return ""
    parts = []
    if ties.users:
        users = ", ".join(f"{user.path} ({', '.join(user.names[:_MOST_NAMES])})" for user in ties.users[:_MOST_USERS])
        more = len(ties.users) - _MOST_USERS
        parts.append(f"is used by {users}" + (f" and {more} more" if more > 0 else ""))
    if ties.tests:
        parts.append(f"is tested in {', '.join(ties.tests)}")
    if ties.together:
        together = ", ".join(f"{other} ({count} times)" for other, count in ties.together)
        # How many there are in all would make another note of it with each commit of other files.
        parts.append(f"changed in {ties.commits} commits, mostly together with {together}")
    return f"{path} {'; it '.join(parts)}." if parts else ""


def _docstring(content: bytes) -> str:
    try:
        return ast.get_docstring(ast.parse(content)) or ""
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _comment(text: str) -> str:
    """The block of comment lines at the top; "" where the file begins with code."""
    lines: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#!") or (not stripped and not lines):
            continue
        if not _MARKS.match(line) or stripped.startswith(("#include", "#define", "#if", "#pragma", "#import")):
            break
        lines.append(_MARKS.sub("", stripped).removesuffix("*/").strip())
    return "\n".join(lines)


def _short(signature: str) -> str:
    return signature if len(signature) <= _LONGEST_SIGNATURE else signature[: _LONGEST_SIGNATURE - 1].rstrip() + "…"
