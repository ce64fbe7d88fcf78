"""ttrl_adapter/bugs.py: every bug is one line, parses, and its fix gives the function back."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ttrl_adapter.bugs import KINDS, break_function, difference

ROOT = Path(__file__).parents[2]
FUNCTIONS = [
    """\
def mean(values, default):
    if not values:
        return default
    total = 0
    for i in range(1, len(values)):
        total += values[i - 1]
    return total / len(values)""",
    """\
def merge(a, b, key=None):
    out = sorted(a + b[1:], key=key, reverse=True)
    while out and out[-1] is None:
        if len(out) < 2 or key(out[0], a) == 'x':
            break
        elif b.strip():
            out.pop()
        else:
            return (a, b)
    return min(out, max(a))""",
]


@pytest.mark.parametrize("text", FUNCTIONS)
def test_the_fixed_lines_give_the_function_back(text: str) -> None:
    for seed in range(200):
        bug = break_function(text, random.Random(seed))
        assert bug is not None
        lines = [*bug.broken[: bug.line], *bug.fixed, *bug.broken[bug.line + 1 :]]
        assert "\n".join(lines) == text and "\n".join(bug.broken) != text


def test_broken_functions_parse() -> None:
    for seed in range(200):
        bug = break_function(FUNCTIONS[1], random.Random(seed))
        assert bug is not None
        compile("\n".join(bug.broken), "broken", "exec", dont_inherit=True, flags=0x400)  # PyCF_ONLY_AST


def test_every_kind_of_bug_is_made() -> None:
    seen = {bug.kind for text in FUNCTIONS for seed in range(300) if (bug := break_function(text, random.Random(seed)))}
    assert seen == set(KINDS)


def test_the_same_seed_makes_the_same_bug() -> None:
    assert break_function(FUNCTIONS[0], random.Random(3)) == break_function(FUNCTIONS[0], random.Random(3))


SAID = """
import random
from agent.fix_templates import variants
from ttrl_adapter.bugs import break_function
from tests_of_bugs import FUNCTIONS
for text in FUNCTIONS:
    lines = text.split("\\n")
    print(variants(lines, range(len(lines))))
    print([break_function(text, random.Random(seed)) for seed in range(100)])
"""


def test_the_same_seed_makes_the_same_bugs_and_changes_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "tests_of_bugs.py").write_text(f"FUNCTIONS = {FUNCTIONS!r}")
    said = {
        subprocess.run(
            [sys.executable, "-c", SAID],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_a_line_moves_out_of_a_loop() -> None:
    text = "def f(items):\n    for x in items:\n        y = x\n        g(y)\n    return y"
    made = {bug.broken for seed in range(100) if (bug := break_function(text, random.Random(seed)))}
    assert tuple(text.replace("        g(y)", "    g(y)").split("\n")) in made


def test_nothing_to_break_is_none() -> None:
    assert break_function("pass", random.Random(0)) is None


def test_a_missing_line_is_told_with_the_line_that_follows() -> None:
    bug = difference("statement", ["a", "b", "c"], ["a", "c"])
    assert bug is not None and (bug.line, bug.fixed) == (1, ("b", "c"))


def test_two_changed_lines_are_no_one_line_bug() -> None:
    assert difference("x", ["a", "b", "c"], ["x", "b", "y"]) is None
