"""The page of run folders, also as a real browser shows it; and the command that makes it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evals.charts import Chart, Series
from evals.cli import evaluate
from evals.report_page import compare_runs, page
from evals.run_folder import RunConfig, RunFolder
from evals.tables import Column, Table
from tests.evals.browser import CHROMIUM, look_at

in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium or chrome is installed")

EVIL = "<script>document.title='owned'</script><img src=https://example.org/x.png>"


def make_run(path: Path, label: str, scores: dict[str, float]) -> RunFolder:
    folder = RunFolder.begin(path, RunConfig.of("swe run", label=label, options={"dataset": EVIL}))
    columns = (Column(name="instance"), Column(name="share", format=".1%"))
    folder.add_table(Table(name="rates", caption="Resolved by arm.", columns=columns, rows=((EVIL, 0.125),)))
    series = Series(label="base", x=(1, 2, 4), y=(0.1, 0.2, 0.4), low=(0.0, 0.1, 0.3), high=(0.2, 0.3, 0.5))
    folder.add_chart(
        Chart(name="curve", title="pass@k", x_label="k", y_label="solved", series=(series,), x_scale="log2")
    )
    folder.set_scores("resolved", scores)
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    base = {f"item-{n}": 0.0 for n in range(12)}
    first = make_run(tmp_path / "a", "base", base)
    second = make_run(tmp_path / "b", "notes", {**{name: 1.0 for name in base}, "elsewhere": 1.0})
    return first.path, second.path


def report(*folders: Path, out: Path, **more: Any) -> Any:
    done = CliRunner().invoke(evaluate, ["report", *map(str, folders), "--out", str(out), *more.get("options", [])])
    assert done.exit_code == 0, done.output
    return done


def test_runs_are_compared_over_what_they_share(runs: tuple[Path, Path]) -> None:
    [found] = compare_runs([RunFolder.open(path) for path in runs])

    assert (found.first, found.second, found.items) == ("swe run: base", "swe run: notes", 12)
    assert (found.gained, found.lost, found.verdict) == (12, 0, "better")


def test_what_a_run_says_is_quoted_and_nothing_is_fetched(runs: tuple[Path, Path]) -> None:
    text = page([RunFolder.open(runs[0])], [])

    assert EVIL not in text and "&lt;script&gt;" in text


def test_rows_of_the_runs_stand_below_each_other(runs: tuple[Path, Path]) -> None:
    text = page([RunFolder.open(path) for path in runs], [])

    compared = text[text.index("Compared: swe run") : text.index('id="run-1"')]
    assert "swe run: base" in compared and "swe run: notes" in compared and compared.count("12.5%") == 2


def test_a_long_table_is_folded(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "long", "base", {})
    rows = tuple((f"item-{number}",) for number in range(41))
    folder.add_table(Table(name="instances", caption="Every one.", columns=(Column(name="instance"),), rows=rows))

    assert "<summary>41 rows: Every one.</summary>" in page([folder], [])


def test_equal_labels_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name, "base", {"x": 1.0}) for name in ("monday", "tuesday")]

    assert "swe run: base (monday)" in page(folders, [])


def test_a_run_without_results_says_so(tmp_path: Path) -> None:
    folder = RunFolder.begin(tmp_path / "cut", RunConfig.of("localize", label="HEAD"))

    assert "it was not finished" in page([folder], [])


def test_the_command_prints_the_comparison_as_json(runs: tuple[Path, Path], tmp_path: Path) -> None:
    done = report(*runs, out=tmp_path / "report.html", options=["--json"])

    [found] = json.loads(done.stdout)["comparisons"]
    assert found["verdict"] == "better" and found["difference"] == 1.0


def test_a_plot_is_drawn_nowhere_but_in_its_folder(runs: tuple[Path, Path], tmp_path: Path) -> None:
    file = runs[0] / "plots" / "curve.json"
    file.write_text(file.read_text().replace('"curve"', '"../../curve"'))

    done = CliRunner().invoke(evaluate, ["report", str(runs[0]), "--out", str(tmp_path / "page.html")])

    assert "is damaged: name" in str(done.exception)
    assert not list(tmp_path.rglob("*.svg"))


def test_a_plot_that_cannot_be_drawn_is_named(runs: tuple[Path, Path]) -> None:
    (runs[0] / "plots" / "curve.svg").mkdir()

    done = CliRunner().invoke(evaluate, ["report", str(runs[0])])

    assert "The plot 'curve' cannot be drawn" in str(done.exception)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(evaluate, ["report", str(tmp_path)])

    assert "is no run of an evaluation" in str(done.exception)


@in_a_browser
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_tables_and_plots_and_asks_the_network_for_nothing(
    runs: tuple[Path, Path], tmp_path: Path, width: int
) -> None:
    report(*runs, out=tmp_path / "report.html")

    seen = look_at((tmp_path / "report.html").read_text(), tmp_path, width)

    assert seen["headings"] == ["Compared: swe run", "swe run: base", "swe run: notes"]
    difference = "Difference to swe run: base, with its 95 % interval: difference, resolved by run"
    assert [alt for size, alt in seen["images"] if size > 300] == [difference, *["pass@k: solved by k"] * 2]
    assert [EVIL, "12.5%"] in seen["rows"]
    means, interval = ["1.000", "0.000"], ["+1.000", "+0.626", "+1.000"]
    assert seen["rows"][0] == ["swe run: notes", "12", *means, *interval, "12", "0", "0.0005", "0.0005", "better"]
    assert "swe run: notes against swe run: base: better by +1.000" in seen["shown"]
    assert seen["fetched"] == [] and seen["violations"] == [] and not seen["tooWide"]
