"""agent/function_view.py: what the policy sees, and how an answer becomes a small change of the original text."""

import ast
import random

import pytest

from agent.edits import edit_bytes
from agent.function_view import (
    END,
    FIX,
    View,
    answer,
    edit_between,
    parse,
    prompt,
    read_answer,
    repair,
    units,
    view_unit,
)

SOURCE = '''\
import os


class Shop:
    """A shop."""

    rate: float = 0.2

    @property
    def total(self) -> float:
        """Sum of prices."""
        # keep this comment
        result = 0   # odd   spacing
        for item in self.items:
            if (item.price <
                    0):
                continue
            result -= item.price * (1 + self.rate)  # tax
        return result
'''


def view_of(source: str, index: int = 0) -> View:
    tree = parse(source)
    assert tree is not None
    view = view_unit(source, list(units(tree))[index])
    assert view is not None
    return view


def shop() -> View:
    return view_of(SOURCE, 1) if "total" in view_of(SOURCE, 1).lines[0] else view_of(SOURCE, 0)


def test_the_view_has_no_docstring_decorator_annotation_or_comment() -> None:
    assert shop().lines[:3] == ("def total(self):", "    result = 0", "    for item in self.items:")


def test_a_line_inside_a_statement_of_several_lines_is_found() -> None:
    view = shop()
    line = view.line_of(16)
    assert line is not None and view.lines[line] == "        if item.price < 0:"


def test_a_comment_line_before_the_body_belongs_to_the_header() -> None:
    assert shop().line_of(12) == 0


def test_the_prompt_marks_lines_after_their_indentation() -> None:
    text = prompt(("def f(a):", "    return a"), [1])
    assert text == "def f(a):\n    <|0|>return a" + FIX


def test_a_long_function_is_cut_around_the_marked_lines() -> None:
    lines = ["def f():", *(f"    step_{i} = {i}" for i in range(200))]
    text = prompt(lines, [100])
    assert "<|0|>step_99 = 99" in text and "step_5 " not in text and len(text) < 700
    assert text.startswith("def f():\n    ...")


@pytest.mark.parametrize(
    "said, lines",
    [
        ("<|0|>return b", ["def f(a):", "    return b"]),
        ("<|0|><|cut|>", ["def f(a):"]),
        ("<|0|><|out|>return a", ["def f(a):", "return a"]),
        ("<|0|><|in|>return a", ["def f(a):", "        return a"]),
        ("<|0|>if a:\n        return 1\n    return a", ["def f(a):", "    if a:", "        return 1", "    return a"]),
        ("<|0|>return b<|1|>ignored", ["def f(a):", "    return b"]),
        ("<|7|>return b", None),
        ("return b", None),
        ("", None),
        ("<|0|>", None),
    ],
)
def test_reading_an_answer(said: str, lines: list[str] | None) -> None:
    assert read_answer(said, ["def f(a):", "    return a"], [1]) == lines


def test_an_answer_is_read_back_as_it_was_meant() -> None:
    rng = random.Random(0)
    broken = ["def f(a):", "    if a:", "        x = 1", "    return x"]
    for line in range(1, 4):
        for fixed in (["    y = 2"], [], ["        deeper()"], ["    a = 1", broken[line]]):
            marked = sorted({line, rng.randrange(4)})
            told = read_answer(answer(fixed, broken, marked, line), broken, marked)
            assert told == [*broken[:line], *fixed, *broken[line + 1 :]]


def changed(view: View, old: str, new: str) -> str:
    line = next(i for i, text in enumerate(view.lines) if old in text)
    lines = [*view.lines]
    lines[line] = lines[line].replace(old, new)
    out = repair(view, lines)
    assert out is not None
    return out


def test_only_the_changed_piece_of_the_text_changes() -> None:
    assert changed(shop(), "result -= ", "result += ") == SOURCE.replace("result -= item", "result += item")


def test_a_change_inside_a_statement_of_several_lines_keeps_its_layout() -> None:
    assert changed(shop(), "< 0", "< 1") == SOURCE.replace("                    0)", "                    1)")


def test_a_piece_that_needs_parentheses_gets_them() -> None:
    source = "def f(a, b, c):\n    return a * b  # area\n"
    out = changed(view_of(source), "a * b", "a * (b + c)")
    assert out == "def f(a, b, c):\n    return a * (b + c)  # area\n"


def test_a_missing_statement_is_put_in_with_the_indentation_of_its_neighbour() -> None:
    source = "def f(n):\n\t# base\n\treturn n * f(n - 1)\n"
    view = view_of(source)
    out = repair(view, ["def f(n):", "    if n == 0:", "        return 1", "    return n * f(n - 1)"])
    assert out is not None and ast.dump(ast.parse(out)) == ast.dump(
        ast.parse("def f(n):\n    if n == 0:\n        return 1\n    return n * f(n - 1)\n")
    )
    assert out.startswith("def f(n):\n\t# base\n\tif n == 0:\n")


def test_crlf_and_quotes_survive() -> None:
    source = 'def f(a):\r\n    print("x", a)\r\n    return a + 1\r\n'
    assert changed(view_of(source), "a + 1", "a - 1") == source.replace("a + 1", "a - 1")


def test_a_long_string_in_the_changed_call_comes_back_whole() -> None:
    text = "x" * 100
    source = f'def f(a, b):\n    return g("{text}", a)\n'
    assert text in changed(view_of(source), ", a)", ", a, b)")


def test_text_that_looks_like_a_mark_is_never_shown_as_one() -> None:
    view = view_of('def f():\n    return "<|0|>" + "<|end|>"\n')
    assert "<|" not in "\n".join(view.lines)


@pytest.mark.parametrize("lines", [["def f(:", "    return a"], ["def f(a):", "    return a"]])
def test_what_does_not_parse_or_changes_nothing_is_no_repair(lines: list[str]) -> None:
    assert repair(view_of("def f(a):\n    return a\n"), lines) is None


@pytest.mark.parametrize(
    "old, new",
    [
        ("a\nb\nc\n", "a\nX\nc\n"),
        ("x\nx\nx\nx\n", "x\nx\ny\nx\n"),
        ("a\nb\n", "a\nnew\nb\n"),
        ("a\nb\nc\n", "a\nc\n"),
        ("only", "other"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
    ],
)
def test_an_edit_between_two_texts_turns_one_into_the_other(old: str, new: str) -> None:
    edit = edit_between("f.py", old, new)
    assert edit_bytes(old.encode(), edit.old, edit.new) == new.encode()


def test_module_level_statements_form_a_unit() -> None:
    tree = parse("import os\nLIMIT = 3\nNAMES = ['a']\n\ndef f():\n    pass\n")
    assert tree is not None
    assert [type(unit[0]) for unit in units(tree)] == [ast.FunctionDef, ast.Assign]


@pytest.mark.parametrize("source", ["def f(:", "\0", "(" * 5000])
def test_what_is_not_python_is_none(source: str) -> None:
    assert parse(source) is None


def test_an_end_token_ends_the_answer() -> None:
    assert read_answer("<|0|>return 1" + END, ["def f():", "    return 0"], [1]) == ["def f():", "    return 1"]
