"""The process of a server: what it is started with, and that all of it ends."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.free_ports import free_ports
from ttrl_adapter.vllm_client import ServerError
from ttrl_adapter.vllm_process import Launch, VllmProcess

# Ends at once, and leaves a child in its group that is gone a moment later.
LEAVES_A_CHILD = "#!/bin/sh\nsleep 0.5 &\n"


def launch(python: Path) -> Launch:
    return Launch(python=python, model="m", name="m", port=free_ports(1)[0], key="k", rank=16)


def test_the_server_takes_nothing_of_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ctypes.py", "vllm/entrypoints/openai/api_server.py", "vllm/entrypoints/cli/main.py"):
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / module).write_text("open('taken', 'w')\n")
    monkeypatch.chdir(tmp_path)
    with VllmProcess(launch(Path(sys.executable)), tmp_path / "log") as process:
        with pytest.raises(ServerError, match="vLLM ended before it was ready"):
            process.wait_until_ready(lambda: False, 60)
    assert not Path("taken").exists()


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="needs Linux")
def test_a_process_whose_name_is_no_text_does_not_keep_a_server_from_ending(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text(LEAVES_A_CHILD)
    script.chmod(0o700)
    name = "open('/proc/self/comm', 'wb').write(b'\\xff'); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as odd:
        assert odd.stdout and odd.stdout.readline()
        with VllmProcess(launch(script), tmp_path / "log") as process:
            while process.is_running:
                time.sleep(0.01)
        odd.kill()
