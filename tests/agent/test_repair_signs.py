"""agent/repair_signs.py: what speaks for a change, beside its kind."""

import pytest

from agent.fix_templates import variants
from agent.function_view import CUT, IN
from agent.repair_signs import Surroundings, weights, words_of

LINES = [
    "def f(items, limit, start):",
    "    total = 0",
    "    for item in items:",
    "        last = item",
    "        total += item",
    "    total",
    "    return g(limit, limit) + last",
]


def signs(line: int, kind: str, text: str) -> set[str]:
    return set(Surroundings(LINES, line).signs(kind, f"<|0|>{text}"))


@pytest.mark.parametrize(
    ("line", "text", "sign"),
    [
        (6, "return g(limit, start) + last", "old name twice in the line"),
        (6, "return g(limit, start) + last", "new name 1 read 0"),
        (6, "return g(limit, last) + last", "new name twice in the line"),
        (6, "return g(limit, limit) + item", "new name at 2"),
        (6, "return g(limit, limit) + other", "new name not before"),
        (6, "return g(limit, limit) + total", "new name in the line before"),
        (4, "total += last", "new name in the line before"),
        (2, "for item in total:", "new name in the line before"),
        (2, "for item in last:", "new name in the line after"),
        (3, "start = item", "old name assigned, later read 1"),
        (3, "start = item", "new name assigned, later read 0"),
        (5, "return total", "no effect: kind"),
        (3, "total += item", "new line stands elsewhere"),
        (3, "last = item - item", "new same on both sides"),
        (3, "last = 0 < item", "new number first"),
        (6, "return g(limit, limit=limit) + last", "new sign"),
    ],
)
def test_what_a_change_does_to_the_names(line: int, text: str, sign: str) -> None:
    found = signs(line, "kind: of change", text)
    assert (sign in found) is (sign != "new sign")
    assert "kind: of change" in found


def test_a_keyword_gets_what_bears_its_name() -> None:
    lines = ["def f(link, text):", "    show(text, link=text)"]
    found = set(Surroundings(lines, 1).signs("other_name: Load name", "<|0|>show(text, link=link)"))
    assert "new name like its keyword" in found


@pytest.mark.parametrize("template", ["move: cut", "move: in"])
def test_a_move_is_judged_by_what_it_reads_and_assigns(template: str) -> None:
    text = CUT if template == "move: cut" else f"{IN}last = item"
    assert f"{template} assigned, later read 1" in signs(3, template, text)
    assert f"{template} reads what is new in the line before" in signs(3, template, text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x[1:] //= 'a b' + f(y)", ["x", "[", "1", ":", "]", "//=", "'a b'", "+", "f", "(", "y", ")"]),
        ("é = 1.5e3", ["é", "=", "1.5e3"]),
        ("s = '\\'' != \"\"", ["s", "=", "'\\''", "!=", '""']),
        ("", []),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert list(words_of(line)) == words


def test_every_change_of_every_line_has_signs() -> None:
    """Whatever stands there: nothing is out of range."""
    marked = list(range(len(LINES)))
    for line, found in zip(marked, variants(LINES, marked), strict=True):
        around = Surroundings(LINES, line)
        for text, kind in zip(found.changed, found.kinds, strict=True):
            assert next(iter(around.signs(kind, text))) == kind


def test_what_betrays_a_line_outweighs_what_does_not() -> None:
    known = weights()

    def weight(line: int, kind: str, text: str) -> float:
        return sum(known.get(sign, 0.0) for sign in signs(line, kind, text))

    swap = "other_name: Load name"
    right = weight(6, swap, "return g(limit, start) + last")
    assert right > weight(6, swap, "return g(limit, last) + last") > weight(6, swap, "return g(limit, unknown) + last")
    assert weight(5, "returned: Expr > Return(part)", "return total") > weight(
        4, "operand: Name", "total += item * start"
    )


def test_the_table_is_about_signs_that_there_are() -> None:
    """Else another way of naming kinds or signs would silently switch them off."""
    marked = list(range(len(LINES)))
    offered = {
        sign
        for line, found in zip(marked, variants(LINES, marked), strict=True)
        for text, kind in zip(found.changed, found.kinds, strict=True)
        for sign in Surroundings(LINES, line).signs(kind, text)
    }
    assert len(offered & weights().keys()) > 0.4 * len(offered)
