"""How lines are found and replaced where the search text is not exactly the file's; test_edits.py has the battery."""

import pytest

from agent.errors import EditRefused
from agent.lines import replace_lines

INDENTED = {
    "two spaces for a tab": ("\tfoo()\n", "  foo()", "  if x:\n    foo()", "\tif x:\n\t\tfoo()\n"),
    "eight spaces for a tab": ("\tfoo()\n", "        foo()", "        if x:\n                y", "\tif x:\n\t\ty\n"),
    "outdented and two spaces for a tab": ("\t\tfoo()\n", "foo()", "if x:\n  foo()", "\t\tif x:\n\t\t\tfoo()\n"),
    "a tab for two spaces": ("  if x:\n    a\n", "\tif x:\n\t\ta", "\tif y:\n\t\tb", "  if y:\n    b\n"),
    "indented too far": ("if x:\n    a\n", "    if x:\n        a", "    if y:\n        b\n    c", "if y:\n    b\nc\n"),
    "indented too far, a line at the margin": ("a\nb\n", "    a\n    b", "    a\n#if\n    c", "a\n#if\nc\n"),
    "spaces after tabs, for alignment": (
        "\tf(a,\n\t  b)\n",
        "f(a,\n  b)",
        "f(a,\n  c,\n  d)",
        "\tf(a,\n\t  c,\n\t  d)\n",
    ),
    "outdented, alone": ("if x:\n    a\n", "a", "b", "if x:\n    b\n"),
    "an unedited line keeps its tail": ("\ta  \n\tb\n", "    a\n    b", "    a\n    c", "\ta  \n\tc\n"),
    "a form feed is content": ("\x0c\n  a\n", "a", "b", "\x0c\n  b\n"),
}


@pytest.mark.parametrize(("text", "old", "new", "expected"), INDENTED.values(), ids=INDENTED)
def test_new_lines_are_indented_as_the_file_is(text: str, old: str, new: str, expected: str) -> None:
    assert replace_lines(text, old, new) == expected


def test_an_exact_match_wins_over_lenient_ones() -> None:
    assert replace_lines("a \n\ta\na\n", "a", "b") == "a \n\ta\nb\n"


def test_new_lines_at_an_exact_match_are_taken_as_written() -> None:
    assert replace_lines("\tif x:\n\t\ty\n", "\tif x:", "\tif x:\n        z") == "\tif x:\n        z\n\t\ty\n"


def test_a_blank_line_is_a_line() -> None:
    assert replace_lines("a\n\nb\n", "a\n\n", "a\n") == "a\nb\n"


def test_a_refusal_shows_the_block_that_was_meant() -> None:
    text = "import os\n\n\ndef total(items):\n    result = 0\n    return result\n"
    with pytest.raises(EditRefused) as refusal:
        replace_lines(text, "def total(item):\n    result = 1\n    return result\n", "")
    assert str(refusal.value).endswith("4\tdef total(items):\n5\t    result = 0\n6\t    return result")


def test_a_refusal_shows_the_place_where_most_of_the_block_is() -> None:
    body = ["    check(value)", "    self.total = value", "    return self.total"]
    text = "\n".join(line for name in "abcd" for line in [f"def set_{name}(self, value):", *body, ""])
    text = text.replace("def set_c(self, value):\n", "def set_c(self, value):\n    # checked\n")
    with pytest.raises(EditRefused) as refusal:
        replace_lines(text, "\n".join(["def set_c(self, value):", *body]), "")
    shown = str(refusal.value).partition(", are:\n")[2].split("\n")
    assert shown[2:7] == [f"{11 + i}\t{line}" for i, line in enumerate(text.split("\n")[10:15])]
    assert not any("def set_a" in line for line in shown)


def test_a_refusal_shows_all_of_a_longer_block() -> None:
    lines = [f"    step_{i}(value)" for i in range(30)]
    with pytest.raises(EditRefused) as refusal:
        replace_lines("\n".join(lines), "\n".join([*lines[:-1], "    step_30(value)"]), "")
    assert str(refusal.value).endswith("30\t    step_29(value)")


def test_a_refusal_stays_short_for_long_files_and_lines() -> None:
    text = "".join(f"line {'x' * 300} {number}\n" for number in range(30_000))
    with pytest.raises(EditRefused) as refusal:
        replace_lines(text, "line " + "x" * 299, "")
    assert len(str(refusal.value)) < 1000


def test_many_places_are_not_all_listed() -> None:
    with pytest.raises(EditRefused, match="at lines 1, 2, .*, 20 and more"):
        replace_lines("\n" * 100_000, "\n\n\n", "")


def test_a_nearly_periodic_file_is_searched_in_linear_time() -> None:
    with pytest.raises(EditRefused, match="not in the file"):
        replace_lines("\n" * 300_000, "\n" * 50_000 + "x", "")
