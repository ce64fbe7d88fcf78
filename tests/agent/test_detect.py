from pathlib import Path

import pytest

from agent.detect import detect_test_command, python_test_command


def test_tests_are_run_by_a_python_that_has_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): pass\n")
    command = detect_test_command(tmp_path)
    assert command is not None
    assert command.endswith("python -m pytest -q") or command.endswith("python3 -m pytest -q")


def test_the_repository_s_own_environment_comes_first_and_is_not_run(tmp_path: Path) -> None:
    python = tmp_path / "my project" / ".venv" / "bin" / "python"
    (python.parent.parent / "lib" / "python3.9" / "site-packages" / "pytest").mkdir(parents=True)
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\ntouch '{tmp_path}/was-run'\n")
    python.chmod(0o755)
    (tmp_path / "my project" / "test_a.py").write_text("def test_a(): pass\n")
    assert detect_test_command(tmp_path / "my project") == f"'{python}' -m pytest -q"
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("name", ["calc.py", ".venv/lib/test_a.py", "notes.md"])
def test_without_tests_there_is_no_command(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
    assert detect_test_command(tmp_path) is None


def test_unittest_serves_where_no_python_has_pytest(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("import unittest\n")
    python = Path("/no/such/python")
    assert python_test_command(tmp_path, [python]) == "/no/such/python -m unittest discover -s tests"


def test_tests_that_nothing_can_run_have_no_command(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import pytest\n")
    assert python_test_command(tmp_path, [Path("/no/such/python")]) is None
