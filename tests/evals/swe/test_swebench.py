"""What SWE-bench's own package makes of our files, in a process of its own; skipped where it is not installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from evals.swe.harness import prediction_row, write_predictions
from tests.evals.swe.examples import FIX, make_example, new_file
from tests.evals.swe.test_grade import graded

PYTHON = os.environ.get("SWEBENCH_PYTHON", sys.executable if find_spec("swebench") else "")
"""A Python that has swebench."""

pytestmark = pytest.mark.skipif(not PYTHON, reason="no swebench here; SWEBENCH_PYTHON names a Python with it")

OFFICIAL = """
import json, sys
from pathlib import Path
from swebench.harness.grading import get_eval_report
from swebench.harness.utils import get_predictions_from_file, load_swebench_dataset, make_test_spec
folder = Path(sys.argv[1])
[row] = load_swebench_dataset(str(folder / "rows.jsonl"))
[prediction] = get_predictions_from_file(str(folder / "predictions.jsonl"), str(folder / "rows.jsonl"), "test")
row = {**row, "image": "none", "eval_script": "", "log_parser": "parse_log_pytest", "eval_type": "pass_and_fail"}
report = get_eval_report(make_test_spec(row), prediction, str(folder / "logs" / "test_output.txt"), True)
(folder / "official.json").write_text(json.dumps(report))
"""


@pytest.mark.parametrize(
    ("patch", "is_resolved"), [(FIX, True), (new_file("notes.txt", "thoughts"), False)], ids=["gold", "nothing"]
)
def test_its_loaders_take_our_files_and_its_grading_agrees(patch: str, is_resolved: bool, tmp_path: Path) -> None:
    example = make_example(tmp_path)
    graded(example, patch)
    (tmp_path / "rows.jsonl").write_text(json.dumps(example.instance.row) + "\n")
    write_predictions(tmp_path / "predictions.jsonl", [prediction_row("tiny__calc-1", "me/mine", patch)])

    done = subprocess.run([PYTHON, "-c", OFFICIAL, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    official = json.loads((tmp_path / "official.json").read_text())
    assert official["tiny__calc-1"]["resolved"] is is_resolved
    assert official == json.loads((tmp_path / "logs" / "report.json").read_text())
