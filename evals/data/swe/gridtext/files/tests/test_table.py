import pytest

from gridtext.table import Table


def make():
    table = Table(["name", "price"])
    table.add("apples", 3)
    table.add("figs", 12)
    return table


def test_columns_line_up():
    assert make().render() == "name    price\n------  -----\napples  3\nfigs    12"


def test_right_alignment():
    table = make()
    table.align("price", "right")
    assert table.render().splitlines()[2] == "apples      3"


def test_a_short_row_is_refused():
    with pytest.raises(ValueError):
        make().add("only one")


def test_sorting_texts():
    table = make()
    table.sort("name", reverse=True)
    assert [row[0] for row in table.rows] == ["figs", "apples"]
