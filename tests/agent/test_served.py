"""The whole command with a served model: which one, which key, and what a dead endpoint does."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from agent.cli import sleepwright
from agent.errors import ConfigError, ModelError
from agent.examination import examine
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED
from agent.run import RunOptions, run
from agent.scripted_server import Scripted, ScriptedServer, error
from agent.workspace import Repository
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from memory.serving import Serving, announcing
from tests.agent.lora_examples import write_lora
from ttrl_adapter.registry import Registry

PASSES = f"{sys.executable} -c 'from calc import add; assert add(2, 3) == 5'"
FIX = "calc.py\n```\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```"
WRONG = FIX.replace("a + b", "a * b")


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer([Scripted((WRONG, FIX, WRONG, "No idea.")), Scripted(("No idea.",))])


def options(repo: Path, model: str | None, url: str | None) -> RunOptions:
    return RunOptions(
        "add is wrong",
        repo=repo,
        test_command=PASSES,
        sandbox="none",
        as_json=True,
        model=model,
        base_url=url,
        strategy="single",
    )


def ran(given: RunOptions) -> tuple[int, dict[str, object], str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(given, None, Console(file=out), Console(file=err))
    return code, json.loads(out.getvalue()), err.getvalue()


def test_a_served_model_solves_a_task(repo: Path, server: ScriptedServer) -> None:
    with server:
        code, found, err = ran(options(repo, "scripted", server.url))
    assert (code, found["status"]) == (0, "passed")
    assert "a + b" in str(found["patch"])
    candidates = found["candidates"]
    assert isinstance(candidates, list)
    assert [candidate["abstained"] is None for candidate in candidates] == [True, True, True, False]
    assert "no edit in the answer" in candidates[3]["abstained"]
    assert server.requests[0]["n"] == 4
    assert err.count("sampling") == 1


def test_the_only_model_of_an_endpoint_needs_no_name(repo: Path, server: ScriptedServer) -> None:
    with server:
        ran(options(repo, None, server.url))
    assert server.requests[0]["model"] == "scripted"


def test_one_of_several_models_has_to_be_named(repo: Path) -> None:
    with ScriptedServer(models=["one", "two"]) as server, pytest.raises(ConfigError, match="--model; it has one, two"):
        ran(options(repo, None, server.url))


@pytest.mark.parametrize("is_served", [True, False])
def test_the_adapter_that_is_active_is_asked_and_remembered_where_it_is_served(
    repo: Path, tmp_path: Path, is_served: bool
) -> None:
    home = MemoryHome.for_repository(Repository.open(repo).common_dir)
    registry = Registry(home)
    write_lora(tmp_path / "trained", SHIPPED, rank=1)
    stored = registry.publish(tmp_path / "trained", SHIPPED, base=EMBEDDED)
    registry.promote(stored.record.id, anyway=True)
    cards = [{"id": "base", "max_model_len": 4000}, {"id": "others-v0001", "parent": "base", "max_model_len": None}]
    cards += [{"id": stored.served_name, "parent": "base"}] if is_served else []
    models = Scripted(body=json.dumps({"object": "list", "data": cards}))
    with ScriptedServer([Scripted((FIX,))], models=models) as server:
        ran(options(repo, None, server.url))
    assert server.requests[0]["model"] == (stored.served_name if is_served else "base")
    with ExperienceLog(home.experiences) as log:
        (experience,) = log.latest(1)
    assert experience.adapter == (stored.record.id if is_served else None)


def test_the_key_of_our_own_server_is_known(repo: Path, server: ScriptedServer) -> None:
    home = MemoryHome.for_repository(Repository.open(repo).common_dir)
    with server, announcing(home) as announcement:
        serving = Serving(pid=1, state="ready", url=server.url, key="made-up", base=EMBEDDED, model="scripted")
        announcement.say(serving)
        ran(options(repo, "scripted", server.url))
    assert server.headers[0]["authorization"] == "Bearer made-up"


def test_the_context_that_an_endpoint_tells_is_kept_to(repo: Path) -> None:
    with ScriptedServer([Scripted((FIX,))], context=3000) as server:
        ran(options(repo, "scripted", server.url))
    assert server.requests[0]["max_tokens"] == 1000


@pytest.mark.parametrize(
    ("environment", "header"),
    [
        ({}, None),
        ({"OPENAI_API_KEY": "one"}, "Bearer one"),
        ({"OPENAI_API_KEY": "one", "SLEEPWRIGHT_API_KEY": "two\n"}, "Bearer two"),
    ],
)
def test_the_key_comes_from_the_environment(
    repo: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], header: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with server:
        ran(options(repo, "scripted", server.url))
    assert [headers.get("authorization") for headers in server.headers] == [header] * len(server.headers)


def test_the_key_goes_where_its_environment_says(
    repo: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    with server:
        assert ran(options(repo, "scripted", None))[0] == 0


def test_the_command_takes_model_and_address_from_the_environment(
    repo: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEPWRIGHT_BASE_URL", server.url)
    monkeypatch.setenv("SLEEPWRIGHT_MODEL", "scripted")
    arguments = ["run", "add is wrong", "--repo", str(repo), "--test", PASSES, "--sandbox", "none", "--json"]
    arguments += ["--strategy", "single"]
    with server:
        result = CliRunner().invoke(sleepwright, arguments, standalone_mode=False)
    assert result.return_value == 0
    assert json.loads(result.stdout)["status"] == "passed"


def test_a_dead_endpoint_is_noticed_before_the_work_begins(repo: Path) -> None:
    given = options(repo, "m", "http://127.0.0.1:9/v1")
    with pytest.raises(ModelError, match="is the server running"):
        ran(given)
    assert subprocess.run(["git", "worktree", "list"], cwd=repo, stdout=subprocess.PIPE).stdout.count(b"\n") == 1


def test_a_dead_endpoint_is_exit_code_3_and_one_sentence(repo: Path) -> None:
    command = ["run", "x", "--repo", str(repo), "--model", "m", "--base-url", "http://127.0.0.1:9/v1"]
    done = subprocess.run([sys.executable, "-m", "agent.cli", *command], capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == "Error: http://127.0.0.1:9/v1 refuses connections: is the server running?\n"


def test_an_endpoint_that_dies_during_the_run_is_a_model_error(repo: Path) -> None:
    with ScriptedServer([error(403, "Account closed")]) as server, pytest.raises(ModelError, match="Account closed"):
        ran(options(repo, "scripted", server.url))


@pytest.mark.parametrize(
    ("model", "works", "text"),
    [("scripted", True, "answers, models: scripted"), ("other", True, "'other' is not among its models: scripted")],
)
def test_doctor_asks_a_configured_endpoint(
    repo: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, model: str, works: bool, text: str
) -> None:
    monkeypatch.setenv("SLEEPWRIGHT_BASE_URL", server.url)
    monkeypatch.setenv("SLEEPWRIGHT_MODEL", model)
    with server:
        (finding,) = [finding for finding in examine(repo) if finding.part == "endpoint"]
    assert finding.works == works
    assert text in finding.text


def test_doctor_finds_a_dead_endpoint(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPWRIGHT_BASE_URL", "http://127.0.0.1:9/v1")
    (finding,) = [finding for finding in examine(repo) if finding.part == "endpoint"]
    assert not finding.works
    assert finding.is_needed
    assert "is the server running" in finding.text
