"""Running git: where it runs."""

from pathlib import Path

import pytest

from agent.git_command import run_git


def test_a_relative_directory_is_taken_from_the_current_one(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.parent)

    assert run_git(Path(repo.name), "rev-parse", "--show-prefix").output == b"\n"
    assert run_git(Path(repo.name, "tests"), "rev-parse", "--show-prefix").output == b"tests/\n"


def test_a_directory_that_is_gone_is_a_failure(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo)

    assert run_git(repo / "gone", "rev-parse", "--show-prefix").status != 0
