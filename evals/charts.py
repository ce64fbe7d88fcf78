"""What a plot shows, as data: kept beside the picture, so that it can be drawn again. plots.py draws it."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from memory.records import Record

_Name = Annotated[str, StringConstraints(pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]{0,99}$")]


class Series(Record):
    """Values that belong together: one line, one colour of bars, or one group of points."""

    label: str
    y: tuple[float, ...]
    x: tuple[float, ...] = ()
    """As many as `y`; none for bars, which stand at the chart's categories."""
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    """The ends of the interval around each value; none where there is no interval."""
    names: tuple[str, ...] = ()
    """Written beside points."""


class Chart(Record):
    """One plot."""

    name: _Name
    """Of its files, without ending; no path, since who draws it may have it from somebody else."""
    title: str
    x_label: str
    y_label: str
    kind: Literal["lines", "bars", "points", "differences"] = "lines"
    """Differences are those to a zero line."""
    series: tuple[Series, ...]
    categories: tuple[str, ...] = ()
    """Of bars and differences, from the left."""
    x_scale: Literal["linear", "log2", "log10"] = "linear"
    y_range: tuple[float, float] | None = None
    """None to fit the values."""
    percent: bool = False
    """Whether y is a share, shown in per cent."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for series in self.series:
            places = len(self.categories if self.kind in ("bars", "differences") else series.x)
            if len(series.y) != places or {len(series.low), len(series.high)} - {0, places}:
                raise ValueError(f"the series {series.label!r} of the chart {self.name!r} has another length")
            if len(series.low) != len(series.high) or len(series.names) not in (0, places):
                raise ValueError(f"the series {series.label!r} of the chart {self.name!r} has half an interval")
        return self
