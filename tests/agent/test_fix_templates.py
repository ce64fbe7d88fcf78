"""agent/fix_templates.py: which changes of a line are tried."""

import ast
from collections.abc import Sequence

import pytest

from agent.fix_templates import MOST_VARIANTS, variants
from agent.function_view import parse, read_answer
from ttrl_adapter.bugs import KINDS

HEAD = "def f(self, items, limit, start):"


def changed(body: str, lines: Sequence[str] = ()) -> set[str]:
    """The changes of the second line of a function, without their mark."""
    return {text.removeprefix("<|0|>") for text in variants([HEAD, "    " + body, *lines], [1])[0].changed}


@pytest.mark.parametrize(
    ("broken", "fixed"),
    [
        ("return limit < start", "return limit <= start"),
        ("return limit in items", "return limit not in items"),
        ("return limit is None", "return limit is not None"),
        ("return limit + start", "return limit - start"),
        ("return limit - start", "return start - limit"),
        ("return limit + start * 2", "return (limit + start) * 2"),
        ("return limit", "return limit + 1"),
        ("return limit + 1", "return limit"),
        ("return items[limit]", "return items[limit - 1]"),
        ("return list(range(limit))", "return list(range(1, limit))"),
        ("return list(range(limit))", "return list(range(start, limit))"),
        ("return list(range(limit))", "return list(range(limit + 1))"),
        ("return limit and start", "return limit or start"),
        ("return not limit", "return limit"),
        ("return -limit", "return limit"),
        ("return 2", "return 1"),
        ("return True", "return False"),
        ("return items", "return limit"),
        ("return min(items)", "return max(items)"),
        ("items.append(limit)", "items.extend(limit)"),
        ("return max(limit, start)", "return max(start, limit)"),
        ("return pow(limit)", "return pow(limit, start)"),
        ("return pow(limit, start, 2)", "return pow(limit, start)"),
        ("return items", "return len(items)"),
        ("return sorted(items)", "return items"),
        ("return items[1:limit]", "return items[:limit]"),
        ("return items[limit:]", "return items[:limit]"),
        ("return items", "return items[1:]"),
        ("return items[limit][start]", "return items[start][limit]"),
        ("len(items)", "return len(items)"),
        ("return limit", "return limit * start"),
        ("limit = start", "limit += start"),
        ("limit += start", "limit = start"),
        ("return (limit, start)", "return (start, limit)"),
        ("return limit if start else items", "return items if start else limit"),
        ("limit = start", "<|in|>limit = start"),
        ("limit = start", "<|cut|>"),
    ],
)
def test_a_usual_repair_is_among_the_changes(broken: str, fixed: str) -> None:
    assert fixed in changed(broken)


@pytest.mark.parametrize(
    ("broken", "fixed"),
    [
        ("if limit < start:", "if limit <= start:"),
        ("if limit < start:", "while limit < start:"),
        ("while limit:", "while not limit:"),
        ("for x in items:", "for x in reversed(items):"),
        ("with limit as x:", "with limit() as x:"),
    ],
)
def test_the_head_of_a_block_changes_alone(broken: str, fixed: str) -> None:
    found = changed(broken, ["        return items + start"])
    assert fixed in found and not any("items + start" in text for text in found)


def test_an_elif_stays_one() -> None:
    lines = [HEAD, "    if limit:", "        return 1", "    elif start > 2:", "        return 2"]
    assert "<|0|>elif start >= 2:" in variants(lines, [3])[0].changed


def test_attributes_of_the_class_around_are_tried() -> None:
    around = parse("class C:\n    def g(self):\n        self.past = []")
    (found,) = variants(["def f(self):", "    return self.future"], [1], around)
    assert "<|0|>return self.past" in found.changed


def test_no_change_is_the_line_itself_and_none_comes_twice() -> None:
    (found,) = variants([HEAD, "    return items[limit - 1] + start"], [1])
    assert found.unchanged not in found.changed and len(set(found.changed)) == len(found.changed) <= MOST_VARIANTS


def test_every_change_can_be_read_back() -> None:
    lines = [HEAD, "    if items[limit:start] and self.total(items) > -1:", "        return items"]
    for text in variants(lines, [1])[0].changed:
        new = read_answer(text, lines, [1])
        assert new and ast.parse("\n".join(new))


@pytest.mark.parametrize("lines", [["def f(:", "    pass"], ["x = 1", "else:"]])
def test_what_does_not_parse_has_no_changes(lines: list[str]) -> None:
    assert [found.changed for found in variants(lines, [0, 1])] == [(), ()]


def test_marks_follow_the_lines() -> None:
    found = variants(["def f(a, b):", "    a = b", "    return a"], [2, 1])
    assert [line.unchanged for line in found] == ["<|0|>a = b", "<|1|>return a"]


def test_the_kinds_of_bugs_that_are_practised_have_templates() -> None:
    assert len(KINDS) == 16  # a new kind wants its template, and a row above
