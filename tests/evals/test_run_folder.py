"""What a run leaves behind, and what a folder refuses."""

import json
from pathlib import Path

import pytest

from evals.charts import Chart, Series
from evals.errors import RunFolderError
from evals.run_folder import RunConfig, RunFolder
from evals.tables import Column, Table


def config(**options: int) -> RunConfig:
    return RunConfig.of("localize", label="HEAD", options=options, seeds=[0])


def test_all_of_it_is_read_back(tmp_path: Path) -> None:
    folder = RunFolder.begin(tmp_path / "run", config(commits=5))
    with folder.samples() as samples:
        samples.append({"id": "a", "ranks": [1, None]})
    table = Table(name="recall", caption="Recall.", columns=(Column(name="k"),), rows=((1,), (5,)))
    chart = Chart(name="curve", title="t", x_label="x", y_label="y", series=(Series(label="s", x=(1.0,), y=(2.0,)),))
    folder.add_table(table)
    folder.add_chart(chart)
    folder.set_scores("recall", {"a": 0.5})

    again = RunFolder.open(folder.path)
    assert again.config == folder.config and again.config.versions["sleepwright"]
    assert (again.tables, again.charts) == ([table], [chart])
    assert again.scores and again.scores.scores == {"a": 0.5}
    assert list(again.read_samples()) == [{"id": "a", "ranks": [1, None]}]
    assert (folder.path / "tables" / "recall.md").read_text().startswith("Recall.\n")


def test_a_run_is_continued_only_where_that_is_allowed(tmp_path: Path) -> None:
    first = RunFolder.begin(tmp_path, config(commits=5))

    assert RunFolder.begin(tmp_path, config(commits=5), continues=True).config == first.config
    with pytest.raises(RunFolderError, match="holds a run of `eval localize`"):
        RunFolder.begin(tmp_path, config(commits=5))


def test_a_run_is_not_continued_with_other_options(tmp_path: Path) -> None:
    RunFolder.begin(tmp_path, config(commits=5))

    with pytest.raises(RunFolderError, match="holds another run"):
        RunFolder.begin(tmp_path, config(commits=6), continues=True)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(RunFolderError, match="is not empty"):
        RunFolder.begin(tmp_path, config())


def test_a_sample_of_another_version_is_named(tmp_path: Path) -> None:
    folder = RunFolder.begin(tmp_path, config())
    with folder.samples() as samples:
        samples.append(Column(name="k").model_dump())
        samples.append({"name": "k", "later": 1})
    read = folder.read_records(Column)

    assert next(read) == Column(name="k")
    with pytest.raises(RunFolderError, match="Line 2 of .*samples.jsonl' is damaged: later"):
        next(read)


@pytest.mark.parametrize("text", ["{", json.dumps({"command": "x"}), json.dumps({"schema_version": 2})])
def test_a_damaged_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(RunFolderError, match="config.json' is damaged"):
        RunFolder.open(tmp_path)
