"""ttrl_adapter/swap.py: whatever fails before the switch changes nothing. With a real server: test_serve_vllm.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.adapters import history, hold_active
from memory.errors import UserError
from memory.home import MemoryHome
from tests.agent.lora_examples import write_lora
from tests.agent.test_policy import make_model
from tests.free_ports import free_ports
from tests.ttrl_adapter.failing_server import Answer, FailingServer, failing_server
from ttrl_adapter import swap
from ttrl_adapter.registry import Registry
from ttrl_adapter.swap import Server
from ttrl_adapter.vllm_client import ServerError, VllmClient


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def registry(tmp_path: Path, model: Path) -> Registry:
    """With v0001 to v0003."""
    registry = Registry(MemoryHome.for_repository(tmp_path / "shop" / ".git"))
    for seed in range(3):
        write_lora(tmp_path / "trained", model, seed=seed)
        registry.publish(tmp_path / "trained", model, base=str(model))
    return registry


@pytest.fixture
def state() -> Iterator[FailingServer]:
    with failing_server() as found:
        yield found


@pytest.fixture
def server(state: FailingServer, model: Path) -> Iterator[Server]:
    with VllmClient(state.url, "key", seconds=0.5, load_seconds=0.5) as client:
        yield Server(client, str(model))


def names(registry: Registry, *ids: str) -> set[str]:
    return {f"{registry.home.path.name}-{id}" for id in ids}


def test_the_new_one_answers_before_it_is_active_and_the_old_one_goes_last(
    registry: Registry, state: FailingServer, server: Server
) -> None:
    swap.promote(registry, "v0001", server, anyway=True)
    state.asked.clear()
    swap.promote(registry, "v0002", server, anyway=True)
    (new,), (old,) = names(registry, "v0002"), names(registry, "v0001")
    steps = [asked for asked in state.asked if asked != "models"]
    assert steps == [f"load_lora_adapter {new}", f"completions {new}", f"unload_lora_adapter {old}"]
    assert state.loaded == {new: str(registry.home.adapters / "v0002")}


NONSENSE = {"model": "base", "choices": [{"logprobs": {"tokens": ["a"], "token_logprobs": [-0.5]}}]}
NO_NUMBER = '{"model": "%s", "choices": [{"logprobs": {"tokens": ["a"], "token_logprobs": [NaN]}}]}'
FAILURES = [
    ("load_lora_adapter", Answer(404, {"detail": "Not Found"}), "--enable-lora"),
    ("load_lora_adapter", Answer(500, {"error": {"message": "LoRA rank 32 is greater"}}), "rank 32"),
    ("load_lora_adapter", Answer(404, {"error": {"message": "No adapter found for LoRA"}}), "No adapter found"),
    ("load_lora_adapter", Answer(200, "", 2.0), "did not answer within 0.5 s"),
    ("models", Answer(401, {"error": "Unauthorized"}), "refuses the key"),
    ("models", Answer(200, "<html>"), "does not answer as a vLLM server"),
    ("completions", Answer(200, "", 2.0), "did not answer within 0.5 s"),
    ("completions", Answer(500, {"error": {"message": "EngineDeadError"}}), "EngineDeadError"),
    ("completions", Answer(200, NONSENSE), "nonsense"),
    ("completions", Answer(200, NO_NUMBER), "nonsense"),
    ("completions", Answer(200, {"model": "base", "choices": []}), "does not answer the probe"),
]


@pytest.mark.parametrize(("path", "failure", "reason"), FAILURES)
def test_whatever_fails_before_the_switch_leaves_the_old_one(
    registry: Registry, state: FailingServer, server: Server, path: str, failure: Answer, reason: str
) -> None:
    swap.promote(registry, "v0001", server, anyway=True)
    before = history(registry.home)
    if failure.body == NO_NUMBER:
        failure = failure._replace(body=NO_NUMBER % next(iter(names(registry, "v0002"))))
    state.failures[path] = failure
    with pytest.raises(ServerError, match=reason):
        swap.promote(registry, "v0002", server, anyway=True)
    assert history(registry.home) == before
    assert set(state.loaded) == names(registry, "v0001")
    state.failures.clear()
    swap.promote(registry, "v0002", server, anyway=True)
    assert set(state.loaded) == names(registry, "v0002")


def test_what_fails_after_the_switch_is_done_by_the_next_who_looks(
    registry: Registry, state: FailingServer, server: Server
) -> None:
    swap.promote(registry, "v0001", server, anyway=True)
    state.failures["unload_lora_adapter"] = Answer(500, {})
    swap.promote(registry, "v0002", server, anyway=True)
    assert set(state.loaded) == names(registry, "v0001", "v0002")
    state.failures.clear()
    assert swap.settle(registry, server)
    assert set(state.loaded) == names(registry, "v0002")


def test_a_server_that_was_started_anew_is_given_the_active_one(
    registry: Registry, state: FailingServer, server: Server
) -> None:
    swap.promote(registry, "v0001", server, anyway=True)
    state.loaded.clear()
    assert swap.settle(registry, server)
    assert set(state.loaded) == names(registry, "v0001")


def test_what_others_have_loaded_is_left_alone(registry: Registry, state: FailingServer, server: Server) -> None:
    state.loaded = {"another-0123-v0001": "/elsewhere", "mine": "/there"}
    swap.promote(registry, "v0001", server, anyway=True)
    swap.roll_back(registry, server.base, server)
    assert set(state.loaded) == {"another-0123-v0001", "mine"}


def test_what_a_run_holds_is_unloaded_when_it_has_ended(
    registry: Registry, state: FailingServer, server: Server
) -> None:
    swap.promote(registry, "v0001", server, anyway=True)
    with hold_active(registry.home):
        swap.promote(registry, "v0002", server, anyway=True)
        swap.promote(registry, "v0003", server, anyway=True)
        assert set(state.loaded) == names(registry, "v0001", "v0003")
        assert not swap.settle(registry, server)
    assert swap.settle(registry, server)
    assert set(state.loaded) == names(registry, "v0003")


def test_a_roll_back_to_a_broken_one_changes_nothing(registry: Registry, state: FailingServer, server: Server) -> None:
    for id in ("v0001", "v0002"):
        swap.promote(registry, id, server, anyway=True)
    registry.home.adapters.joinpath("v0001", "adapter_config.json").unlink()
    with pytest.raises(UserError, match="v0001"):
        swap.roll_back(registry, server.base, server)
    active = registry.active(server.base)
    assert active and active.record.id == "v0002" and set(state.loaded) == names(registry, "v0002")


def test_a_removed_one_is_forgotten_by_the_server(registry: Registry, state: FailingServer, server: Server) -> None:
    (name,) = names(registry, "v0003")
    state.loaded[name] = str(registry.home.adapters / "v0003")
    swap.remove(registry, "v0003", server)
    assert state.loaded == {} and not registry.home.adapters.joinpath("v0003").exists()


def test_the_same_name_is_never_loaded_twice(registry: Registry, state: FailingServer, server: Server) -> None:
    for _ in range(2):
        swap.promote(registry, "v0001", server, anyway=True)
    assert len([asked for asked in state.asked if asked.startswith("load_lora")]) == 1


def test_no_server_is_a_clear_error(registry: Registry, model: Path) -> None:
    with VllmClient(f"http://127.0.0.1:{free_ports(1)[0]}/v1", "") as client:
        with pytest.raises(ServerError, match="No server answers at"):
            swap.promote(registry, "v0001", Server(client, str(model)), anyway=True)
    assert registry.active(str(model)) is None


def test_adapters_go_to_no_other_machine() -> None:
    with pytest.raises(ServerError, match="not on it"):
        VllmClient("http://models.example.org/v1", "")
