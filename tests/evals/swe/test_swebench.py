"""What SWE-bench's own package makes of our files, in a process of its own.

`make swebench` makes the environment, `make test-swebench` runs this; plain pytest leaves it out.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evals.swe.bench import RUN_ID
from tests.evals.swe.examples import FIX, Example, make_example, new_file
from tests.evals.swe.test_command import grade, write_rows

pytestmark = pytest.mark.swebench

# Its functions in the order in which `swebench eval` calls them, less those that start a container.
OFFICIAL = """
import json, os, sys
from pathlib import Path
from swebench.harness.grading import get_eval_report
from swebench.harness.reporting import make_run_report
from swebench.harness.run_evaluation import get_dataset_from_preds
from swebench.harness.utils import get_predictions_from_file, load_swebench_dataset, make_test_spec
out, rows, file = sys.argv[1:]
os.chdir(out)
predictions = {one["instance_id"]: one for one in get_predictions_from_file(file, rows, "test")}
to_run = get_dataset_from_preds(rows, "test", None, predictions, "another", False)
logs = {path.parent.name: path for path in Path().glob("logs/run_evaluation/*/*/*/test_output.txt")}
reports = {}
for row in to_run:
    id = row["instance_id"]
    if id in logs:
        reports |= get_eval_report(make_test_spec(row), predictions[id], str(logs[id]), True)
summary = make_run_report(predictions, load_swebench_dataset(rows), "sleepwright", None, "official")
Path("official.json").write_text(json.dumps({
    "to_run": [row["instance_id"] for row in to_run], "reports": reports, "summary": json.loads(summary.read_text()),
}))
"""
FIFTH = {"image": "none", "eval_script": "", "log_parser": "parse_log_pytest", "eval_type": "pass_and_fail"}
"""What rows of SWE-bench 5 have beside the older fields."""
PATCHES = {
    "tiny__calc-1": FIX,
    "tiny__calc-2": new_file("notes.txt", "thoughts"),
    "tiny__calc-3": "",
    "tiny__calc-4": FIX.replace("return a - b", "return a * b"),
}


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make_example(tmp_path)


def official(out: Path, rows: Path, predictions: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", OFFICIAL, str(out), str(rows), str(predictions)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((out / "official.json").read_text())
    return found


def test_its_loaders_take_our_files_and_its_grading_agrees(example: Example, tmp_path: Path) -> None:
    row = example.instance.row | FIFTH
    rows = write_rows(example, *(row | {"instance_id": f"tiny__calc-{number}"} for number in range(1, 6)))
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text(
        "".join(
            json.dumps({"instance_id": id, "model_name_or_path": "me/mine", "model_patch": patch}) + "\n"
            for id, patch in PATCHES.items()
        )
    )
    ours = grade(example, rows, str(predictions))
    theirs = official(tmp_path / "out", rows, predictions)

    assert theirs["to_run"] == ["tiny__calc-1", "tiny__calc-2", "tiny__calc-4"]
    assert theirs["reports"]["tiny__calc-1"]["resolved"] and not theirs["reports"]["tiny__calc-2"]["resolved"]
    for id, report in theirs["reports"].items():
        logs = tmp_path / "out" / "logs" / "run_evaluation" / RUN_ID / "me__mine" / id
        assert json.loads((logs / "report.json").read_text()) == {id: report}
    assert ours["resolved_ids"] == ["tiny__calc-1"] and ours["incomplete_ids"] == ["tiny__calc-5"]
    told = {"folder", "failure_reasons"}  # ours alone; in words of our own
    assert {key: value for key, value in ours.items() if key not in told} == {
        key: value for key, value in theirs["summary"].items() if key not in told
    }


def test_its_command_takes_our_files_as_far_as_docker(example: Example, tmp_path: Path) -> None:
    rows = write_rows(example, example.instance.row | FIFTH)
    grade(example, rows, "gold")
    predictions = tmp_path / "predictions.jsonl"
    predictions.write_text(
        json.dumps({"instance_id": "tiny__calc-1", "model_name_or_path": "gold", "model_patch": FIX}) + "\n"
    )
    command = [str(Path(sys.executable).parent / "swebench"), "eval", str(rows), "-p", str(predictions)]
    nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    done = subprocess.run([*command, "--run-id", "x"], cwd=tmp_path, env=nowhere, capture_output=True, text=True)

    assert done.returncode and "docker" in (done.stdout + done.stderr).lower()
    assert (tmp_path / "logs" / "run_evaluation" / "x" / "run.json").exists()  # written once the predictions are read
