"""A real daemon whose sleep is a small real command: `python daemon_process.py SLEEP_SCRIPT`."""

import sys
from pathlib import Path

from sleeptime.control import DaemonFolder
from sleeptime.daemon import run_daemon
from sleeptime.settings import SleepSettings

if __name__ == "__main__":

    def command(root: Path, settings: SleepSettings, with_model: bool) -> list[str]:
        return [sys.executable, sys.argv[1], "with" if with_model else "without"]

    run_daemon(DaemonFolder.open(), command, "0.0")
