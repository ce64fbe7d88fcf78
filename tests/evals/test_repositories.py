"""The demo's repository: what is in it, and which directories it may replace."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import RepositoryError
from evals.repositories import create_demo


def git(directory: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    directory = tmp_path / "somewhere" / "demo"
    create_demo(directory)
    return directory


def test_it_is_a_clean_repository_with_a_commit(demo: Path) -> None:
    assert git(demo, "status", "--porcelain", "--branch") == "## main\n"
    assert git(demo, "log", "--format=%an <%ae>") == "sleepwright <sleepwright@localhost>\n"


@pytest.mark.parametrize("runner", ["pytest -q", "unittest discover"])
def test_exactly_one_test_fails(demo: Path, runner: str) -> None:
    run = subprocess.run([sys.executable, "-m", *runner.split()], cwd=demo, capture_output=True, text=True)

    assert run.returncode == 1
    assert "1 failed, 14 passed" in run.stdout or "FAILED (failures=1)" in run.stderr


def test_running_the_tests_leaves_it_clean(demo: Path) -> None:
    subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=demo, capture_output=True)

    assert git(demo, "status", "--porcelain") == ""


def test_an_earlier_demo_is_replaced(demo: Path) -> None:
    (demo / "shop" / "pricing.py").unlink()
    (demo / "notes.txt").write_text("mine")
    (demo / "link").symlink_to(demo.parent)

    create_demo(demo)

    assert git(demo, "status", "--porcelain") == ""
    assert not (demo / "notes.txt").exists()
    assert len(git(demo, "log", "--oneline").splitlines()) == 1


def test_an_empty_directory_is_used(tmp_path: Path) -> None:
    create_demo(tmp_path)

    assert (tmp_path / "shop" / "stock.py").exists()


def test_another_repository_is_refused_and_left_alone(repo: Path) -> None:
    before = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()}

    with pytest.raises(RepositoryError, match="no earlier demo"):
        create_demo(repo)

    assert {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()} == before


def test_a_folder_within_a_demo_is_no_demo(demo: Path) -> None:
    with pytest.raises(RepositoryError, match="no earlier demo"):
        create_demo(demo / "shop")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RepositoryError):
            create_demo(place)
