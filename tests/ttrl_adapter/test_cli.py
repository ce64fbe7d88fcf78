"""`sleepwright train`, from a round whose training is done."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.model_name import EMBEDDED
from agent.policy import SHIPPED
from agent.workspace import Repository
from memory.adapters import active_adapter
from memory.errors import UserError
from memory.home import MemoryHome
from memory.records import Verdict
from tests.agent.lora_examples import write_lora
from tests.ttrl_adapter.exercises import area, text_exercise
from ttrl_adapter.cli import train
from ttrl_adapter.records import Exercise
from ttrl_adapter.registry import Registry
from ttrl_adapter.round import CANARIES, CHOSEN, DONE, VERDICT, Chosen
from ttrl_adapter.training import PYTHON_SETTING
from ttrl_adapter.training_lock import TrainerBusy, training_lock

PASSED = Verdict(passed=True, numbers={"canaries": 16, "pass@1 before": 0.1, "pass@1 after": 0.2})
REJECTED = Verdict(passed=False, reasons=("pass@32 fell",))


@pytest.fixture
def home(repo: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryHome:
    monkeypatch.setenv(PYTHON_SETTING, sys.executable)
    return MemoryHome.for_repository(Repository.open(repo).common_dir)


def trained_round(home: MemoryHome, verdict: Verdict) -> Path:
    """As it is when the process was killed before it published."""
    folder = home.rounds / "0001"
    write_lora(folder / "training" / "adapter", SHIPPED, rank=16, size=0.01)
    (folder / CHOSEN).write_text(chosen([area(), *(text_exercise(id=str(i)) for i in range(16))]))
    (folder / CANARIES).write_text(chosen([text_exercise(id=str(i)) for i in range(16)]))
    (folder / VERDICT).write_text(verdict.model_dump_json())
    return folder


def chosen(exercises: list[Exercise]) -> str:
    return Chosen(exercises=tuple(exercises), base_votes={}, asked=0, replayed=0).model_dump_json()


def invoke(repo: Path, *options: str) -> Result:
    return CliRunner().invoke(train, ["--once", "--repo", str(repo), *options])


def test_what_the_gate_let_pass_is_published_with_its_verdict_and_active(repo: Path, home: MemoryHome) -> None:
    folder = trained_round(home, PASSED)
    done = invoke(repo)
    assert done.exit_code == 0 and "v0001 is active: pass@1 on 16 canaries 10.0% → 20.0%" in done.stdout
    active = active_adapter(home, EMBEDDED)
    assert active and active.record.verdict == PASSED and active.record.data_hash
    assert json.loads((folder / DONE).read_text()) == {"published": "v0001"}


def test_what_the_gate_rejected_is_kept_and_not_active(repo: Path, home: MemoryHome) -> None:
    trained_round(home, REJECTED)
    done = invoke(repo, "--json")
    said = json.loads(done.stdout)
    assert (said["adapter"], said["promoted"], said["verdict"]["reasons"]) == ("v0001", False, ["pass@32 fell"])
    assert active_adapter(home, EMBEDDED) is None


def test_a_round_that_was_killed_after_it_published_does_not_publish_again(repo: Path, home: MemoryHome) -> None:
    folder = trained_round(home, PASSED)
    invoke(repo)
    (folder / DONE).unlink()
    assert invoke(repo).exit_code == 0
    assert [entry.id for entry in Registry(home).entries()] == ["v0001"]


def test_two_do_not_train_at_once(repo: Path, home: MemoryHome) -> None:
    trained_round(home, PASSED)
    with training_lock(home):
        done = invoke(repo)
    assert isinstance(done.exception, TrainerBusy) and not Registry(home).entries()


def test_without_a_trainer_it_says_what_to_install(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_SETTING, "/nowhere/python")
    done = invoke(repo)
    assert isinstance(done.exception, UserError) and "/nowhere/python" in str(done.exception)


def test_a_repository_that_is_too_small_trains_nothing_and_the_next_call_begins_anew(
    repo: Path, home: MemoryHome
) -> None:
    first, second = invoke(repo), invoke(repo)
    assert "round 1: nothing is promoted" in first.stdout and "too small" in first.stdout
    assert "round 2: nothing is promoted" in second.stdout
