"""A pytest command line: what of it says which tests run, and how to leave some out. Other commands are left alone."""

import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

MOST_LEFT_OUT = 200
_SHELL = re.compile(r"[;&|<>\n`]|\$\(|^\s*\(")
_PYTEST = ("pytest", "py.test")
_SELECTING = ("--deselect", "--ignore")
_VALUELESS = re.compile(r"-[qvxsl]+")


def is_pytest(command: str) -> bool:
    """Whether the command is one call of pytest, with no more of a shell than variables."""
    return _after_pytest(command) is not None


def names_tests(command: str) -> bool:
    """Whether a call of pytest says by itself which tests it runs, or may."""
    return any(not word.startswith("-") for word in _after_pytest(command) or [])


def without(command: str, left_out: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The command without the tests `left_out`; None where it cannot be told to leave them out and run the `wanted`."""
    if not left_out:
        return command
    # pytest leaves out whatever begins with what it is told.
    if any(test.startswith(tuple(left_out)) for test in wanted):
        return None
    if not is_pytest(command) or len(left_out) > MOST_LEFT_OUT:
        return None
    options = [part for test in left_out for part in ("--deselect" if "::" in test else "--ignore", test)]
    return " ".join([command, *map(shlex.quote, options)])


def is_part_of(command: str, whole: str) -> bool:
    """Whether a command is the whole one, or that without some tests."""
    if command == whole:
        return True
    told, rest = _after_pytest(whole), _after_pytest(command)
    if told is None or rest is None or not command.startswith(f"{whole} "):
        return False
    more = rest[len(told) :]
    return len(more) % 2 == 0 and all(option in _SELECTING for option in more[::2])


def way_of_running(command: str, paths: Collection[str]) -> str:
    """The command without what says which tests run, of a tree of these paths: equal where a test runs the same way.

    Whatever may be more than that stays in it.
    """
    rest = _after_pytest(command)
    if rest is None:
        return command
    kept: list[str] = []
    is_left_out = False
    before = ""
    for word in rest:
        if is_left_out:
            is_left_out = False
        elif word in _SELECTING:
            is_left_out = True
        elif not word.startswith(tuple(f"{option}=" for option in _SELECTING)) and not _is_test(word, before, paths):
            kept.append(word)
        before = word
    words = shlex.split(command)
    return shlex.join([*words[: len(words) - len(rest)], *kept])


def _is_test(word: str, before: str, paths: Collection[str]) -> bool:
    """Whether a word after pytest names tests, and is not the value of the option before it."""
    path = str(PurePosixPath(word.partition("::")[0]))
    is_there = path in paths or any(other.startswith(f"{path}/") for other in paths)
    is_value = before.startswith("-") and "=" not in before and not _VALUELESS.fullmatch(before)
    return is_there and not is_value and not word.startswith("-")


def _after_pytest(command: str) -> list[str] | None:
    """The words after pytest's name; None where the command is not one call of it."""
    if _SHELL.search(command):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    place = next((i for i, word in enumerate(words) if word.rpartition("/")[2] in _PYTEST), None)
    return None if place is None else words[place + 1 :]
