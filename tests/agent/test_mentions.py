from pathlib import Path

import pytest

from agent.mentions import Line, frames, named_places, named_tests
from agent.source import Source

PARSER = '''\
"""Reads."""

LIMIT = 3


class LineParser:
    """Parses."""

    def parse(self, text):
        """One line."""
        return text.split()

    def add(self, line):
        self.last = line


def read_all(path):
    with open(path) as file:
        return [
            line
            for line in file
        ]
'''


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for name, text in {
        "pkg/parser.py": PARSER,
        "pkg/other.py": "def other():\n    return 1\n",
        "tests/test_parser.py": "from pkg.parser import read_all\n",
        "web/app.js": "f(\n1)\n",
        ".venv/lib/x.py": "def read_all():\n    pass\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Source(tmp_path)


def best(text: str, source: Source) -> list[tuple[str, int]]:
    """The places of the highest weight."""
    weights = named_places(text, source)
    return sorted((line.path, line.line) for line, weight in weights.items() if weight == max(weights.values()))


def test_a_path_with_a_line_means_the_statement_there(source: Source) -> None:
    assert best("see pkg/parser.py:20", source) == [("pkg/parser.py", 19)]


def test_a_path_may_leave_out_its_first_folders(source: Source) -> None:
    assert best("see parser.py:20", source) == [("pkg/parser.py", 19)]


def test_a_path_may_be_of_any_language(source: Source) -> None:
    assert best("web/app.js:2:1 fails", source) == [("web/app.js", 2)]


@pytest.mark.parametrize("text", ["read_all fails", "`read_all` fails", "in read_all()", "pkg.parser.read_all"])
def test_a_function_means_its_statements(source: Source, text: str) -> None:
    assert best(text, source) == [("pkg/parser.py", 18), ("pkg/parser.py", 19)]


def test_a_class_means_the_statements_of_its_methods(source: Source) -> None:
    assert best("LineParser is broken", source) == [("pkg/parser.py", 11), ("pkg/parser.py", 14)]


def test_a_plain_word_counts_less_than_code(source: Source) -> None:
    weights = named_places("please add something to read_all", source)
    assert 0 < weights[Line("pkg/parser.py", 14)] < weights[Line("pkg/parser.py", 18)]


@pytest.mark.parametrize("text", ["pkg/parser.py", "parser.py is wrong", "pkg.parser is wrong."])
def test_a_file_means_its_statements(source: Source, text: str) -> None:
    assert {line.path for line in named_places(text, source)} == {"pkg/parser.py"}


def test_mentions_add_up(source: Source) -> None:
    weights = named_places("read_all in pkg/parser.py", source)
    assert weights[Line("pkg/parser.py", 18)] > weights[Line("pkg/parser.py", 3)] > 0


def test_a_text_that_names_nothing_means_nothing(source: Source) -> None:
    assert named_places("Make it better, e.g. faster: 3:4 and 10.5", source) == {}


def test_a_pasted_traceback_means_its_frames_innermost_first(source: Source) -> None:
    text = """Traceback (most recent call last):
  File "/home/me/project/tests/test_parser.py", line 1, in test
  File "/home/me/project/pkg/other.py", line 2, in other
  File "/home/me/project/pkg/parser.py", line 11, in parse
  File "/usr/lib/python3.11/parser.py", line 3, in split
"""
    assert frames(text, source) == [Line("pkg/parser.py", 11), Line("pkg/other.py", 2)]


def test_faulthandler_prints_the_innermost_frame_first(source: Source) -> None:
    text = 'Stack (most recent call first):\n  File "pkg/parser.py", line 11 in f\n  File "pkg/other.py", line 2\n'
    assert frames(text, source) == [Line("pkg/parser.py", 11), Line("pkg/other.py", 2)]


@pytest.mark.parametrize("path", ["tests/test_parser.py", ".venv/lib/x.py", "../pkg/parser.py", "nowhere.py", "pkg"])
def test_a_test_a_foreign_and_a_missing_file_are_no_suspects(source: Source, path: str) -> None:
    assert frames(f'File "{path}", line 1', source) == []


A, A_MORE, B = "tests/test_a.py::test_x", "tests/test_a.py::test_x_more", "tests/test_b.py::TestB::test_x"
CASES = [f"{A}[{i}]" for i in (1, 2)]
DOTTED = "tests.test_c.C.test_y"


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        (f"make {A} pass", [A]),
        (f"`{A_MORE}`, please.", [A_MORE]),
        ("tests/test_b.py::TestB fails", [B]),
        ("test_x_more is wrong", [A_MORE]),
        ("test_x fails", [A, B]),
        ("test_x in tests/test_b.py fails", [B]),
        ("make the failing tests of tests/test_a.py pass", [A, A_MORE]),
        (f"fix {DOTTED}", [DOTTED]),
        ("the total is wrong", []),
        ("test the parser", []),
    ],
)
def test_a_task_names_tests_by_id_function_or_file(text: str, tests: list[str]) -> None:
    assert named_tests(text, [A, A_MORE, B, DOTTED]) == tests


def test_a_name_without_its_parameters_means_all_of_them() -> None:
    assert named_tests(f"make {A} pass", [*CASES, B]) == CASES
    assert named_tests(f"make {CASES[1]} pass", [*CASES, B]) == [CASES[1]]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("word", ["x", "-", ".", "a.", "a/", "\\"])
def test_data_in_a_text_takes_no_time_and_hides_no_names(source: Source, word: str) -> None:
    data = word * (80_000 // len(word))
    assert best(f"see {data} in pkg/parser.py:20", source) == [("pkg/parser.py", 19)]
