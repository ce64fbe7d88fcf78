"""The commands that measure time leave a run folder, which `eval report` shows."""

import json
from pathlib import Path

from click.testing import CliRunner

from evals.cli import evaluate
from evals.run_folder import RunFolder


def test_a_measurement_leaves_a_run_folder_and_its_page(tmp_path: Path) -> None:
    options = ["--notes", "50", "--files", "50", "--rounds", "1", "--out", str(tmp_path / "run"), "--json"]
    done = CliRunner().invoke(evaluate, ["memory", *options])
    assert done.exit_code == 0, (done.output, done.exception)

    folder = RunFolder.open(tmp_path / "run")
    assert (folder.config.command, folder.config.options["notes"]) == ("memory", 50)
    assert [sample["step"] for sample in folder.read_samples()][0] == "add 50 notes"
    assert [row[0] for row in folder.tables[0].rows] == [step["step"] for step in json.loads(done.stdout)["steps"]]
    shown = CliRunner().invoke(evaluate, ["report", str(folder.path), "--out", str(tmp_path / "page.html")])
    assert shown.exit_code == 0 and "add 50 notes" in (tmp_path / "page.html").read_text()


def test_a_folder_that_cannot_be_used_is_known_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = CliRunner().invoke(evaluate, ["memory", "--out", str(tmp_path)])

    assert done.exit_code and "is not empty" in str(done.exception)
