"""Where a repository's memory lies, and the homes that are refused."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.errors import StoreError
from memory.home import MemoryHome, forsaken_homes


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLEEPWRIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def any_umask() -> Iterator[None]:
    before = os.umask(0o277)
    yield
    os.umask(before)


def test_the_folder_has_a_readable_name(root: Path, tmp_path: Path) -> None:
    home = MemoryHome.for_repository(tmp_path / "my project" / ".git")
    assert home.path.parent == root and home.path.name.startswith("my-project-")


def test_repositories_of_the_same_name_have_different_homes(root: Path, tmp_path: Path) -> None:
    one, other = (MemoryHome.for_repository(tmp_path / side / "app" / ".git") for side in ("a", "b"))
    assert one.path != other.path


def test_a_symlink_to_a_repository_leads_to_the_same_home(root: Path, tmp_path: Path) -> None:
    (tmp_path / "app" / ".git").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "app")
    assert MemoryHome.for_repository(tmp_path / "link" / ".git") == MemoryHome.for_repository(tmp_path / "app" / ".git")


def test_a_repository_that_is_moved_takes_its_memory_along(root: Path, repo: Path, tmp_path: Path) -> None:
    before = MemoryHome.for_repository(repo / ".git")
    before.notes.write_text("what was known")
    (tmp_path / "elsewhere").mkdir()
    moved = repo.rename(tmp_path / "elsewhere" / "calc")
    home = MemoryHome.for_repository(moved / ".git")
    assert home.notes.read_text() == "what was known" and home.path.name.startswith("calc-")
    assert home.repository == moved / ".git" and not before.path.exists() and not forsaken_homes()
    back = MemoryHome.for_repository(moved.rename(repo) / ".git")
    assert back == before and back.notes.read_text() == "what was known"


def test_one_that_was_made_again_in_its_place_takes_it_along_too(root: Path, repo: Path, tmp_path: Path) -> None:
    before = MemoryHome.for_repository(repo / ".git")
    shutil.rmtree(repo)
    subprocess.run(["git", "init", "--quiet", str(repo)], check=True)
    assert MemoryHome.for_repository(repo / ".git") == before
    MemoryHome.for_repository(repo.rename(tmp_path / "moved") / ".git")
    assert not before.path.exists()


def test_another_repository_takes_nothing_along(root: Path, repo: Path, tmp_path: Path) -> None:
    before = MemoryHome.for_repository(repo / ".git")
    copy = tmp_path / "copy"
    shutil.copytree(repo, copy)
    assert MemoryHome.for_repository(copy / ".git").path != before.path and before.path.exists()
    shutil.rmtree(repo)
    for name in ("a", "b", "c"):  # one of them may get the old one's number
        subprocess.run(["git", "init", "--quiet", str(tmp_path / name)], check=True)
        assert MemoryHome.for_repository(tmp_path / name / ".git").path != before.path
    assert forsaken_homes() == [before.path]


def test_a_repository_without_a_description_is_made_a_new_home(root: Path, repo: Path, tmp_path: Path) -> None:
    (repo / ".git" / "description").unlink()
    before = MemoryHome.for_repository(repo / ".git")
    MemoryHome.for_repository(repo.rename(tmp_path / "moved") / ".git")
    assert before.path.exists()


@pytest.mark.parametrize("name", [b"\xff\xfe", b"\n'\"", "日本".encode(), b"." * 200, b"x" * 200])
def test_any_repository_name_makes_a_plain_folder_name(root: Path, tmp_path: Path, name: bytes) -> None:
    home = MemoryHome.for_repository(tmp_path / os.fsdecode(name) / ".git")
    assert home.path.is_dir() and home.path.name.isascii() and len(home.path.name) <= 60


def test_folders_are_private_whatever_the_umask(root: Path, tmp_path: Path, any_umask: None) -> None:
    home = MemoryHome.for_repository(tmp_path / "app" / ".git")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (root, home.path, home.worktrees)] == [0o700] * 3


def test_a_root_that_the_user_made_keeps_its_mode(root: Path, tmp_path: Path) -> None:
    root.mkdir(mode=0o755)
    MemoryHome.for_repository(tmp_path / "app" / ".git")
    assert stat.S_IMODE(root.stat().st_mode) == 0o755


def test_a_home_inside_a_work_tree_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app" / ".git").mkdir(parents=True)
    monkeypatch.setenv("SLEEPWRIGHT_HOME", str(tmp_path / "app" / "home"))
    with pytest.raises(StoreError, match="inside the work tree"):
        MemoryHome.for_repository(tmp_path / "other" / ".git")


def test_a_home_directory_kept_in_git_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SLEEPWRIGHT_HOME", "~/data")
    assert MemoryHome.for_repository(tmp_path / "app" / ".git").path.is_dir()


def test_a_home_inside_the_repository_it_is_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SLEEPWRIGHT_HOME", "~/data")
    with pytest.raises(StoreError, match="inside the work tree"):
        MemoryHome.for_repository(tmp_path / ".git")


def test_a_relative_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPWRIGHT_HOME", "data")
    with pytest.raises(StoreError, match="not an absolute path"):
        MemoryHome.for_repository(tmp_path / ".git")


def test_a_file_in_the_way_is_named(root: Path, tmp_path: Path) -> None:
    root.write_text("")
    with pytest.raises(StoreError, match=f"{str(root)!r} cannot be used"):
        MemoryHome.for_repository(tmp_path / "app" / ".git")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_refused(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    os.chown(root, 1, 1)
    with pytest.raises(StoreError, match="belongs to another user"):
        MemoryHome.for_repository(tmp_path / "app" / ".git")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_refused(root: Path, tmp_path: Path) -> None:
    root.mkdir(mode=0o500)
    with pytest.raises(StoreError, match=str(root)):
        MemoryHome.for_repository(tmp_path / "app" / ".git")
