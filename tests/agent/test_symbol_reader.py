"""The process that parses: the same symbols as in this one, and no file that stops it."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.symbol_reader import SymbolReader
from agent.symbols import NOTHING, read_symbols

SOURCE = b"LIMIT = 3\n\n\nclass Basket:\n    def add_item(self, item): return make_entry(item)\n"
# Error recovery at the end of these tokens takes tree-sitter far longer than their number says.
ENDLESS = (b"/*" * 20 + b"\n") * 400


def test_it_reads_what_the_parser_reads() -> None:
    with SymbolReader() as reader:
        found = [reader.read(SOURCE, "python"), reader.read(b"function f() {}", "javascript"), reader.read(b"", "go")]
    assert found == [read_symbols(SOURCE, "python"), read_symbols(b"function f() {}", "javascript"), NOTHING]


def test_a_file_that_takes_forever_is_given_up_and_the_next_one_read() -> None:
    with SymbolReader(most_seconds=0.2) as reader:
        assert reader.read(ENDLESS, "python") == NOTHING
        assert reader.read(SOURCE, "python") == read_symbols(SOURCE, "python")


def test_who_waits_for_a_file_without_end_can_leave() -> None:
    looks = []

    def go_on() -> None:
        looks.append("looked")
        if len(looks) == 2:
            raise KeyboardInterrupt

    with SymbolReader(most_seconds=10_000, go_on=go_on) as reader, pytest.raises(KeyboardInterrupt):
        reader.read(ENDLESS, "python")


def test_a_process_that_dies_costs_one_file(caplog: pytest.LogCaptureFixture) -> None:
    with SymbolReader() as reader:
        assert reader.read(SOURCE, "python") != NOTHING
        assert reader.read(SOURCE, "no such language") == NOTHING
        assert reader.read(SOURCE, "python") != NOTHING
    assert "cannot be parsed as no such language" in caplog.text


def test_it_ends_without_a_word_where_nobody_listens_any_more() -> None:
    command, pipe = [sys.executable, "-m", "agent.symbol_parser", "3"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


def test_it_imports_nothing_from_where_it_runs(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "__init__.py").write_text("raise SystemExit(1)")
    (tmp_path / "tree_sitter.py").write_text("raise SystemExit(1)")
    code = (
        "from agent.symbol_reader import SymbolReader\n"
        "with SymbolReader() as reader: print(len(reader.read(b'a = 1\\n', 'python').definitions))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr


@pytest.mark.parametrize("language", ["python", "javascript", "typescript", "go", "rust", "java", "c", "cpp", "ruby"])
def test_deep_nesting_and_endless_errors_are_survived(language: str) -> None:
    pieces = ["(", "[", "{", "a.b(", "if x: ", "class A { ", "def a\n", "'", "`${", "/*", "<", "\t", "a<b "]
    with SymbolReader(most_seconds=0.2) as reader:
        for piece in pieces:
            assert reader.read((piece * 3 + "\n").encode() * 1500, language) is not None
        assert reader.read(b"x = y;\n", language) == read_symbols(b"x = y;\n", language)
