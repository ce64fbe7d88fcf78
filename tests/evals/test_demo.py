"""The demo's command line, with a scripted model in the place of the trained one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTED = Path(__file__).parents[1] / "agent" / "scripted_cli.py"
RIGHT = [{"path": "shop/pricing.py", "old": "        if count > pieces:\n", "new": "        if pieces <= count:\n"}]
WRONG = [{"path": "shop/pricing.py", "old": "    percent = 0\n", "new": "    percent = 1\n"}]


def demo(directory: Path, answer: list[dict[str, str]]) -> subprocess.CompletedProcess[str]:
    """Runs it with a relative path, as people do."""
    (directory.parent / "script.json").write_text(json.dumps([answer]))
    command = [sys.executable, str(SCRIPTED), "script.json", "demo", directory.name]
    return subprocess.run(command, cwd=directory.parent, capture_output=True, text=True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "demo repo"


def test_a_right_answer_is_shown_applied_and_tested_in_this_order(directory: Path) -> None:
    run = demo(directory, RIGHT)

    assert run.returncode == 0, run.stderr
    assert "if pieces <= count:" in (directory / "shop" / "pricing.py").read_text()
    marks = [
        "This makes a small",
        "$ sleepwright run",
        "+        if pieces",
        "diff --stat",
        "Ran 15 tests",
        "undo --repo 'demo",
    ]
    assert [run.stdout.index(mark) for mark in marks] == sorted(run.stdout.index(mark) for mark in marks)


def test_a_wrong_answer_gives_exit_code_1_and_changes_nothing(directory: Path) -> None:
    run = demo(directory, WRONG)

    assert run.returncode == 1
    assert "percent = 0" in (directory / "shop" / "pricing.py").read_text()
    assert "undo" not in run.stdout


def test_a_directory_of_someone_else_is_refused_with_exit_code_2(repo: Path) -> None:
    run = demo(repo, RIGHT)

    assert run.returncode == 2
    assert "no earlier demo" in run.stderr
