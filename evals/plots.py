"""Draws charts with matplotlib, as PNG and as SVG: the only file that knows it.

Equal charts give equal SVG files: no date, no random ids. Letters are outlines, so that no font has to be there.
"""

import re
import warnings
from io import StringIO
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from evals.charts import Chart, Series

# Okabe and Ito (2008): told apart by people who see no red or no green, too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_MARKERS = "osD^vPX*"
_SIZE = (7.0, 4.2)  # inches
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What no XML may hold; matplotlib repeats labels in comments."""


def draw(chart: Chart, folder: Path) -> None:
    """Write NAME.png and NAME.svg into the folder. Labels are text, also where they hold what would be a formula."""
    with (
        matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": chart.name, "svg.fonttype": "path"}),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", UserWarning)  # of letters that no font has, and of labels without end
        _draw(chart, folder)


def _draw(chart: Chart, folder: Path) -> None:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    for number, series in enumerate(chart.series):
        _DRAWN[chart.kind](axes, chart, series, number)
    axes.set_title(chart.title)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    _scale(axes, chart)
    if len(chart.series) > 1:
        axes.legend(frameon=False)
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    (folder / f"{chart.name}.svg").write_text(_NO_XML.sub("", drawn.getvalue()), encoding="utf-8")
    figure.savefig(folder / f"{chart.name}.png", dpi=150)


def _scale(axes: Axes, chart: Chart) -> None:
    if chart.x_scale != "linear":
        axes.set_xscale("log", base=int(chart.x_scale.removeprefix("log")))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    if chart.y_range:
        axes.set_ylim(chart.y_range)
    if chart.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _line(axes: Axes, chart: Chart, series: Series, number: int) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    marker = _MARKERS[number % len(_MARKERS)]
    axes.plot(series.x, series.y, color=colour, marker=marker, markersize=4, label=series.label)
    if series.low:
        axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.15, linewidth=0)


def _bars(axes: Axes, chart: Chart, series: Series, number: int) -> None:
    width = 0.8 / len(chart.series)
    offset = (number - (len(chart.series) - 1) / 2) * width
    places = [place + offset for place in range(len(series.y))]
    axes.bar(
        places, series.y, width, color=_COLOURS[number % len(_COLOURS)], label=series.label, yerr=_reach(series),
        capsize=3,
    )  # fmt: skip
    _name_categories(axes, chart)


def _differences(axes: Axes, chart: Chart, series: Series, number: int) -> None:
    axes.axhline(0, color="black", linewidth=1)
    axes.errorbar(
        range(len(series.y)), series.y, yerr=_reach(series), fmt=_MARKERS[number % len(_MARKERS)], capsize=5,
        color=_COLOURS[number % len(_COLOURS)], label=series.label,
    )  # fmt: skip
    axes.margins(x=0.5 / len(series.y))
    _name_categories(axes, chart)


def _name_categories(axes: Axes, chart: Chart) -> None:
    slanted = sum(map(len, chart.categories)) > 60
    axes.set_xticks(range(len(chart.categories)), chart.categories, rotation=30 if slanted else 0)
    if slanted:
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")


def _points(axes: Axes, chart: Chart, series: Series, number: int) -> None:
    axes.errorbar(
        series.x, series.y, yerr=_reach(series), fmt=_MARKERS[number % len(_MARKERS)], capsize=3,
        color=_COLOURS[number % len(_COLOURS)], label=series.label,
    )  # fmt: skip
    for name, x, y in zip(series.names, series.x, series.y, strict=False):
        axes.annotate(name, (x, y), textcoords="offset points", xytext=(6, 4), fontsize=8)


def _reach(series: Series) -> list[list[float]] | None:
    """How far an interval goes down and up from each value."""
    if not series.low:
        return None
    ends = zip(series.low, series.y, series.high, strict=True)
    down, up = zip(*((max(0.0, y - low), max(0.0, high - y)) for low, y, high in ends), strict=True)
    return [list(down), list(up)]


_DRAWN = {"lines": _line, "bars": _bars, "points": _points, "differences": _differences}
