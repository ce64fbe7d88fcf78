"""Run folders as one HTML page that needs nothing else: runs of a command side by side, then each by itself.

Everything in a run folder is text to be quoted; pictures are embedded as images, in which no script runs.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evals.charts import Chart
from evals.paired import Comparison, chart, compare, corrected, table
from evals.run_folder import RunFolder
from evals.tables import Column, Table

Draw = Callable[[Chart, Path], None]

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


@dataclass(frozen=True)
class Group:
    """Runs of one command side by side."""

    command: str
    tables: list[Table]
    comparisons: list[Comparison] = field(default_factory=list)
    plot: Plot | None = None


def compare_runs(folders: Sequence[RunFolder]) -> list[Comparison]:
    """Each run with the first one of the same command and measure, as far as they share items."""
    found: list[list[Comparison]] = []
    names = _titles(folders)
    for (command, measure), first in _firsts(folders).items():
        compared = []
        for folder, name in zip(folders, names, strict=True):
            known, scores = folder.scores, first.scores
            is_like_it = folder.config.command == command and known is not None and known.measure == measure
            if folder is first or not is_like_it or not known or not scores:
                continue
            if known.scores.keys() & scores.scores.keys():
                pair = names[folders.index(first)], name
                compared.append(compare(scores.scores, known.scores, pair, measure))
        found.append(corrected(compared))
    return [comparison for compared in found for comparison in compared]


def page(folders: Sequence[RunFolder], comparisons: Sequence[Comparison], draw: Draw | None = None) -> str:
    """The whole page; `draw` makes the pictures of what is compared, None where they cannot be drawn."""
    titles = _titles(folders)
    sections = [
        Section(folder, title, folder.tables, [Plot(one, _address(folder.plots, one)) for one in folder.charts])
        for folder, title in zip(folders, titles, strict=True)
    ]
    groups = [
        _group(command, sections, comparisons, draw) for command in dict.fromkeys(f.config.command for f in folders)
    ]
    template = _environment.get_template("report_page.html.jinja")
    return template.render(sections=sections, groups=[group for group in groups if group.tables])


def tables(comparisons: Sequence[Comparison]) -> list[Table]:
    """One for each first run and measure."""
    families = dict.fromkeys((one.first, one.measure) for one in comparisons)
    return [
        table([one for one in comparisons if (one.first, one.measure) == family], f"comparison-{number}")
        for number, family in enumerate(families, start=1)
    ]


def _group(command: str, sections: Sequence[Section], comparisons: Sequence[Comparison], draw: Draw | None) -> Group:
    of_command = [section for section in sections if section.folder.config.command == command]
    titles = {section.title for section in of_command}
    compared = [one for one in comparisons if one.first in titles]
    side_by_side = _side_by_side(of_command) if len(of_command) > 1 else []
    if not compared:
        return Group(command, side_by_side)
    picture = chart([one for one in compared if one.first == compared[0].first], "difference")
    return Group(command, [*tables(compared), *side_by_side], compared, Plot(picture, _drawn(picture, draw)))


def _side_by_side(sections: Sequence[Section]) -> list[Table]:
    """Tables of one row that all the runs have, as one table with a row for each run."""
    found = []
    for one in sections[0].tables:
        alike = [
            (section.title, other)
            for section in sections
            for other in section.tables
            if other.name == one.name and other.columns == one.columns and len(other.rows) == 1
        ]
        if len(alike) == len(sections):
            has_name = one.columns[0].name == "run"
            columns = one.columns if has_name else (Column(name="run"), *one.columns)
            rows = tuple((title, *(other.rows[0][1:] if has_name else other.rows[0])) for title, other in alike)
            found.append(one.model_copy(update={"columns": columns, "rows": rows}))
    return found


def _firsts(folders: Sequence[RunFolder]) -> dict[tuple[str, str], RunFolder]:
    found: dict[tuple[str, str], RunFolder] = {}
    for folder in folders:
        if folder.scores:
            found.setdefault((folder.config.command, folder.scores.measure), folder)
    return found


def _titles(folders: Sequence[RunFolder]) -> list[str]:
    """Command and label; the folder's name as well where that does not tell two runs apart."""
    plain = [f"{folder.config.command}: {folder.config.label}" for folder in folders]
    return [
        f"{title} ({folder.path.resolve().name})" if plain.count(title) > 1 else title
        for title, folder in zip(plain, folders, strict=True)
    ]


def _drawn(chart: Chart, draw: Draw | None) -> str:
    if draw is None:
        return ""
    with TemporaryDirectory(prefix="sleepwright-") as folder:
        draw(chart, Path(folder))
        return _address(Path(folder), chart)


def _address(plots: Path, chart: Chart) -> str:
    for ending, kind in (("svg", "svg+xml"), ("png", "png")):
        file = plots / f"{chart.name}.{ending}"
        if file.is_file():
            return f"data:image/{kind};base64,{b64encode(file.read_bytes()).decode()}"
    return ""
