"""The measurement of the repository map, on a small repository and without aider."""

import os
import sys
from pathlib import Path

import pytest

from agent.errors import ConfigError
from evals.map_speed import CHANGED, Measured, Step, Tool, measure, tables
from evals.repositories import commit_all, start_repository


def tool(tmp_path: Path, *command: str) -> Tool:
    root = tmp_path / "ours"
    start_repository(root)
    (root / CHANGED).parent.mkdir(parents=True)
    (root / CHANGED).write_text("class QuerySet:\n    def bulk_create(self): ...\n")
    commit_all(root, "first")
    home = tmp_path / "home"
    return Tool("sleepwright", root, command, {**os.environ, "SLEEPWRIGHT_HOME": str(home)}, home)


def test_every_step_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    found = measure(tool(tmp_path, sys.executable, "-P", "-m", "evals.map_process"), rounds=1, tell=lambda text: None)
    names = ["cold", "another prompt", "new process, warm cache", "after a one-file commit"]
    assert [step.name for step in found.steps] == names
    assert all(step.map_seconds > 0 for step in found.steps)
    assert [step.process_seconds is None for step in found.steps] == [True, True, False, False]
    assert found.steps[0].peak_megabytes > 10
    assert 0 < found.cache_megabytes < 1


def test_a_tool_that_fails_is_not_taken_for_a_fast_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sleepwright made no map: .* ModuleNotFoundError"):
        measure(tool(tmp_path, sys.executable, "-c", "import no_such_module"), rounds=1, tell=lambda text: None)


def test_a_tool_without_a_map_is_not_taken_for_a_fast_one(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print(0.1, 0); print(0.1, 0)")
    with pytest.raises(ConfigError, match="made no map"):
        measure(tool(tmp_path, *command), rounds=1, tell=lambda text: None)


def test_the_table_has_both_tools_side_by_side() -> None:
    def measured(name: str, seconds: float) -> Measured:
        step = Step(name="cold", map_seconds=seconds, process_seconds=seconds + 1, peak_megabytes=90)
        return Measured(tool=name, steps=(step,), cache_megabytes=5.3)

    times, sizes = tables([measured("ours", 2.0), measured("theirs", 20.0)])

    assert [column.name for column in times.columns][-1] == "theirs: times the map of ours"
    assert times.shown == [["cold", "2.00", "3.00", "20.00", "21.00", "10"]]
    assert sizes.shown == [["ours", "90", "5.3"], ["theirs", "90", "5.3"]]
