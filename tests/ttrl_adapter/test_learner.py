"""Which model learns, and what is said where it and its server do not fit. With a real server: test_serve_vllm.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.errors import ConfigError
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED
from memory.home import MemoryHome
from memory.serving import Serving, announcing
from tests.agent.lora_examples import write_lora
from tests.ttrl_adapter.chat_model import chat_model
from tests.ttrl_adapter.exercises import area
from tests.ttrl_adapter.failing_server import Answer, FailingServer, failing_server
from ttrl_adapter.cli import train
from ttrl_adapter.learner import CHAT_RECIPE, embedded, served
from ttrl_adapter.vllm_client import ServerError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_model(tmp_path_factory.mktemp("model") / "chat")


@pytest.fixture
def home(tmp_path: Path) -> MemoryHome:
    return MemoryHome.for_repository(tmp_path / "shop" / ".git")


@pytest.fixture
def state(model: Path) -> Iterator[FailingServer]:
    """A server that was started with the model's folder."""
    with failing_server() as found:
        found.root = str(model)
        yield found


def test_a_chat_model_is_asked_in_its_own_form_and_trained_gently(
    model: Path, home: MemoryHome, state: FailingServer
) -> None:
    with served(str(model), state.url, home) as learner:
        asked = learner.phrase(area())
        assert asked and asked.form == "chat"
        assert (learner.base, learner.folder, learner.recipe) == (str(model), model, CHAT_RECIPE)
        assert learner.server and learner.server.base == learner.base
        assert learner.rounds(home).parent == home.rounds != learner.rounds(home)


def test_the_embedded_model_at_a_server_is_the_embedded_model(home: MemoryHome, state: FailingServer) -> None:
    state.root = str(SHIPPED)
    with served(str(SHIPPED), state.url, home) as learner:
        assert learner.base == EMBEDDED and learner.phrase(area()) == area()
        assert learner.rounds(home) == home.rounds == embedded().rounds(home)


def test_an_adapter_under_trial_is_loaded_under_a_name_of_its_weights_and_forgotten(
    model: Path, home: MemoryHome, state: FailingServer, tmp_path: Path
) -> None:
    write_lora(tmp_path / "trained", model)
    with served(str(model), state.url, home) as learner:
        with learner.policies.adapted(tmp_path / "trained"):
            (name,) = state.loaded
            assert name.startswith(f"{home.path.name}-trial-")
        assert not state.loaded
        state.failures["completions"] = Answer(500, {"error": {"message": "no"}})
        with pytest.raises(ServerError), learner.policies.adapted(tmp_path / "trained"):
            pass
        assert not state.loaded


def test_a_server_with_another_model_is_refused(model: Path, home: MemoryHome, state: FailingServer) -> None:
    state.root = "/somewhere/else"
    with pytest.raises(ConfigError, match="serves 'base', not"), served(str(model), state.url, home):
        pass


def test_our_own_server_of_another_model_is_refused(model: Path, home: MemoryHome, state: FailingServer) -> None:
    serving = Serving(pid=1, state="ready", url=state.url, key="k", base=EMBEDDED, model="base")
    with announcing(home) as announcement:
        announcement.say(serving)
        with pytest.raises(ConfigError, match="serves 'embedded'"), served(str(model), state.url, home):
            pass
        announcement.say(serving.model_copy(update={"base": str(model)}))
        with served(str(model), state.url, home) as learner:
            assert learner.server is None


def test_a_folder_that_holds_no_model_is_named(home: MemoryHome, tmp_path: Path, state: FailingServer) -> None:
    with pytest.raises(ConfigError, match="no config.json"), served(str(tmp_path), state.url, home):
        pass
    with pytest.raises(ConfigError, match="no folder './nowhere'"), served("./nowhere", state.url, home):
        pass


def test_model_and_address_come_together(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPWRIGHT_TTRL_PYTHON", "/bin/true")
    done = CliRunner().invoke(train, ["--once", "--repo", str(repo), "--model", "x"])
    assert isinstance(done.exception, ConfigError) and "--base-url" in str(done.exception)
