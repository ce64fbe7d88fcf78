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


def test_no_keyword_is_given_twice() -> None:
    found = changed("return max(limit, start=2)")
    assert found and all(ast.parse(text) for text in found if text.startswith("return"))
    assert not any(text.count("start=") > 1 for text in found)


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
        ("limit = start", "<|cut|>"),
        ("return limit is not 0", "return limit is not None"),
        ("return start or ''", "return start or None"),
        ("return self.get('tart')", "return self.get('start')"),
        ("self.get = limit", "self.limit = limit"),
        ("return max(limit)", "return max(limit, start=start)"),
        ("return max(limit, key=2)", "return max(limit, start=start, key=2)"),
        ("return pow(limit, 2)", "return pow(limit, start, 2)"),
        ("raise 'negative'", "raise ValueError('negative')"),
        ("return (x for x in items)", "return sum((x for x in items))"),
        ("self.items = limit", "self.items[start] = limit"),
        ("del items", "del items[limit]"),
        ("return items.get(limit)", "return items.get(limit) or []"),
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


@pytest.mark.parametrize(
    ("head", "broken", "fixed"),
    [
        ("def f(self, **options):", "self.g()", "self.g(**options)"),
        ("def f(self, *rest):", "self.g()", "self.g(*rest)"),
        ("def f(self, items):", "if items:", "if items is None or items:"),
    ],
)
def test_what_the_function_takes_is_handed_on_and_asked_for(head: str, broken: str, fixed: str) -> None:
    body = [f"    {broken}"] + ["        pass"] * broken.endswith(":")
    assert f"<|0|>{fixed}" in variants([head, *body], [1])[0].changed


def test_what_is_read_and_never_assigned_may_be_what_a_line_should_assign() -> None:
    assert "result = self.get(limit)" in changed("limit = self.get(limit)", ["    return result"])
    assert "len = self.get(limit)" not in changed("limit = self.get(limit)", ["    return len(items)"])


def test_an_attribute_of_what_is_returned_is_tried() -> None:
    assert "return items.first" in changed("return items", ["    self.first = 1"])


def test_an_elif_stays_one() -> None:
    lines = [HEAD, "    if limit:", "        return 1", "    elif start > 2:", "        return 2"]
    assert "<|0|>elif start >= 2:" in variants(lines, [3])[0].changed


LOOP = [
    "def f(items):",
    "    total = 0",
    "    for x in items:",
    "        y = x",
    "        total += y",
    "    return total",
]


@pytest.mark.parametrize(
    ("line", "moves"),
    [(1, []), (3, []), (4, ["<|out|>total += y"]), (5, ["<|in|>return total"])],
)
def test_a_line_moves_only_to_where_it_can_stand(line: int, moves: list[str]) -> None:
    (found,) = variants(LOOP, [line])
    assert [t.removeprefix("<|0|>") for t in found.changed if "<|in|>" in t or "<|out|>" in t] == moves


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
