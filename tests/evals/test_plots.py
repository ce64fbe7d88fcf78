"""Charts are drawn as PNG and SVG; equal ones give equal files."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from evals.charts import Chart, Series

plots = pytest.importorskip("evals.plots", reason="matplotlib is not installed", exc_type=ImportError)

LINES = Chart(
    name="curve",
    title="pass@k",
    x_label="k",
    y_label="solved",
    series=(
        Series(label="base", x=(1, 8, 64), y=(0.1, 0.3, 0.5), low=(0, 0.2, 0.4), high=(0.2, 0.4, 0.6)),
        Series(label="TTRL", x=(1, 8, 64), y=(0.2, 0.3, 0.4)),
    ),
    x_scale="log2",
    percent=True,
)
BARS = Chart(
    name="bars",
    title="resolved",
    x_label="arm",
    y_label="share",
    kind="bars",
    categories=("a rather long name", "another rather long name", "a third rather long name"),
    series=(Series(label="all", y=(0.1, 0.2, 0.3), low=(0, 0.1, 0.2), high=(0.2, 0.3, 0.4)),),
)
POINTS = Chart(
    name="points",
    title="accuracy by tokens",
    x_label="tokens",
    y_label="right",
    kind="points",
    series=(Series(label="low", x=(10, 100), y=(0.4, 0.6), names=("5", "50")),),
    x_scale="log10",
)


@pytest.mark.parametrize("chart", [LINES, BARS, POINTS], ids=lambda chart: chart.kind)
def test_each_kind_is_drawn(chart: Chart, tmp_path: Path) -> None:
    plots.draw(chart, tmp_path)

    assert (tmp_path / f"{chart.name}.png").read_bytes().startswith(b"\x89PNG")
    drawn = ElementTree.parse(tmp_path / f"{chart.name}.svg").getroot()
    assert drawn.tag.endswith("svg") and len(list(drawn.iter())) > 50


def test_odd_labels_are_text(tmp_path: Path) -> None:
    odd = ("a_b^c$ $x", "$\\frac{a}", "\u6f22 \x07 <b>" + "long " * 60)

    plots.draw(BARS.model_copy(update={"title": odd[0], "categories": odd}), tmp_path)

    assert ElementTree.parse(tmp_path / "bars.svg").getroot().tag.endswith("svg")


def test_equal_charts_give_equal_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        plots.draw(LINES, tmp_path / folder)

    assert (tmp_path / "a" / "curve.svg").read_bytes() == (tmp_path / "b" / "curve.svg").read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        Series(label="short", x=(1, 2), y=(1,)),
        Series(label="half", x=(1, 2), y=(1, 2), low=(0, 1)),
        Series(label="names", x=(1, 2), y=(1, 2), names=("one",)),
    ],
    ids=lambda series: series.label,
)
def test_values_that_do_not_fit_are_refused(wrong: Series) -> None:
    with pytest.raises(ValidationError, match=wrong.label):
        Chart(name="x", title="", x_label="", y_label="", series=(wrong,))
