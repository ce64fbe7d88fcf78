"""A table of an evaluation: raw cells, with how each column is shown, as Markdown, as JSON and on a console."""

import json
import re
from math import inf, nan
from typing import Annotated, Any, Self

from pydantic import ConfigDict, StringConstraints, field_validator, model_validator
from rich.console import Console

from agent.output import readable
from memory.records import Record

Cell = str | int | float | None

_NOT_IN_JSON: dict[Cell, float] = {"Infinity": inf, "-Infinity": -inf, "NaN": nan}
"""Numbers by the words that JSON has for them."""


class Column(Record):
    """A heading, and how the numbers below it are shown."""

    name: str
    format: Annotated[str, StringConstraints(pattern=r"^\+?,?(\.\d{1,2}[%efg])?d?$")] = ""
    """Python's format of its numbers: ".1%", ".2f", ","; "" as they are."""

    def show(self, cell: Cell) -> str:
        if cell is None:
            return ""
        return cell if isinstance(cell, str) else format(cell, self.format)


class Table(Record):
    """Rows of cells below headings."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    name: str
    """Of its files, without ending."""
    caption: str
    """What its numbers are, in a sentence or two."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @field_validator("rows")
    @classmethod
    def _numbers(cls, rows: tuple[tuple[Cell, ...], ...]) -> tuple[tuple[Cell, ...], ...]:
        return tuple(tuple(_NOT_IN_JSON.get(cell, cell) for cell in row) for row in rows)

    @model_validator(mode="after")
    def _is_rectangular(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of the table {self.name!r} is not as long as its headings")
        return self

    @property
    def shown(self) -> list[list[str]]:
        """The rows as text."""
        return [[column.show(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]

    @property
    def is_numeric(self) -> list[bool]:
        """Of each column, whether all that it holds are numbers."""
        return [all(not isinstance(row[place], str) for row in self.rows) for place in range(len(self.columns))]

    @property
    def as_json(self) -> dict[str, Any]:
        """As in its file."""
        found: dict[str, Any] = json.loads(self.model_dump_json())
        return found

    def markdown(self) -> str:
        """The caption, then the table; a bar in a cell is escaped."""
        numeric = self.is_numeric
        lines = [[_escaped(column.name) for column in self.columns], ["---:" if right else "---" for right in numeric]]
        lines += [[_escaped(text) for text in row] for row in self.shown]
        return f"{self.caption}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def show(self, console: Console) -> None:
        """On a console, however narrow: a cell is never cut."""
        grid = [[readable(text) for text in row] for row in ([column.name for column in self.columns], *self.shown)]
        widths = [max(map(len, cells)) for cells in zip(*grid, strict=True)]
        console.print(self.caption, markup=False, highlight=False, soft_wrap=True)
        for line in grid:
            cells = zip(line, widths, self.is_numeric, strict=True)
            text = "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells)
            console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)


def _escaped(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
