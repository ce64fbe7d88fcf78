"""A real daemon whose sleep is a small real command: `python daemon_process.py SLEEP_SCRIPT`."""

import sys

from sleeptime.control import DaemonFolder
from sleeptime.daemon import run_daemon

if __name__ == "__main__":
    run_daemon(DaemonFolder.open(), lambda root, settings: [sys.executable, sys.argv[1], str(root)], "0.0")
