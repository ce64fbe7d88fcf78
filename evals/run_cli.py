"""What the commands of `sleepwright eval` share: the option --out, their last words, plots, and `eval report`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memory.cli_options import print_json

if TYPE_CHECKING:
    from evals.charts import Chart
    from evals.report_page import Draw
    from evals.run_folder import RunConfig, RunFolder
    from memory.records import Record

Command = Callable[..., Any]


def out_option(command: Command) -> Command:
    """--out DIR, as a path or None."""
    return click.option(
        "--out",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder for configuration, samples, tables and plots.  [default: a new one in runs/]",
    )(command)


def new_folder(command: str) -> Path:
    """runs/COMMAND-TIME, which is not there yet."""
    from memory.records import now

    stem = f"{command.replace(' ', '-')}-{now():%Y%m%d-%H%M%S}"
    names = (stem, *(f"{stem}-{number}" for number in range(2, 1000)))
    return next(path for name in names if not (path := Path("runs") / name).exists())


@contextmanager
def keep(config: "RunConfig", out: Path | None) -> "Iterator[tuple[RunFolder, list[Record]]]":
    """The folder of a run, made before anything is measured, and a list for its samples, which are kept afterwards."""
    from evals.run_folder import RunFolder

    folder = RunFolder.begin(out or new_folder(config.command), config)
    samples: list[Record] = []
    yield folder, samples
    with folder.samples() as journal:
        for one in samples:
            journal.append(one.model_dump(mode="json"))


def conclude(folder: "RunFolder", found: Any, as_json: bool, tables: Sequence[str] = ()) -> None:
    """What was found as JSON on stdout, or as tables, all of them if none are named; then `finish`."""
    from rich.console import Console

    if as_json:
        print_json(found)
    else:
        for table in folder.tables:
            if not tables or table.name in tables:
                table.show(Console())
                click.echo()
    finish(folder)


def finish(folder: "RunFolder") -> None:
    """Draw its plots, where matplotlib is, and say where everything lies, on stderr."""
    if folder.charts and not _draw(folder):
        click.echo("The plots are not drawn: pip install 'sleepwright[evals]' brings matplotlib.", err=True)
    click.echo(f"kept in {folder.path}; `sleepwright eval report {folder.path}` makes a page of it", err=True)


def _drawer() -> "Draw | None":
    """None without matplotlib."""
    if not find_spec("matplotlib"):
        return None
    from evals.errors import RunFolderError
    from evals.plots import draw

    def draw_or_say(chart: "Chart", folder: Path) -> None:
        try:
            draw(chart, folder)
        except (ArithmeticError, OSError, ValueError) as error:  # of numbers that nothing can show, too
            raise RunFolderError(f"The plot {chart.name!r} cannot be drawn in {str(folder)!r}: {error}.") from error

    return draw_or_say


def _draw(folder: "RunFolder") -> bool:
    """Whether all plots of the folder are drawn."""
    draw = _drawer()
    if draw is None:
        return all((folder.plots / f"{chart.name}.svg").exists() for chart in folder.charts)
    for chart in folder.charts:
        draw(chart, folder.plots)
    return True


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(file_okay=False, exists=True, path_type=Path)
)
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), default="report.html", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="The comparisons as one JSON object on stdout.")
def report(folders: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """One HTML page of the run folders DIR..., each compared with the first one of its command.

    The page needs nothing beside it: pictures are inside.
    """
    from rich.console import Console

    from evals.report_page import compare_runs, page, tables
    from evals.run_folder import RunFolder, write_whole

    runs = [RunFolder.open(folder) for folder in folders]
    for run in runs:
        _draw(run)
    comparisons = compare_runs(runs)
    write_whole(out, page(runs, comparisons, _drawer()))
    if as_json:
        print_json({"page": str(out), "comparisons": [one.model_dump() for one in comparisons]})
        return
    for table in tables(comparisons):
        table.show(Console())
        click.echo()
    click.echo(f"{out} has {len(runs)} {'run' if len(runs) == 1 else 'runs'}", err=True)
