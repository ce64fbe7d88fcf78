"""Finding the trainer, and what is said where it fails; the trainer itself is in test_train.py."""

import stat
import sys
from pathlib import Path

import pytest

from agent.errors import ConfigError
from tests.ttrl_adapter.exercises import area, text_exercise
from ttrl_adapter.records import Recipe, Step, TrainJob
from ttrl_adapter.training import PYTHON_SETTING, STEPS, prepare, prepared, run, steps, trainer_python

JOB = TrainJob(model="m", recipe=Recipe(), base_votes={})


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_trainer_that_cannot_be_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_SETTING, "/nowhere/python")
    with pytest.raises(ConfigError, match="/nowhere/python"):
        trainer_python()


def test_a_trainer_that_fails_is_quoted_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_SETTING, script(tmp_path / "python", "echo no memory left >&2; exit 3"))
    prepare(tmp_path / "job", JOB, [area()])
    with pytest.raises(ConfigError, match="exit code 3: no memory left .*log.txt"):
        run(tmp_path / "job")


def test_the_trainer_takes_nothing_of_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ttrl_adapter/train.py", "torch/distributed/run.py"):
        (tmp_path / module).parent.mkdir(parents=True)
        (tmp_path / module).write_text("open('taken', 'w')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PYTHON_SETTING, sys.executable)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    for processes in (1, 2):
        prepare(tmp_path / "job", JOB, [area()])
        with pytest.raises(ConfigError, match="The training failed"):
            run(tmp_path / "job", processes=processes)
    assert not Path("taken").exists()


def test_a_job_that_is_written_is_not_written_again(tmp_path: Path) -> None:
    prepare(tmp_path, JOB, [area()])
    prepare(tmp_path, JOB.model_copy(update={"model": "other"}), [])
    assert prepared(tmp_path) == (JOB, [area()])


def test_an_exercise_may_hold_what_python_takes_for_the_end_of_a_line(tmp_path: Path) -> None:
    odd = text_exercise(prompt="a\x0cb\x85c\u2028d\re\n")
    prepare(tmp_path, JOB, [odd, area()])
    assert prepared(tmp_path) == (JOB, [odd, area()])


def test_a_step_that_was_done_again_counts_once(tmp_path: Path) -> None:
    rows = [
        Step(step=n, steps=3, labelled=x, agreement=0, reward=0, label_accuracy=None) for n, x in ((1, 0.1), (2, 0.2))
    ]
    again = rows[1].model_copy(update={"labelled": 0.9})
    (tmp_path / STEPS).write_text("".join(row.model_dump_json() + "\n" for row in (*rows, again)) + '{"step": 3, "st')
    assert [step.labelled for step in steps(tmp_path)] == [0.1, 0.9]
