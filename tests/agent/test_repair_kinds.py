"""agent/repair_kinds.py: changes of the same kind have one name, others another."""

import pytest

from agent.fix_templates import variants


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
