"""SWE-bench's files: predictions.jsonl, the summary of a run in its schema 2, and its own harness where Docker is.

Resolved is counted over all instances of the data set, not over those that were attempted.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evals.errors import DatasetError, HarnessError
from evals.run_folder import write_whole
from evals.swe.grade import Fault, Grade, Outcome
from evals.swe.instances import Dataset, Instance, read_rows

PREDICTIONS = "predictions.jsonl"
SUBMITTED = "submitted.jsonl"
"""Those of them that SWE-bench's harness was given."""
_LONGEST_MODEL = 200  # bytes of its name


def prediction_row(instance_id: str, model: str, patch: str) -> dict[str, str]:
    """A line of predictions.jsonl. Bytes that are no UTF-8 cannot be in it: they become U+FFFD."""
    return {"instance_id": instance_id, "model_name_or_path": model, "model_patch": _encodable(patch)}


def write_predictions(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """As JSON lines, whole or not at all."""
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))


def read_predictions(path: Path) -> tuple[str, dict[str, str]]:
    """The model's name, and each instance's patch, from a JSON list, a JSON object or JSON lines.

    The last line of an instance counts. DatasetError where one has no instance_id, or the model's name can be none of a
    folder.
    """
    model, patches = "", {}
    for row in read_rows(path):
        if not isinstance(row, dict) or not isinstance(row.get("instance_id"), str):
            raise DatasetError(f"{str(path)!r} has a prediction without an instance_id.")
        model = model or _encodable(str(row.get("model_name_or_path") or ""))
        patches[row["instance_id"]] = _encodable(str(row.get("model_patch") or ""))
    if model in (".", "..") or not model.isprintable() or len(model.encode()) > _LONGEST_MODEL:
        raise DatasetError(f"{str(path)!r} has a model_name_or_path that files cannot be named after: {model[:80]!r}.")
    return model or "None", patches


def _encodable(text: str) -> str:
    """With U+FFFD for each lone surrogate, which JSON may hold and no file."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def gold(instances: Iterable[Instance]) -> dict[str, str]:
    """The reference patches as predictions."""
    return {instance.instance_id: instance.patch for instance in instances}


def log_folder(out: Path, run_id: str, model: str, instance_id: str) -> Path:
    """Where the harness has an instance's files."""
    return out / "logs" / "run_evaluation" / run_id / model.replace("/", "__") / instance_id


def summary(dataset: Dataset, submitted: Iterable[str], grades: Mapping[str, Grade]) -> dict[str, Any]:
    """In the fields of the harness's summary; what is malformed is an error."""
    ids = [*(instance.instance_id for instance in dataset.instances), *(row.id for row in dataset.malformed)]
    malformed = {row.id for row in dataset.malformed}

    def of(*outcomes: Outcome) -> list[str]:
        return sorted(id for id in ids if id in grades and grades[id].outcome in outcomes)

    def blamed(fault: Fault) -> list[str]:
        return sorted(id for id in ids if id in grades and grades[id].fault == fault)

    lists = {
        "completed_ids": of("resolved", "unresolved"),
        "incomplete_ids": sorted(id for id in ids if id not in grades and id not in malformed),
        "empty_patch_ids": of("empty"),
        "submitted_ids": sorted(submitted),
        "resolved_ids": of("resolved"),
        "unresolved_ids": of("unresolved"),
        "infra_failure_ids": blamed("infrastructure"),
        "ambiguous_failure_ids": blamed("ambiguous"),
        "error_ids": sorted({*of("error"), *malformed}),
    }
    problems = {id: grade.problem for id, grade in sorted(grades.items()) if grade.problem}
    return {
        "total_instances": len(ids),
        "submitted_instances": len(lists["submitted_ids"]),
        "completed_instances": len(lists["completed_ids"]),
        "resolved_instances": len(lists["resolved_ids"]),
        "unresolved_instances": len(lists["unresolved_ids"]),
        "infra_failure_instances": len(lists["infra_failure_ids"]),
        "ambiguous_failure_instances": len(lists["ambiguous_failure_ids"]),
        "empty_patch_instances": len(lists["empty_patch_ids"]),
        "error_instances": len(lists["error_ids"]),
        **lists,
        "failure_reasons": {**problems, **{row.id: row.problem for row in dataset.malformed}},
        "schema_version": 2,
    }


def write_summary(out: Path, run_id: str, model: str, found: Mapping[str, Any]) -> Path:
    path = out / f"{model.replace('/', '__')}.{run_id}.json"
    write_whole(path, json.dumps(found, indent=4) + "\n")
    return path


def evaluate_with_swebench(
    dataset: Dataset, predictions: Path, out: Path, run_id: str, workers: int, timeout: float
) -> dict[str, Any]:
    """Hand the predictions to the harness that is installed, and read its summary. HarnessError where it cannot run."""
    # Beside our own Python first, whose environment need not be activated.
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = shutil.which("swebench", path=places)
    if command is None:
        raise HarnessError(
            "SWE-bench's harness is not installed: pip install 'sleepwright[swebench]', or grade without --harness."
        )
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        raise HarnessError("SWE-bench's harness needs Docker, which does not run here: grade without --harness.")
    if old := [one.instance_id for one in dataset.instances if "image" not in one.row]:
        raise HarnessError(
            f"The harness needs the field `image` of SWE-bench 5, which {old[0]} lacks: grade without --harness."
        )
    rows = out / "dataset.jsonl"
    write_whole(rows, "".join(json.dumps(instance.row) + "\n" for instance in dataset.instances))
    options = ["-p", str(predictions.resolve()), "--run-id", run_id, "-j", str(workers), "-t", f"{timeout:.0f}"]
    done = subprocess.run([command, "eval", str(rows.resolve()), *options], cwd=out)
    model, _ = read_predictions(predictions)
    path = out / f"{model.replace('/', '__')}.{run_id}.json"
    if done.returncode or not path.exists():
        raise HarnessError(
            f"`swebench eval` ended with {done.returncode} and left no {path.name}: its output says why."
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def grades(found: Mapping[str, Any]) -> dict[str, Grade]:
    """What a summary says of each instance."""
    kinds: tuple[tuple[Outcome, str], ...] = (
        ("resolved", "resolved_ids"),
        ("unresolved", "unresolved_ids"),
        ("empty", "empty_patch_ids"),
        ("error", "error_ids"),
    )
    return {id: Grade(instance_id=id, outcome=kind) for kind, name in kinds for id in found[name]}
