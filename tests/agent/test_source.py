from pathlib import Path

import pytest

from agent.source import Function, Source, SourceFile

CODE = '''\
"""What it is."""

@decorated(
    1,
)
def first(
    a,
    b=2,
):
    """Doc."""
    try:
        return a.b(
            c(),
        )
    except (
        ValueError
    ):
        pass
    if a: return b
    elif (
        b
    ):
        pass


class Thing:
    def second(self):
        def inner():
            return 1
        return inner
'''


@pytest.fixture
def file(tmp_path: Path) -> SourceFile:
    (tmp_path / "code.py").write_text(CODE)
    file = Source(tmp_path).file("code.py")
    assert file is not None
    return file


@pytest.mark.parametrize(
    ("line", "first"),
    [(3, 3), (4, 3), (6, 3), (8, 3), (11, 11), (13, 12), (14, 12), (16, 15), (18, 18), (19, 19), (21, 20), (26, 26)],
)
def test_a_line_belongs_to_the_statement_header_around_it(file: SourceFile, line: int, first: int) -> None:
    assert file.statements[line] == first


def test_docstrings_are_no_statements(file: SourceFile) -> None:
    assert {1, 10}.isdisjoint(file.nodes)


def test_functions_know_their_class(file: SourceFile) -> None:
    assert file.functions == (
        Function("first", "", 3, 23),
        Function("second", "Thing", 27, 30),
        Function("inner", "Thing", 28, 29),
    )


def test_a_function_knows_what_it_calls(file: SourceFile) -> None:
    assert file.calls["first"] == {"decorated", "b", "c"}


def test_a_file_that_does_not_parse_has_no_statements(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f(:\n")
    source = Source(tmp_path)
    assert source.file("broken.py") is None
    assert source.statement("broken.py", 1) == 1


def test_files_are_the_user_s_own_without_tests_and_environments(tmp_path: Path) -> None:
    own = ("a.py", "pkg/build/b.py")
    for name in (*own, "tests/test_a.py", "venv/x.py", "build/lib/a.py", "env/pyvenv.cfg", "env/y.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert Source(tmp_path).files == own


def test_the_script_that_judges_is_no_suspect(tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text("x = 1\n")
    (tmp_path / "verify.py").write_text("import calc\nassert calc.x == 2\n")
    assert Source(tmp_path, "python verify.py").files == ("calc.py",)
