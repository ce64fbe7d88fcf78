"""The built wheel, in an empty environment, from inside a repository whose folders bear our packages' names."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel, its dependencies and pytest, nothing else."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    run(["git", "clone", "--quiet", str(ROOT), str(source)], place)
    for change in subprocess.run(
        ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.split("\0"):
        if change and (ROOT / change).is_file():
            (source / change).parent.mkdir(parents=True, exist_ok=True)
            (source / change).write_bytes((ROOT / change).read_bytes())
    run([sys.executable, "-m", "build", "--wheel", "--outdir", str(place), str(source)], place)
    wheel = next(place.glob("*.whl"))
    venv.create(place / "venv", with_pip=True)
    commands = place / "venv" / "bin"
    run([str(commands / "pip"), "install", "--quiet", str(wheel), "pytest"], place)
    return commands


@pytest.fixture
def namesakes(tmp_path: Path) -> Path:
    """A repository with a bug and with folders called agent, memory and tests."""
    root = tmp_path / "namesakes"
    for folder in ("agent", "memory", "tests"):
        (root / folder).mkdir(parents=True)
    (root / "agent" / "__init__.py").write_text("raise ImportError('the user\\'s own agent package')\n")
    (root / "memory" / "__init__.py").write_text("")
    (root / "memory" / "counter.py").write_text(
        "def count_up(numbers, limit):\n    found = 0\n    for number in numbers:\n"
        "        if number > limit:\n            found -= 1\n    return found\n"
    )
    (root / "tests" / "test_counter.py").write_text(
        "from memory.counter import count_up\n\n\ndef test_above():\n    assert count_up([1, 5, 7], 3) == 2\n\n\n"
        "def test_none():\n    assert count_up([1], 3) == 0\n"
    )
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "first"]):
        run(["git", *command], root)
    return root


@pytest.mark.timeout(900)
def test_the_installed_command_answers_help_and_runs_a_task(installed: Path, namesakes: Path) -> None:
    command = str(installed / "sleepwright")
    assert "run" in run([command, "--help"], namesakes).stdout
    done = subprocess.run(
        [command, "run", "make the failing test pass", "--json", "--test", f"{installed / 'python'} -m pytest -q"],
        cwd=namesakes,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    assert result["status"] in ("passed", "failed") and len(result["candidates"]) > 0
