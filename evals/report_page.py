"""Run folders as one HTML page that needs nothing else: tables, plots, how each run was made, and paired comparisons.

Everything in a run folder is text to be quoted; pictures are embedded as images, in which no script runs.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evals.charts import Chart
from evals.paired import Comparison, compare, table
from evals.run_folder import RunFolder
from evals.tables import Table

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Plot:
    """A chart and its picture as a data address; "" where it was not drawn."""

    chart: Chart
    address: str


@dataclass(frozen=True)
class Section:
    """One run on the page."""

    folder: RunFolder
    title: str
    tables: list[Table]
    plots: list[Plot]


def compare_runs(folders: Sequence[RunFolder]) -> list[Comparison]:
    """Each run with the first one of the same command and measure, as far as they share items."""
    found: list[Comparison] = []
    firsts: dict[tuple[str, str], RunFolder] = {}
    names = _titles(folders)
    for folder in folders:
        scores = folder.scores
        if scores is None:
            continue
        first = firsts.setdefault((folder.config.command, scores.measure), folder)
        known = first.scores
        if first is not folder and known and known.scores.keys() & scores.scores.keys():
            pair = names[folders.index(first)], names[folders.index(folder)]
            found.append(compare(known.scores, scores.scores, pair, scores.measure))
    return found


def page(folders: Sequence[RunFolder], comparisons: Sequence[Comparison]) -> str:
    """The whole page."""
    sections = [
        Section(folder, title, folder.tables, [Plot(chart, _address(folder, chart)) for chart in folder.charts])
        for folder, title in zip(folders, _titles(folders), strict=True)
    ]
    template = _environment.get_template("report_page.html.jinja")
    return template.render(sections=sections, comparison=table(comparisons) if comparisons else None)


def _titles(folders: Sequence[RunFolder]) -> list[str]:
    """Command and label; the folder's name as well where that does not tell two runs apart."""
    plain = [f"{folder.config.command}: {folder.config.label}" for folder in folders]
    return [
        f"{title} ({folder.path.resolve().name})" if plain.count(title) > 1 else title
        for title, folder in zip(plain, folders, strict=True)
    ]


def _address(folder: RunFolder, chart: Chart) -> str:
    for ending, kind in (("svg", "svg+xml"), ("png", "png")):
        file = folder.plots / f"{chart.name}.{ending}"
        if file.is_file():
            return f"data:image/{kind};base64,{b64encode(file.read_bytes()).decode()}"
    return ""
