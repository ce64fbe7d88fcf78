"""What a command sees under bubblewrap: the system read-only, no home, no network, its own processes only.

Homes, temporary folders and `/run` (sockets of docker, ssh-agent, dbus) are empty. What the programs on PATH need and
what lies there, such as a virtual environment in the user's home, is bound back read-only. What SLEEPWRIGHT_HIDE names
is empty wherever it lies: an evaluation has answers there.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

HIDE_SETTING = "SLEEPWRIGHT_HIDE"
"""Folders and files that no command sees, between them what a PATH has between its folders."""

# Folders of secrets, of other programs' sockets and of other users, replaced by empty ones.
_HIDDEN = ("/home", "/root", "/tmp", "/var/tmp", "/run", "/var/run")

# What only the root of an installation holds: Python, conda, version managers, node, ruby, java.
_ROOT_MARKS = ("pyvenv.cfg", "conda-meta", "shims", "lib/python3*", "lib/node_modules", "lib/ruby", "lib/modules")

_ISOLATION = (
    *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
)


def bubblewrap(cwd: Path, path: str, readable: Sequence[Path] = (), writable: Sequence[Path] = ()) -> list[str]:
    """The command line up to the command itself.

    `cwd` (resolved) and `writable` can be written; `readable`, the system, and what the programs on `path`, a PATH
    variable, need can be read. Paths that do not exist are left out.
    """
    hidden = _hidden()
    visible = [*toolchain(path), *(place for name in readable for place in _places(name))]
    bound = {place: "--ro-bind" for place in visible if _is_under(place, hidden)}
    bound |= {place: "--bind" for name in (*writable, cwd) for place in _places(name)}
    arguments = ["bwrap", *_ISOLATION, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for folder in hidden:
        arguments += ["--tmpfs", str(folder)]
    if _is_under(_physical(Path.home()), hidden):
        arguments += ["--dir", str(_physical(Path.home()))]
    # Outer ones first, since a mount covers what it contains, and none that an outer one shows already.
    for place in sorted(bound, key=lambda place: len(place.parts)):
        outer = next((bound[parent] for parent in place.parents if parent in bound), None)
        if outer is None or (outer, bound[place]) == ("--ro-bind", "--bind"):
            arguments += [bound[place], str(place), str(place)]
    for name in filter(os.path.isabs, os.environ.get(HIDE_SETTING, "").split(os.pathsep)):
        for place in _places(Path(name)):
            arguments += ["--tmpfs", str(place)] if place.is_dir() else ["--ro-bind", os.devnull, str(place)]
    return [*arguments, "--chdir", str(cwd), "--"]


def toolchain(path: str) -> Iterator[Path]:
    """The folders that the programs on `path`, a PATH variable, and this interpreter need.

    Never a folder that holds a home or anything else of the user's beside the programs.
    """
    own = (f"{prefix}/bin" for prefix in (sys.prefix, sys.base_prefix))
    entries = [Path(name) for name in (*path.split(":"), *own)]
    private = [*_hidden(), Path.home(), _real(Path.home()), Path.home() / ".local"]
    needed = [place for entry in entries if entry.is_absolute() and os.path.isdir(entry) for place in _needs(entry)]
    for folder in (*needed, *(Path.home() / ".local/lib").glob("python3*")):
        if not any(place.is_relative_to(folder) for place in private):
            yield from _places(folder)


def _needs(programs: Path) -> Iterator[Path]:
    """A folder of programs, the installation that it belongs to, and those that its links lead to."""
    yield from _installation(programs)
    settings = programs.parent / "pyvenv.cfg"
    for line in settings.read_text("utf-8", "replace").splitlines() if os.access(settings, os.R_OK) else ():
        key, _, base = line.partition("=")
        if key.strip() == "home" and os.path.isabs(base.strip()):
            yield from _installation(Path(base.strip()))
    # A folder of the system may hold thousands of programs, and what they link to is mostly visible anyway.
    if _is_under(_real(programs), _hidden()) and os.access(programs, os.R_OK | os.X_OK):
        for target in {_real(program).parent for program in programs.iterdir() if program.is_symlink()}:
            yield from _installation(target)


def _installation(programs: Path) -> Iterator[Path]:
    yield programs
    for root in (programs.parent, _real(programs).parent):
        if any(next(root.glob(mark), None) for mark in _ROOT_MARKS):
            yield root


def _hidden() -> list[Path]:
    """The folders to hide that exist, without those inside another."""
    folders = {_real(name) for name in (*_HIDDEN, Path.home()) if os.path.isdir(name)} - {Path("/")}
    return sorted(folder for folder in folders if folders.isdisjoint(folder.parents))


def _is_under(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _places(path: Path) -> Iterator[Path]:
    """Where a path must be bound to be found by its name and by its real name; nothing if it is not there."""
    if os.path.exists(path):
        yield from {_physical(path): None, _real(path): None}


def _physical(path: Path) -> Path:
    """The path with its links resolved, except those inside a hidden folder, which are not there to be followed."""
    for name in (*_HIDDEN, Path.home()):
        if path.is_relative_to(name) and name != Path("/"):
            return _real(name) / path.relative_to(name)
    return _real(path)


def _real(path: str | Path) -> Path:
    """The path with all its links resolved, as far as it may be seen and does not run in circles."""
    return Path(os.path.realpath(path))
