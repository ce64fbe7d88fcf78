"""A table as Markdown and on a console."""

import json
from io import StringIO
from math import inf, nan

import pytest
from pydantic import ValidationError
from rich.console import Console

from evals.tables import Column, Table

TABLE = Table(
    name="rates",
    caption="Of five.",
    columns=(Column(name="arm"), Column(name="rate", format=".1%"), Column(name="n")),
    rows=(("base|notes", 0.25, 4), ("a\nb", None, 1000)),
)


def test_markdown_has_the_caption_and_every_cell() -> None:
    assert TABLE.markdown() == (
        "Of five.\n\n| arm | rate | n |\n| --- | ---: | ---: |\n| base\\|notes | 25.0% | 4 |\n| a b |  | 1000 |\n"
    )


def test_a_narrow_console_cuts_no_cell() -> None:
    console = Console(file=StringIO(), width=12)
    TABLE.show(console)

    assert isinstance(console.file, StringIO)
    assert "base|notes  25.0%     4" in console.file.getvalue()


def test_what_a_cell_says_moves_no_cursor() -> None:
    console = Console(file=StringIO(), width=80)
    Table(name="x", caption="", columns=(Column(name="label"),), rows=(("a\x1b[2Jb",),)).show(console)

    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines()[-1] == "ab"


def test_a_format_that_shows_no_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="format"):
        Column(name="n", format="99999999d")


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValidationError, match="not as long"):
        Table(name="x", caption="", columns=(Column(name="a"),), rows=((1, 2),))


def test_raw_cells_survive_json() -> None:
    assert Table.model_validate_json(TABLE.model_dump_json()) == TABLE


def test_no_number_and_an_infinite_one_survive_json_that_every_parser_takes() -> None:
    table = Table(name="times", caption="", columns=(Column(name="times", format=".1f"),), rows=((inf,), (nan,)))
    assert json.loads(json.dumps(table.as_json), parse_constant=pytest.fail)["rows"] == [["Infinity"], ["NaN"]]
    assert Table.model_validate(table.as_json).shown == [["inf"], ["nan"]]
