"""Runs under way: what is kept, how one is found again, and what is left of it at the end."""

import os
from pathlib import Path

import pytest

from memory.errors import StoreError, UserError
from memory.records import Task, Tokens, now
from memory.runs import (
    KEPT,
    Begun,
    NoSuchRun,
    Run,
    Step,
    StepCall,
    begun,
    clear_abandoned,
    is_under_way,
    read_steps,
    trajectories,
    unfinished,
)

TASK = Task(request="fix \udce9", repo="/r", base_commit=None, snapshot="s")


def begin(runs: Path, id: str = "abc1") -> Run:
    return Run.begin(runs, Begun(id=id, task=TASK, model="m", base_url=None, strategy="auto", candidates=None, seed=0))


def test_a_run_is_gone_on_with_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        run.finish_stage("localise", {"a": [1]})
    with Run.resume(tmp_path, "AB") as again:
        assert again.begun == run.begun
        assert again.stage("localise") == {"a": [1]} and again.stage("propose") is None


def test_steps_come_back_as_they_were(tmp_path: Path) -> None:
    steps = [
        Step(kind="task", text="x", offers_tools=True),
        Step(kind="reply", calls=(StepCall(id="1", name="bash", arguments="{}"),), tokens=Tokens(prompt=3, calls=1)),
        Step(kind="result", call_id="1", tool="bash", text="\udce9", tree="t", seconds=0.5),
    ]
    with begin(tmp_path) as run, run.candidate(11) as log:
        for step in steps:
            log.append(step)
        assert run.spent == Tokens(prompt=3, calls=1)
    with Run.resume(tmp_path, "abc1") as again, again.candidate(11) as log:
        assert log.steps == steps


def test_a_beginning_can_be_replaced(tmp_path: Path) -> None:
    with begin(tmp_path) as run, run.candidate(0) as log:
        log.begin([Step(kind="task", text="one")])
        log.begin([Step(kind="task", text="two")])
    assert [step.text for step in read_steps(tmp_path / "abc1" / "candidate-0.jsonl")] == ["two"]


def test_only_one_process_works_on_a_run(tmp_path: Path) -> None:
    with begin(tmp_path):
        assert is_under_way(tmp_path, "abc1")
        with pytest.raises(UserError, match="Another process works on the run abc1"):
            Run.resume(tmp_path, "abc1")
    assert not is_under_way(tmp_path, "abc1")


def test_an_id_has_to_be_known_and_clear(tmp_path: Path) -> None:
    for id in ("abc1", "abc2"):
        begin(tmp_path, id).__exit__(None, None, None)
    assert unfinished(tmp_path) == ["abc2", "abc1"]
    with pytest.raises(NoSuchRun):
        Run.resume(tmp_path, "x")
    with pytest.raises(UserError, match="give more of it"):
        Run.resume(tmp_path, "abc")


def test_of_a_finished_run_only_trajectories_stay(tmp_path: Path) -> None:
    with begin(tmp_path, "bare") as run:
        run.finish()
    with begin(tmp_path, "full") as run, run.candidate(10), run.candidate(2):
        run.finish()
    assert not (tmp_path / "bare").exists() and unfinished(tmp_path) == []
    assert [path.name for path in trajectories(tmp_path / "full")] == ["candidate-2.jsonl", "candidate-10.jsonl"]


def test_a_run_that_was_cut_before_it_began_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "abc1").mkdir()
    (tmp_path / "abc1" / "run.jsonl").write_text('{"begun"')
    assert begun(tmp_path, "abc1") is None
    with pytest.raises(StoreError, match="start it anew"):
        Run.resume(tmp_path, "abc1")


def test_another_versions_run_is_left_to_it(tmp_path: Path) -> None:
    begin(tmp_path).__exit__(None, None, None)
    file = tmp_path / "abc1" / "run.jsonl"
    file.write_text(file.read_text().replace('"schema_version":1', '"schema_version":2'))
    with pytest.raises(StoreError, match="another version"):
        Run.resume(tmp_path, "abc1")


def test_abandoned_runs_are_cleared_but_none_that_is_young_or_under_way(tmp_path: Path) -> None:
    for id in ("old", "young", "late"):
        begin(tmp_path, id).__exit__(None, None, None)
    Run.resume(tmp_path, "late").candidate(0).append(Step(kind="task"))
    busy = begin(tmp_path, "busy")
    long_ago = (now() - KEPT).timestamp() - 60
    for id in ("old", "late", "busy"):
        os.utime(tmp_path / id / "run.jsonl", (long_ago, long_ago))
    assert clear_abandoned(tmp_path) == ["old"]
    assert unfinished(tmp_path) == ["young", "late", "busy"]
    busy.__exit__(None, None, None)
    assert clear_abandoned(tmp_path) == ["busy"]
