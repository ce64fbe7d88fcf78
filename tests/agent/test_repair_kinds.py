"""agent/repair_kinds.py: changes of the same kind have one name, others another."""

import ast

import pytest

from agent.fix_templates import variants
from agent.repair_kinds import LEAST, log_odds


def kinds(line: str) -> dict[str, str]:
    """By what a line becomes."""
    (found,) = variants(["def f(items, limit, start):", "    " + line], [1])
    return {text.removeprefix("<|0|>"): kind for text, kind in zip(found.changed, found.kinds, strict=True)}


@pytest.mark.parametrize(
    ("line", "one", "other"),
    [
        ("return limit < 25", "return limit < 26", "return limit < 24"),
        ("return limit < 25", "return limit <= 25", "return limit > 25"),
        ("return limit", "return limit()", "return limit + 1"),
        ("return f(limit, start)", "return f(start, limit)", "return f(limit)"),
        ("return items", "return items[limit]", "return items[1:]"),
        ("return min(items)", "return max(items)", "return limit(items)"),
    ],
)
def test_what_is_not_alike_has_another_kind(line: str, one: str, other: str) -> None:
    found = kinds(line)
    assert found[one] != found[other]


@pytest.mark.parametrize(
    ("line", "one", "other"),
    [
        ("return items", "return items[limit]", "return items[start]"),
        ("return limit + start", "return start + start", "return limit + limit"),
        ("return limit", "return limit.strip()", "return limit.lower()"),
    ],
)
def test_names_make_no_kind(line: str, one: str, other: str) -> None:
    found = kinds(line)
    assert found[one] == found[other]


def test_likely_repairs_have_better_odds_than_nonsense() -> None:
    odds, found = log_odds(), kinds("return items[limit + 25] < start")
    likely = [found[f"return items[limit + 25] {op} start"] for op in ("<=", ">", ">=")]
    likely += [found["return items[limit - 25] < start"], found["return items[limit + 26] < start"]]
    nonsense = [found["return items[limit() + 25] < start"], found["return items[limit[start] + 25] < start"]]
    assert min(odds[kind] for kind in likely) > 0.3 > max(odds[kind] for kind in nonsense)


def test_no_kind_is_ruled_out() -> None:
    assert min(log_odds().values()) >= round(LEAST, 2)


def test_the_table_is_about_kinds_that_there_are() -> None:
    """Else another way of naming kinds would silently switch the odds off."""
    unit = "def f(self, a, b):\n    for i in range(len(a) - 1):\n        if a[i:] <= b and not self.x(a, k=b):\n"
    unit += (
        "            b += a[i + 1] * 2\n        elif i % 3 == 0:\n            return True\n        g(a)\n    return b"
    )
    ast.parse(unit)
    lines = unit.split("\n")
    offered = {kind for line in variants(lines, range(1, len(lines))) for kind in line.kinds}
    assert len(offered & log_odds().keys()) > len(offered) / 3
