from pathlib import Path

import pytest

from agent.bubblewrap import bubblewrap, toolchain


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def folder(path: Path, *files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name in files:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("")
    return path


def shown(home: Path, *entries: Path) -> set[str]:
    """The folders of the home that the programs on a PATH of these entries need."""
    return {str(place.relative_to(home)) for place in toolchain(":".join(map(str, entries))) if home in place.parents}


def mounts(arguments: list[str]) -> list[tuple[str, str]]:
    return [
        (kind, source)
        for kind, source, target in zip(arguments, arguments[1:], arguments[2:], strict=False)
        if kind in ("--bind", "--ro-bind") and source == target
    ]


def test_a_folder_of_programs_is_shown_without_what_lies_beside_it(home: Path) -> None:
    folder(home / ".cargo", "bin/cargo", "credentials.toml")
    assert shown(home, home / ".cargo/bin") == {".cargo/bin"}


def test_a_virtual_environment_is_shown_with_the_python_it_stands_on(home: Path) -> None:
    python = folder(home / ".local/share/uv/python/cpython-3.12", "bin/python3.12", "lib/python3.12/os.py")
    venv = folder(home / "project/.venv", "bin/pytest")
    (venv / "pyvenv.cfg").write_text(f"home = {python}/bin\nversion = 3.12.1\n")
    assert {"project/.venv", ".local/share/uv/python/cpython-3.12"} <= shown(home, venv / "bin")


def test_a_program_that_links_into_another_environment_brings_it_along(home: Path) -> None:
    venv = folder(home / ".local/share/pipx/venvs/pytest", "bin/pytest", "pyvenv.cfg")
    programs = folder(home / ".local/bin")
    (programs / "pytest").symlink_to(venv / "bin/pytest")
    assert {".local/bin", ".local/share/pipx/venvs/pytest"} <= shown(home, programs)


def test_the_folder_of_local_data_is_not_taken_for_an_installation(home: Path) -> None:
    folder(home / ".local", "bin/black", "lib/python3.11/site-packages/black.py", "share/keyrings/login")
    assert shown(home, home / ".local/bin") == {".local/bin", ".local/lib/python3.11"}


def test_a_version_manager_is_shown_whole(home: Path) -> None:
    folder(home / ".pyenv", "shims/python", "versions/3.11.7/bin/python", "libexec/pyenv")
    assert ".pyenv" in shown(home, home / ".pyenv/shims")


def test_neither_the_home_nor_what_holds_it_is_ever_shown(home: Path) -> None:
    folder(home, "bin/tool", "lib/node_modules/x.js", ".ssh/id_ed25519")
    places = set(toolchain(f"{home}:{home.parent}:/tmp:.::{home}/bin"))
    assert places.isdisjoint([home, home.parent, Path("/tmp")])


def test_the_work_tree_is_bound_writable_inside_a_readable_folder(home: Path) -> None:
    repository = folder(home / "repository")
    worktree = folder(repository / ".git/worktree")
    binds = mounts(bubblewrap(worktree, "", readable=[repository]))
    assert binds[-2:] == [("--ro-bind", str(repository)), ("--bind", str(worktree))]


def test_a_folder_reached_through_a_link_is_bound_by_both_names(home: Path) -> None:
    real = folder(home / "java-21/bin", "java")
    (home / "current").symlink_to("java-21")
    binds = mounts(bubblewrap(home.parent, f"{home}/current/bin"))
    assert not any(str(real) == source for _, source in binds)  # inside the work tree, which shows it already
    binds = mounts(bubblewrap(folder(home / "worktree"), f"{home}/current/bin"))
    assert {("--ro-bind", str(real)), ("--ro-bind", f"{home}/current/bin")} <= set(binds)


def test_paths_that_are_not_there_are_left_out(home: Path) -> None:
    gone = home / "gone"
    assert str(gone) not in bubblewrap(folder(home / "worktree"), f"{gone}", readable=[gone], writable=[gone])


def test_links_that_lead_in_circles_or_nowhere_are_survived(home: Path) -> None:
    programs = folder(home / "bin", "tool")
    (programs / "circle").symlink_to("circle")
    (programs / "nowhere").symlink_to("/nowhere/at/all")
    (home / "loop").symlink_to("loop")
    assert shown(home, programs, home / "loop/bin") == {"bin"}
