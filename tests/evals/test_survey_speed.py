"""The made-up repository that the survey is timed on, and a sleep that fails."""

import ast
from pathlib import Path

import pytest

from agent.errors import ConfigError
from evals.own_memory import own_memory
from evals.survey_speed import make_repository, sleep_once
from tests.sleeptime.desk import git


def test_the_made_up_repository_is_python_with_a_history(tmp_path: Path) -> None:
    make_repository(tmp_path / "made", 30)
    files = sorted((tmp_path / "made").rglob("*.py"))
    assert len(files) == 30 and git(tmp_path / "made", "status", "--porcelain") == ""
    assert all(ast.parse(path.read_text()) for path in files)
    assert int(git(tmp_path / "made", "rev-list", "--count", "HEAD")) > 50


def test_a_sleep_that_fails_is_not_taken_for_a_fast_one(tmp_path: Path) -> None:
    with own_memory(tmp_path / "memory"), pytest.raises(ConfigError, match="not in a git repository"):
        sleep_once(tmp_path, ("survey",))
