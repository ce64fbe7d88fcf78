"""Which command runs the tests of a repository, when its user has named none."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.source import FOREIGN

MOST_FOLDERS = 2000


def detect_test_command(root: Path) -> str | None:
    """Return a command for the Python tests in `root`, with an absolute path of the interpreter; None where there are
    no tests or nothing that could run them. Nothing of the repository is run to find out.

    pytest where an interpreter has it: the repository's own, python3 and python on PATH, the one that runs us.
    """
    own = (root.absolute() / venv / "bin" / "python" for venv in (".venv", "venv"))
    found = (path for name in ("python3", "python") if (path := shutil.which(name)))
    pythons = [*(path for path in own if path.exists()), *map(Path, found), Path(sys.executable)]
    return python_test_command(root, pythons)


def python_test_command(root: Path, pythons: Sequence[Path]) -> str | None:
    """Return the command of the first interpreter that has pytest, else for unittest where a test imports it."""
    tests = list(_test_files(root))
    if not tests:
        return None
    for python in pythons:
        # One that lies in the repository may be anything, and is looked at instead of asked.
        is_own = python.is_relative_to(root.absolute())
        if _has_installed_pytest(python) if is_own else _can_import_pytest(python):
            return f"{shlex.quote(str(python))} -m pytest -q"
    if not any(b"unittest" in test.read_bytes() for test in tests):
        return None
    # Discovery enters packages only.
    folder = root / "tests"
    start = " -s tests" if folder.is_dir() and not (folder / "__init__.py").exists() else ""
    return f"{shlex.quote(str(pythons[0]))} -m unittest discover{start}"


def _test_files(root: Path) -> Iterator[Path]:
    for visited, (folder, folders, names) in enumerate(os.walk(root)):
        if visited == MOST_FOLDERS:
            return
        folders[:] = sorted(name for name in folders if name not in FOREIGN)
        for name in sorted(names):
            if name.startswith("test_") and name.endswith(".py") or name.endswith("_test.py"):
                yield Path(folder, name)


def _has_installed_pytest(python: Path) -> bool:
    return any(python.parent.parent.glob("lib/python*/site-packages/pytest"))


def _can_import_pytest(python: Path) -> bool:
    """Asked in isolation, so that neither the current folder nor the environment answers."""
    try:
        return subprocess.run([python, "-I", "-c", "import pytest"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
