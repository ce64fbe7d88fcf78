"""The edits in a model's answer, in all the ways in which models write them."""

import pytest

from agent.answer import Answer, read_answer
from agent.edits import Edit

FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "src/app/util.py": "x = 1\n",
    "docs/guide.md": "# Guide\n\n```\ncode\n```\n",
    "big.py": "".join(f"line_{i} = {i}\n" for i in range(50)),
}
BLOCK = "<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE"
FIX = Edit("calc.py", "    return a - b\n", "    return a + b\n")


def read(text: str, marker: int = 7) -> Answer:
    return read_answer(text, FILES.get, list(FILES), marker)


@pytest.mark.parametrize(
    "text",
    [
        f"calc.py\n```\n{BLOCK}\n```",
        f"The sign is wrong.\n\ncalc.py\n```python\n{BLOCK}\n```\nThat is all.",
        f"calc.py\n~~~python\n{BLOCK}\n~~~",
        f"calc.py\n````\n{BLOCK}\n````",
        f"calc.py\n{BLOCK}",
        f"calc.py\n\n```\n{BLOCK}\n```",
        f"```python\ncalc.py\n{BLOCK}\n```",
        f"```python calc.py\n{BLOCK}\n```",
        f"```python:calc.py\n{BLOCK}\n```",
        f"**`calc.py`**:\n```\n{BLOCK}\n```",
        f"### File: `calc.py`\n```\n{BLOCK}\n```",
        f"# calc.py\n```\n{BLOCK}\n```",
        f"./calc.py\n```\n{BLOCK}\n```",
        f"a/calc.py\n```\n{BLOCK}\n```",
        f"In `calc.py`, change this:\n```\n{BLOCK}\n```",
        f"calc.py\n```\n{BLOCK}\n",
        f"calc.py\n```\n{BLOCK}\n```".replace("\n", "\r\n"),
        f"calc.py\n```\n{BLOCK}\n```".replace("<<<<<<<", "<<<<<").replace(">>>>>>> ", ">>>>>>"),
        f"calc.py\n```\n{BLOCK}\n```".replace("=======", "========="),
        f"calc.py\n```\n{BLOCK}\n```".replace(" REPLACE", ""),
        "calc.py\n```\n" + FILES["calc.py"].replace("-", "+") + "```",
    ],
)
def test_a_fix_is_read_however_it_is_written(text: str) -> None:
    answer = read(text)
    assert answer.problem is None
    (edit,) = answer.edits
    assert edit.path == "calc.py"
    assert edit in (FIX, Edit("calc.py", FILES["calc.py"], FILES["calc.py"].replace("-", "+")))


def test_several_blocks_of_several_files_come_in_order() -> None:
    other = "<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE"
    answer = read(f"calc.py\n```\n{BLOCK}\n```\nsrc/app/util.py\n```\n{other}\n```\nnew/mod.py\n```\ny = 3\n```\n")
    assert answer == Answer((FIX, Edit("src/app/util.py", "x = 1\n", "x = 2\n"), Edit("new/mod.py", "", "y = 3\n")))


def test_a_second_block_in_the_same_fence_is_of_the_same_file() -> None:
    second = "<<<<<<< SEARCH\ndef add(a, b):\n=======\ndef add(b, a):\n>>>>>>> REPLACE"
    answer = read(f"calc.py\n```\n{BLOCK}\n{second}\n```")
    assert [edit.path for edit in answer.edits] == ["calc.py", "calc.py"]


def test_the_end_of_a_path_names_its_only_file() -> None:
    answer = read("util.py\n```\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```")
    assert answer.edits == (Edit("src/app/util.py", "x = 1\n", "x = 2\n"),)


def test_fences_within_a_block_belong_to_the_file() -> None:
    answer = read("docs/guide.md\n```\n<<<<<<< SEARCH\n```\ncode\n```\n=======\n```\nmore\n```\n>>>>>>> REPLACE\n```")
    assert answer.edits == (Edit("docs/guide.md", "```\ncode\n```\n", "```\nmore\n```\n"),)


def test_a_longer_fence_holds_a_shorter_one() -> None:
    answer = read("docs/new.md\n````\n# New\n\n```\ncode\n```\n````")
    assert answer.edits == (Edit("docs/new.md", "", "# New\n\n```\ncode\n```\n"),)


def test_markers_of_another_length_are_text() -> None:
    text = "<<<<<<<<< SEARCH\n<<<<<<< SEARCH\n=======\n=========\nTitle\n=======\n>>>>>>>>> REPLACE"
    assert read(f"docs/guide.md\n```\n{text}\n```", marker=9).edits == (
        Edit("docs/guide.md", "<<<<<<< SEARCH\n=======\n", "Title\n=======\n"),
    )


def test_an_empty_search_makes_a_new_file() -> None:
    answer = read("new.py\n```\n<<<<<<< SEARCH\n=======\ny = 3\n>>>>>>> REPLACE\n```")
    assert answer == Answer((Edit("new.py", "", "y = 3\n"),))


def test_an_empty_replacement_deletes() -> None:
    answer = read("calc.py\n```\n<<<<<<< SEARCH\n    return a - b\n=======\n>>>>>>> REPLACE\n```")
    assert answer == Answer((Edit("calc.py", "    return a - b\n", ""),))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no edit in the answer"),
        ("I think that all is well.", "no edit in the answer"),
        ("Run this:\n```\npytest -q\n```", "no edit in the answer"),
        ("calc.py\n```\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n```", "no ======= between"),
        ("calc.py\n```\n<<<<<<< SEARCH\nx\n=======\ny\n```", "no >>>>>>> REPLACE at the end"),
        (f"```\n{BLOCK}\n```", "no path on the line above"),
        ("big.py\n```\nline_1 = 2\n```", "no SEARCH/REPLACE markers, and 50 of the file's 50 lines"),
        ("big.py\n```\nline_0 = 5\n# ... rest of the file unchanged ...\n```", "leaves out code"),
        (
            "calc.py\n```\n<<<<<<< SEARCH\n    return a - b\n=======\n    # ... existing code ...\n>>>>>>> REPLACE",
            "leaves out",
        ),
        ("new.py\n```\ny = 3\n", "not closed"),
        ("docs/new.md\n```diff\n+# New\n```", "is a diff"),
        ("calc.py\n```diff\n-    return a - b\n+    return a + b\n```", "is a diff"),
        ("calc.py\n```\n<<<<<<< SEARCH\nx\n=======\nx\n>>>>>>> REPLACE\n```", "change nothing"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, problem: str) -> None:
    answer = read(text)
    assert answer.edits == ()
    assert answer.problem is not None
    assert problem in answer.problem


def test_a_block_that_fails_is_told_beside_those_that_do_not() -> None:
    answer = read(f"calc.py\n```\n{BLOCK}\n```\nsrc/app/util.py\n```\n<<<<<<< SEARCH\nx = 1\n```")
    assert answer.edits == (FIX,)
    assert answer.problem is not None


def test_code_that_is_quoted_in_an_explanation_is_no_file() -> None:
    answer = read(f"The function `add` in calc.py is:\n```python\nreturn a - b\n```\n\ncalc.py\n```\n{BLOCK}\n```")
    assert answer == Answer((FIX,))
