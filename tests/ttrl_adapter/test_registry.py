"""ttrl_adapter/registry.py: published once, one active per base model, and whole after every kill."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import AdapterError
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED
from memory.adapters import active_adapter, history, hold_active
from memory.errors import StoreError, UserError
from memory.file_lock import is_locked
from memory.home import MemoryHome
from memory.records import Verdict
from tests.agent.lora_examples import write_lora
from tests.agent.test_policy import make_model
from ttrl_adapter.registry import Registry
from ttrl_adapter.training_lock import TrainerBusy, training_lock

PASSED = Verdict(passed=True, numbers={"pass@1": 0.5})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def home(tmp_path: Path) -> MemoryHome:
    return MemoryHome.for_repository(tmp_path / "shop" / ".git")


@pytest.fixture
def registry(home: MemoryHome) -> Registry:
    return Registry(home)


def publish(registry: Registry, model: Path, verdict: Verdict | None = PASSED, seed: int = 0) -> str:
    """The id of a new adapter of the model, from a folder that is gone afterwards."""
    source = registry.home.path.parent / "trained"
    write_lora(source, model, seed=seed)
    return registry.publish(source, model, base=str(model), seed=seed, verdict=verdict).record.id


def active(registry: Registry, model: Path) -> str | None:
    stored = registry.active(str(model))
    return stored.record.id if stored else None


def test_a_published_adapter_is_what_was_trained_and_cannot_be_changed(registry: Registry, model: Path) -> None:
    id = publish(registry, model, seed=3)
    stored = registry.get(id)
    assert (id, stored.record.seed, stored.record.verdict, stored.record.rank) == ("v0001", 3, PASSED, 4)
    names = {path.name for path in stored.folder.iterdir()}
    assert names == {"adapter.json", "adapter_config.json", "adapter_model.safetensors"}
    assert all(path.stat().st_mode & 0o777 == 0o400 for path in stored.folder.iterdir())
    trained = registry.home.path.parent / "trained" / "adapter_model.safetensors"
    assert (stored.folder / trained.name).read_bytes() == trained.read_bytes()


def test_nothing_of_a_training_folder_but_the_adapter_is_kept(registry: Registry, model: Path) -> None:
    source = registry.home.path.parent / "trained"
    write_lora(source, model)
    (source / "training_args.bin").write_bytes(b"a pickle")
    stored = registry.publish(source, model, base=str(model))
    assert not (stored.folder / "training_args.bin").exists()


def test_promotions_are_taken_back_one_by_one(registry: Registry, model: Path) -> None:
    ids = [publish(registry, model, seed=seed) for seed in range(3)]
    seen = []
    for id in ids:
        registry.promote(id)
        seen.append(active(registry, model))
    for _ in ids:
        registry.roll_back(str(model))
        seen.append(active(registry, model))
    assert seen == [*ids, ids[1], ids[0], None]
    with pytest.raises(UserError, match="nothing to roll back"):
        registry.roll_back(str(model))
    actions = [event.action for event in history(registry.home)]
    assert actions == ["published"] * 3 + ["promoted"] * 3 + ["rolled-back"] * 3


def test_a_roll_back_after_a_roll_back_and_a_promotion_goes_to_the_one_before(registry: Registry, model: Path) -> None:
    first, second, third = (publish(registry, model, seed=seed) for seed in range(3))
    for id in (first, second):
        registry.promote(id)
    registry.roll_back(str(model))
    registry.promote(third)
    registry.roll_back(str(model))
    assert active(registry, model) == first


def test_promoting_the_active_one_changes_nothing(registry: Registry, model: Path) -> None:
    id = publish(registry, model)
    registry.promote(id)
    before = history(registry.home)
    registry.promote(id)
    assert history(registry.home) == before


def test_each_base_model_has_its_own_active_adapter(registry: Registry, model: Path, tmp_path: Path) -> None:
    other = make_model(tmp_path / "other")
    first, second = publish(registry, model), publish(registry, other)
    registry.promote(first)
    registry.promote(second)
    registry.roll_back(str(other))
    assert (active(registry, model), active(registry, other)) == (first, None)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (None, "no gate has judged it"),
        (Verdict(passed=False, reasons=("pass@64 fell from 52.2 to 40.1.",)), "pass@64 fell"),
        (Verdict(passed=False), "inconclusive"),
    ],
)
def test_only_what_the_gate_passed_is_promoted(
    registry: Registry, model: Path, verdict: Verdict | None, reason: str
) -> None:
    id = publish(registry, model, verdict)
    with pytest.raises(UserError, match=reason):
        registry.promote(id)
    assert active(registry, model) is None
    registry.promote(id, anyway=True)
    assert active(registry, model) == id


def test_states_are_told(registry: Registry, model: Path) -> None:
    for verdict in (PASSED, PASSED, None, Verdict(passed=False), PASSED):
        publish(registry, model, verdict)
    registry.promote("v0001")
    registry.home.adapters.joinpath("v0005", "adapter.json").unlink()
    assert [entry.state for entry in registry.entries()] == ["active", "passed", "unjudged", "rejected", "broken"]


def test_ids_are_never_given_again(registry: Registry, model: Path) -> None:
    publish(registry, model)
    registry.remove(publish(registry, model))
    assert publish(registry, model) == "v0003"


def test_what_is_active_or_used_is_not_removed(registry: Registry, model: Path) -> None:
    first, second = publish(registry, model), publish(registry, model)
    registry.promote(first)
    with pytest.raises(UserError, match="it is active"):
        registry.remove(first)
    with hold_active(registry.home) as held:
        assert [stored.record.id for stored in held] == [first]
        registry.promote(second)
        with pytest.raises(UserError, match="a run is using it"):
            registry.remove(first)
    registry.remove(first)
    assert [entry.id for entry in registry.entries()] == [second]
    registry.roll_back(str(model))
    assert active(registry, model) is None


def test_a_broken_one_can_be_removed(registry: Registry, model: Path) -> None:
    id = publish(registry, model)
    registry.home.adapters.joinpath(id, "adapter.json").unlink()
    registry.remove(id)
    assert registry.entries() == []


@pytest.mark.parametrize("id", ["v0009", "v1", "../v0001", "", "lock"])
def test_an_unknown_adapter_is_named(registry: Registry, model: Path, id: str) -> None:
    publish(registry, model)
    for ask in (registry.get, registry.promote, registry.remove):
        with pytest.raises(UserError, match="There is no adapter"):
            ask(id)


def test_an_adapter_of_another_model_is_refused(registry: Registry, model: Path, tmp_path: Path) -> None:
    write_lora(tmp_path / "trained", model)
    (tmp_path / "trained" / "adapter_config.json").write_text(
        (tmp_path / "trained" / "adapter_config.json").read_text().replace('"r": 4', '"r": 8')
    )
    with pytest.raises(AdapterError, match=str(tmp_path / "trained")):
        registry.publish(tmp_path / "trained", model, base=str(model))
    assert registry.entries() == [] and not list(registry.home.adapters.glob(".*"))


def test_an_adapter_that_leaves_the_embedded_model_no_answer_is_not_promoted(
    registry: Registry, tmp_path: Path
) -> None:
    write_lora(tmp_path / "huge", SHIPPED, alpha=1e308)
    id = registry.publish(tmp_path / "huge", SHIPPED, base=EMBEDDED).record.id
    with pytest.raises(AdapterError, match="so large that the model has no answer"):
        registry.promote(id, anyway=True)
    assert registry.active(EMBEDDED) is None


def test_a_base_model_without_weights_is_named(registry: Registry, model: Path, tmp_path: Path) -> None:
    write_lora(tmp_path / "good", model)
    with pytest.raises(UserError, match="base model in .*empty.* cannot be read"):
        registry.publish(tmp_path / "good", tmp_path / "empty", base="empty")


def test_an_adapter_without_its_record_is_broken(registry: Registry, model: Path) -> None:
    id = publish(registry, model)
    (registry.home.adapters / id / "adapter.json").unlink()
    assert registry.entry(id).state == "broken" and "adapter.json cannot be read" in registry.entry(id).problem


def test_an_adapter_whose_base_model_changed_is_refused(registry: Registry, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    id = publish(registry, model)
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(AdapterError, match="trained on other weights"):
        registry.promote(id)


def test_an_adapter_that_changed_on_disk_is_refused(registry: Registry, model: Path) -> None:
    id = publish(registry, model)
    path = registry.home.adapters / id / "adapter_model.safetensors"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(AdapterError, match="not those that were published"):
        registry.promote(id)


def test_a_newer_history_is_not_misread(registry: Registry, model: Path) -> None:
    publish(registry, model)
    path = registry.home.adapters / "history.jsonl"
    entry = json.loads(path.read_text()) | {"schema_version": 2}
    path.write_text(json.dumps(entry) + "\n")
    with pytest.raises(StoreError, match="newer sleepwright"):
        registry.entries()


def test_many_publish_at_once(registry: Registry, model: Path, tmp_path: Path) -> None:
    write_lora(tmp_path / "trained", model)

    def publish_one(_: int) -> str:
        return registry.publish(tmp_path / "trained", model, base=str(model)).record.id

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(publish_one, range(8)))
    assert sorted(ids) == [f"v{number:04}" for number in range(1, 9)]
    assert [entry.state for entry in registry.entries()] == ["unjudged"] * 8


STEPS = ("copyfile", "open_lora", "hash_weights", "write_text", "chmod", "rename", "append")
PUBLISH = """
import os, signal, sys
from pathlib import Path
source, model, home, step, times = sys.argv[1:]

