"""Every test has a memory home and a git configuration of its own; `repo` is a small real repository."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes no property test fail.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A shell starts background jobs with SIGINT ignored, and children inherit that: some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

GIT_CONFIG = """\
[user]
    name = Tess Tester
    email = tess@example.org
[init]
    defaultBranch = main
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that holds the memory home and the global git configuration of this test."""
    directory = tmp_path_factory.mktemp("surroundings")
    (directory / "gitconfig").write_text(GIT_CONFIG)
    for name in [name for name in os.environ if name.startswith(("GIT_", "OPENAI_", "SLEEPWRIGHT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(directory / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("SLEEPWRIGHT_HOME", str(directory / "home"))
    monkeypatch.setenv("SLEEPWRIGHT_CONFIG", str(directory / "sleep.toml"))
    return directory


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """The root of a clean repository with one commit: calc.py, tests/test_calc.py and README.md."""
    root = tmp_path / "repo"
    (root / "tests").mkdir(parents=True)
    (root / "README.md").write_text("# calc\n")
    (root / "calc.py").write_text("def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n")
    (root / "tests" / "test_calc.py").write_text(
        "from calc import add, double\n\n\ndef test_add():\n    assert add(2, 3) == 5\n\n\n"
        "def test_double():\n    assert double(2) == 4\n"
    )
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root
