"""`sleepwright adapters`: what it prints and how it ends, as a user sees it."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli import sleepwright
from agent.policy import SHIPPED
from agent.workspace import Repository
from memory.errors import UserError
from memory.home import MemoryHome
from memory.records import Verdict
from tests.agent.lora_examples import write_lora
from ttrl_adapter.registry import Registry

Command = Callable[..., str]


@pytest.fixture
def command(repo: Path) -> Command:
    """Runs `sleepwright adapters` and returns what it prints; errors fly."""

    def run(*arguments: str) -> str:
        options = ["adapters", *arguments, "--repo", str(repo)]
        result = CliRunner().invoke(sleepwright, options, catch_exceptions=True)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return run


def as_json(command: Command, *arguments: str) -> Any:
    return json.loads(command(*arguments, "--json"))


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    write_lora(tmp_path / "trained", SHIPPED, rank=2)
    return tmp_path / "trained"


def test_an_adapter_from_its_coming_to_its_going(command: Command, trained: Path) -> None:
    assert command("add", str(trained)).startswith("Added v0001;")
    with pytest.raises(UserError, match="no gate has judged it"):
        command("promote", "v0001")
    assert command("promote", "v0001", "--anyway") == "v0001 is active for embedded.\n"
    assert command("list").startswith("v0001  active")
    with pytest.raises(UserError, match="it is active"):
        command("remove", "v0001")
    assert command("rollback") == "embedded answers without an adapter.\n"
    assert command("remove", "v0001") == "Removed v0001.\n"
    assert as_json(command, "list") == {"adapters": []}


def test_every_command_speaks_json(command: Command, trained: Path) -> None:
    added = as_json(command, "add", str(trained))
    assert (added["id"], added["state"], added["rank"], added["base"]) == ("v0001", "unjudged", 2, "embedded")
    assert as_json(command, "promote", "v0001", "--anyway") == {"base": "embedded", "active": "v0001", "server": None}
    assert [each["state"] for each in as_json(command, "list")["adapters"]] == ["active"]
    shown = as_json(command, "show", "v0001")
    assert [event["action"] for event in shown["history"]] == ["published", "promoted"]
    assert as_json(command, "rollback")["active"] is None
    assert as_json(command, "remove", "v0001") == {"removed": ["v0001"]}


def test_what_the_gate_found_is_shown(command: Command, repo: Path, trained: Path) -> None:
    registry = Registry(MemoryHome.for_repository(Repository.open(repo).common_dir))
    verdict = Verdict(passed=False, reasons=("pass@64 fell.",), against="v0007", numbers={"pass@64 after": 0.25})
    registry.publish(trained, SHIPPED, base="embedded", metrics={"steps": 32}, seed=5, verdict=verdict)
    assert "rejected" in command("list") and "pass@64 fell." in command("list")
    shown = command("show", "v0001")
    for part in ("rejected on", "against v0007", "pass@64 fell.", "pass@64 after", "0.25", "steps", "32", "seed"):
        assert part in shown


def test_times_are_told_as_the_users_clock_shows_them(
    command: Command, repo: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(MemoryHome.for_repository(Repository.open(repo).common_dir))
    verdict = Verdict(passed=False)
    made = registry.publish(trained, SHIPPED, base="embedded", verdict=verdict).record.created_at
    monkeypatch.setenv("TZ", "UTC-9")
    time.tzset()
    try:
        here = f"{made + timedelta(hours=9):%Y-%m-%d %H:}"
        assert here in command("list") and command("show", "v0001").count(here) == 3
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_broken_one_is_listed_and_shown_as_such(command: Command, trained: Path) -> None:
    folder = Path(as_json(command, "add", str(trained))["folder"])
    (folder / "adapter_config.json").unlink()
    for said in (command("list"), command("show", "v0001")):
        assert "broken" in said and "adapter_config.json" in said
    assert as_json(command, "show", "v0001")["state"] == "broken"


def test_a_foreign_one_is_refused(command: Command, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder here"):
        command("add", str(trained), "--base", "Qwen/Qwen3")
    (trained / "adapter_model.safetensors").rename(trained / "adapter_model.bin")
    with pytest.raises(UserError, match="pickle"):
        command("add", str(trained))


def test_nothing_to_roll_back_is_said(command: Command) -> None:
    with pytest.raises(UserError, match="nothing to roll back"):
        command("rollback")
