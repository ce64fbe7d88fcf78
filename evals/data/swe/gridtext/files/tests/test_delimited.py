import pytest

from gridtext.delimited import BadText, format_line, parse_line, read_table


def test_plain_cells():
    assert parse_line("a,b,c") == ["a", "b", "c"]


def test_quoted_delimiter():
    assert parse_line('"a,b",c') == ["a,b", "c"]


def test_an_open_quote():
    with pytest.raises(BadText):
        parse_line('"a')


def test_there_and_back():
    cells = ["plain", "with,comma"]
    assert parse_line(format_line(cells)) == cells


def test_a_table():
    assert read_table("n,v\na,1\n").rows == [["a", "1"]]
