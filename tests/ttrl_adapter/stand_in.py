"""An environment whose `vllm` is failing_server.py: a process of its own that starts in an instant."""

import shutil
import sys
import venv
from pathlib import Path

_SERVER = """
import signal, sys
from vllm.failing_server import failing_server

with failing_server(int(sys.argv[sys.argv.index("--port") + 1])):
    signal.pause()
"""


def vllm_environment(folder: Path) -> Path:
    """Make it; what `sleepwright serve --vllm` takes."""
    venv.create(folder, symlinks=True, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    package = folder / "lib" / version / "site-packages" / "vllm"
    server = package / "entrypoints" / "openai" / "api_server.py"
    server.parent.mkdir(parents=True)
    server.write_text(_SERVER)
    shutil.copyfile(Path(__file__).parent / "failing_server.py", package / "failing_server.py")
    return folder
