"""The demo's command line, as far as it goes without a model."""

import subprocess
import sys
from pathlib import Path


def test_a_directory_of_someone_else_is_refused_with_exit_code_2(repo: Path) -> None:
    run = subprocess.run([sys.executable, "-m", "agent.cli", "demo", str(repo)], capture_output=True, text=True)

    assert run.returncode == 2
    assert "no earlier demo" in run.stderr
    assert "Traceback" not in run.stderr