def kill_at(frame, event, argument):
    global times
    if event == "call" and frame.f_code.co_name == step and "registry" in (frame.f_back.f_code.co_filename or ""):
        times = int(times) - 1
        if times == 0:
            os.kill(os.getpid(), signal.SIGKILL)

from memory.home import MemoryHome
from ttrl_adapter.registry import Registry
sys.setprofile(kill_at)
Registry(MemoryHome(Path(home))).publish(Path(source), Path(model), base=model)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_the_adapter_whole_or_not_at_all(
    registry: Registry, model: Path, tmp_path: Path, step: str
) -> None:
    write_lora(tmp_path / "trained", model)
    times = {"open_lora": 2, "hash_weights": 2}.get(step, 1)
    paths = (str(path) for path in (tmp_path / "trained", model, registry.home.path))
    command = [sys.executable, "-c", PUBLISH, *paths, step, str(times)]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [entry.state for entry in registry.entries()] in ([], ["unjudged"])
    before = [entry.id for entry in registry.entries()]
    assert [*before, publish(registry, model)] == [entry.id for entry in registry.entries()]
    assert not list(registry.home.adapters.glob(".*"))
    published = [event.adapter for event in history(registry.home) if event.action == "published"]
    assert published == [entry.id for entry in registry.entries()]


