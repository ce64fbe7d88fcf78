"""A whole evaluation: predictions, then grades, kept in a run folder that a killed evaluation goes on with.

samples.jsonl           a line a prediction, as predict.py has it; tried again where the agent gave none
predictions.jsonl       the same for SWE-bench's harness
grades.jsonl            a line a grade, as grade.py has it
logs/, MODEL.RUN.json   what the harness would leave behind
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agent.sandbox import Sandbox, open_sandbox
from evals.run_folder import RunFolder
from evals.swe import harness, predict
from evals.swe.grade import Grade, Grading, grade
from evals.swe.instances import Dataset, Instance
from evals.swe.predict import Prediction

RUN_ID = "sleepwright"


class Submission(NamedTuple):
    """A patch to grade, and the folder for the harness's files about it."""

    instance: Instance
    patch: str
    logs: Path


@dataclass(frozen=True)
class Bench:
    """A run folder and the instances that it is about."""

    folder: RunFolder
    dataset: Dataset

    def predictions(self) -> dict[str, Prediction]:
        """Those made so far, the last of each instance."""
        return {prediction.instance_id: prediction for prediction in self.folder.read_records(Prediction)}

    def to_predict(self) -> list[Instance]:
        """What has no prediction yet, or one that failed."""
        done = {id for id, prediction in self.predictions().items() if prediction.status != "error"}
        return [instance for instance in self.dataset.instances if instance.instance_id not in done]

    def keep_predictions(self, made: Iterable[Prediction], model: str) -> Iterator[Prediction]:
        """Make each durable before it is told of; predictions.jsonl is written however it ends."""
        with self.folder.samples() as samples:
            try:
                for prediction in made:
                    samples.append(prediction.model_dump(mode="json"))
                    yield prediction
            finally:
                known = self.predictions()
                rows = (
                    harness.prediction_row(one.instance_id, model, known[one.instance_id].patch)
                    for one in self.dataset.instances
                    if one.instance_id in known
                )
                harness.write_predictions(self.folder.path / harness.PREDICTIONS, rows)

    def to_grade(self, model: str, patches: Mapping[str, str]) -> list[Submission]:
        """The predictions for instances that there are; the folders are the harness's."""
        found = []
        for instance in self.dataset.instances:
            id = instance.instance_id
            if id in patches:
                logs = harness.log_folder(self.folder.path.resolve(), RUN_ID, model, id)
                found.append(Submission(instance, patches[id], logs))
        return found

    def keep_grades(self, made: Iterable[Grade]) -> Iterator[Grade]:
        """Of one grading of all predictions; an earlier one's grades are replaced."""
        with self.folder.samples("grades") as samples:
            samples.clear()
            for one in made:
                samples.append(one.model_dump(mode="json"))
                yield one

    def summarize(self, model: str, submitted: Iterable[str], grades: Mapping[str, Grade]) -> dict[str, Any]:
        """Write the harness's summary; return it."""
        found = harness.summary(self.dataset, submitted, grades)
        harness.write_summary(self.folder.path, RUN_ID, model, found)
        return found


_open: set[Sandbox] = set()


def grade_submission(grading: Grading, submission: Submission) -> Grade:
    """One grade, in a sandbox of its own."""
    sandbox = open_sandbox(grading.sandbox)
    _open.add(sandbox)
    try:
        return grade(submission.instance, submission.patch, submission.logs, grading, sandbox)
    finally:
        _open.discard(sandbox)


def stop() -> None:
    """End all agents and tests that this process has started, and let no agent start; called while threads wait."""
    predict.stop()
    for sandbox in tuple(_open):
        sandbox.stop()


def unfinished_prediction(arm: str, instance: Instance, problem: str) -> Prediction:
    """Of an instance that no worker could finish."""
    return Prediction(instance_id=instance.instance_id, arm=arm, status="error", problem=problem)  # type: ignore[arg-type]


def unfinished_grade(submission: Submission, problem: str) -> Grade:
    """Of a prediction that no worker could finish grading."""
    return Grade(instance_id=submission.instance.instance_id, outcome="error", problem=problem, fault="infrastructure")
