"""What a tool says to the model: how texts are numbered, and cut where they are too long."""

from collections.abc import Sequence
from typing import NamedTuple

LONGEST = 16_000
"""Characters of one observation."""
LONGEST_LINE = 1_000
"""Characters of one line in it."""


class Observation(NamedTuple):
    """The result of one call."""

    text: str
    failed: bool = False
    """Whether the call was refused or could not be done; a command that ends with an error is none of it."""
    may_have_written: bool = False
    """Whether files may have changed."""


def shortened(text: str, most: int = LONGEST) -> str:
    """The head and the tail of a text that is too long, at line breaks, with what was left out between them."""
    lines = [clipped(line) for line in text.split("\n")]
    text = "\n".join(lines)
    if len(text) <= most:
        return text
    head = _within(lines, most // 2)
    tail = _within(lines[len(head) :][::-1], most // 2)[::-1]
    left_out = len(lines) - len(head) - len(tail)
    return "\n".join([*head, f"[... {left_out:,} lines are left out here ...]", *tail])


def clipped(line: str) -> str:
    """A line with its middle left out where it is too long."""
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} [... {len(line) - 2 * half:,} characters are left out here ...] {line[-half:]}"


def numbered(lines: Sequence[str], first: int) -> str:
    """Lines with their numbers, a tab between."""
    return "\n".join(f"{number:6}\t{clipped(line)}" for number, line in enumerate(lines, first))


def _within(lines: Sequence[str], most: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        most -= len(line) + 1
        if most < 0:
            break
        kept.append(line)
    return kept