def test_a_torn_switch_never_happened(registry: Registry, model: Path) -> None:
    first, second = publish(registry, model), publish(registry, model)
    registry.promote(first)
    registry.promote(second)
    path = registry.home.adapters / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-2])
    assert active(registry, model) == first
    registry.promote(second)
    assert active(registry, model) == second


def test_what_is_active_is_read_without_the_registry(registry: Registry, model: Path) -> None:
    assert active_adapter(registry.home, str(model)) is None
    id = publish(registry, model)
    registry.promote(id)
    stored = active_adapter(registry.home, str(model))
    assert stored and stored.record.id == id and stored.served_name == f"{registry.home.path.name}-{id}"


def test_two_trainers_at_once_are_one_and_an_error(home: MemoryHome) -> None:
    assert not is_locked(home.training)
    with training_lock(home):
        assert is_locked(home.training)
        with pytest.raises(TrainerBusy, match=rf"process {os.getpid()}"), training_lock(home):
            pass
    assert not is_locked(home.training)
    with training_lock(home):
        pass


def test_a_killed_trainer_holds_no_lock(home: MemoryHome) -> None:
    program = f"""
import os, signal
from pathlib import Path
from memory.home import MemoryHome
from ttrl_adapter.training_lock import training_lock
with training_lock(MemoryHome(Path({str(home.path)!r}))):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    with training_lock(home):
        pass
