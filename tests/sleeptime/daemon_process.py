"""A real daemon whose sleep is a small real command: `python daemon_process.py SLEEP_SCRIPT`.

What trains after it is training.py beside that script.
"""

import sys
from pathlib import Path

from sleeptime.control import DaemonFolder
from sleeptime.daemon import run_daemon
from sleeptime.settings import SleepSettings

if __name__ == "__main__":

    def command(root: Path, settings: SleepSettings, with_model: bool) -> list[str]:
        return [sys.executable, sys.argv[1], "with" if with_model else "without"]

    def training(root: Path) -> list[str]:
        return [sys.executable, str(Path(sys.argv[1]).with_name("training.py"))]

    run_daemon(DaemonFolder.open(), command, training, "0.0")
