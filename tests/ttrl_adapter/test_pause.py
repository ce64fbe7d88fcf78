"""One GPU for two: a server in a process of its own gives way to `sleepwright train`, and comes back."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.model_name import EMBEDDED
from agent.policy import SHIPPED
from agent.workspace import Repository
from memory.file_lock import is_locked
from memory.home import MemoryHome
from memory.serving import Serving, read_serving
from tests.agent.lora_examples import write_lora
from tests.free_ports import free_ports
from tests.ttrl_adapter.stand_in import vllm_environment
from tests.ttrl_adapter.test_cli import PASSED, trained_round
from ttrl_adapter.cli import train
from ttrl_adapter.registry import Registry
from ttrl_adapter.round import VERDICT
from ttrl_adapter.training import PYTHON_SETTING
from ttrl_adapter.vllm_client import VllmClient

# A trainer whose adapter was trained before; as the real one, it ends with who started it. `went` tells that it is
# under way, and what it has found at the port.
TRAINER = """#!{python}
import os, shutil, socket, sys, threading, time
folder = {folder!r}
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
with socket.socket() as one:
    found = one.connect_ex(("127.0.0.1", {port}))
with open(folder + "/went.part", "w") as file:
    file.write("server" if found == 0 else "nobody")
os.rename(folder + "/went.part", folder + "/went")
while os.path.exists(folder + "/hold"):
    time.sleep(0.05)
if os.path.exists(folder + "/fail"):
    sys.exit("out of memory")
shutil.copytree(folder + "/trained", sys.argv[3] + "/adapter")
"""

pytestmark = pytest.mark.timeout(600)


class Place:
    """A repository with a server, and a round that has its exercises."""

    def __init__(self, repo: Path, folder: Path, environment: Path) -> None:
        self.repo, self.folder, self.port = repo, folder, free_ports(1)[0]
        self.home = MemoryHome.for_repository(Repository.open(repo).common_dir)
        options = ["--vllm", str(environment), "--port", str(self.port), "--json", "--repo", str(repo)]
        command = [sys.executable, "-m", "agent.cli", "serve", *options]
        with (folder / "serve.err").open("w") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        trained_round(self.home, PASSED)
        shutil.move(self.home.rounds / "0001" / "training" / "adapter", folder / "trained")
        trainer = folder / "trainer"
        trainer.write_text(TRAINER.format(python=sys.executable, folder=str(folder), port=self.port))
        trainer.chmod(trainer.stat().st_mode | stat.S_IXUSR)

    @property
    def train(self) -> list[str]:
        return ["--once", "--pause-server", "--repo", str(self.repo)]

    def ready(self) -> dict[str, str]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, (self.folder / "serve.err").read_text()
        found: dict[str, str] = json.loads(line)
        return found

    def serving(self) -> Serving:
        found = read_serving(self.home)
        assert found
        return found

    def loaded(self) -> list[str]:
        with VllmClient(self.serving().url, self.serving().key) as client:
            return list(client.loaded())

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            assert self.process.wait(60) == 0
        finally:
            self.process.kill()
            if self.process.stdout:
                self.process.stdout.close()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vllm_environment(tmp_path_factory.mktemp("stand-in") / "env")


@pytest.fixture
def place(repo: Path, tmp_path: Path, environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    place = Place(repo, tmp_path, environment)
    monkeypatch.setenv(PYTHON_SETTING, str(tmp_path / "trainer"))
    try:
        yield place
    finally:
        place.close()


def wait_for(path: Path) -> None:
    wait_until(path.exists)


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_server_is_stopped_while_it_trains_and_comes_back_as_it_was_with_what_is_active_by_then(
    place: Place,
) -> None:
    before = place.ready()
    assert before["adapter"] is None
    done = CliRunner().invoke(train, place.train)
    assert done.exit_code == 0, done.output
    assert (place.folder / "went").read_text() == "nobody"
    assert "v0001 is active" in done.stdout and "stopped while the training runs" in done.stderr
    # The gate judges while the server starts: it may be ready first.
    assert {**place.ready(), "adapter": None} == before
    wait_until(lambda: place.loaded() == [f"{place.home.path.name}-v0001"])


def test_a_server_that_is_to_be_kept_goes_on(place: Place) -> None:
    place.ready()
    done = CliRunner().invoke(train, [*place.train, "--keep-server"])
    assert done.exit_code == 0, done.output
    assert (place.folder / "went").read_text() == "server"
    assert place.serving().state == "ready" and place.loaded() == [f"{place.home.path.name}-v0001"]


def test_where_the_training_fails_the_server_comes_back(place: Place) -> None:
    before = place.ready()
    (place.folder / "fail").touch()
    done = CliRunner().invoke(train, place.train)
    assert "out of memory" in str(done.exception)
    assert place.ready() == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_trainer_the_server_comes_back_and_the_next_call_goes_on(
    place: Place, how: signal.Signals
) -> None:
    before = place.ready()
    (place.folder / "hold").touch()
    command = [sys.executable, "-m", "agent.cli", "train", *place.train]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ}) as trainer:
        wait_for(place.folder / "went")
        assert place.serving().state == "paused"
        trainer.send_signal(how)
        trainer.communicate(timeout=60)
    assert trainer.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert place.ready() == before and not is_locked(place.home.training)
    (place.folder / "hold").unlink()
    assert CliRunner().invoke(train, place.train).exit_code == 0
    place.ready()
    wait_until(lambda: place.loaded() == [f"{place.home.path.name}-v0001"])


def test_a_larger_adapter_than_the_server_was_started_for_is_served_after_the_pause(place: Place) -> None:
    place.ready()
    (place.folder / "hold").touch()
    command = [sys.executable, "-m", "agent.cli", "train", *place.train]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as trainer:
        wait_for(place.folder / "went")
        registry = Registry(place.home)
        write_lora(place.folder / "large", SHIPPED, rank=32, size=0.01)
        registry.promote(registry.publish(place.folder / "large", SHIPPED, base=EMBEDDED).record.id, anyway=True)
        (place.home.rounds / "0001" / VERDICT).write_text('{"passed": false, "reasons": ["no"]}')
        (place.folder / "hold").unlink()
        assert trainer.wait(60) == 1
    assert place.ready()["adapter"] == "v0001"
    children = subprocess.run(
        ["ps", "-ww", "-o", "args=", "--ppid", str(place.process.pid)], capture_output=True, text=True
    )
    assert "--max-lora-rank 32" in children.stdout
