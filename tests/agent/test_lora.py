"""agent/lora.py: what an adapter must be, and that it is merged as PEFT defines it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import load_file, save_file

from agent.embedded import EmbeddedProposer
from agent.errors import AdapterError
from agent.lora import Lora, open_lora
from agent.policy import SHIPPED, Policy
from agent.run import RunOptions, run
from agent.weight_file import hash_weights, read_weights, shapes_of_model
from agent.workspace import Repository
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from tests.agent.lora_examples import write_lora
from tests.agent.test_policy import make_model
from ttrl_adapter.registry import Registry


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny")


def opened(folder: Path, model: Path) -> Lora:
    return open_lora(folder, shapes_of_model(model))


@pytest.mark.parametrize("is_rank_stabilised", [False, True])
def test_merging_adds_the_product_times_the_scale(model: Path, tmp_path: Path, is_rank_stabilised: bool) -> None:
    tensors = write_lora(tmp_path / "lora", model, rank=4, alpha=8, use_rslora=is_rank_stabilised)
    before = read_weights(model / "model.safetensors")
    after = dict(before)
    opened(tmp_path / "lora", model).merge(after)
    scale = 8 / 2 if is_rank_stabilised else 8 / 4
    for name in before:
        matrix = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{matrix}.lora_A.weight" in tensors:
            change = tensors[f"{matrix}.lora_B.weight"] @ tensors[f"{matrix}.lora_A.weight"] * scale
            assert np.allclose(after[name], before[name] + change, atol=1e-5) and not np.allclose(change, 0)
        else:
            assert np.array_equal(after[name], before[name])


def test_a_policy_with_a_merged_adapter_answers_as_one_of_the_merged_weights(model: Path, tmp_path: Path) -> None:
    lora = (write_lora(tmp_path / "lora", model, size=1.0), opened(tmp_path / "lora", model))[1]
    merged = read_weights(model / "model.safetensors")
    lora.merge(merged)
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((model / name).read_bytes())
    save_file(merged, tmp_path / "model.safetensors")
    policies = Policy(model, lora), Policy(tmp_path), Policy(model)
    found, expected, base = (policy.sample("a b c", n=20) for policy in policies)
    assert found == expected != base


def test_a_half_precision_adapter_is_read(model: Path, tmp_path: Path) -> None:
    tensors = write_lora(tmp_path / "lora", model)
    save_file({k: v.astype(np.float16) for k, v in tensors.items()}, tmp_path / "lora" / "adapter_model.safetensors")
    updates = list(opened(tmp_path / "lora", model).updates())
    assert len(updates) == len(tensors) / 2
    assert np.allclose(updates[0].down, next(t for n, t in tensors.items() if "lora_A" in n), atol=1e-3)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"peft_type": "IA3"}, "not one of a LoRA adapter"),
        ({"r": 65}, "its rank is 65, the most is 64"),
        ({"r": 0}, "its rank is 0"),
        ({"r": "4"}, "its rank is '4'"),
        ({"r": 5}, "has the shape"),
        ({"lora_alpha": None}, "lora_alpha"),
        ({"lora_alpha": float("nan")}, "lora_alpha"),
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"bias": "all"}, "biases"),
        ({"init_lora_weights": "pissa"}, "'pissa'"),
    ],
)
def test_what_the_engines_do_not_take_is_refused(
    model: Path, tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    write_lora(tmp_path, model, **changed)
    with pytest.raises(AdapterError, match=reason):
        opened(tmp_path, model)


def without_a_side(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor for name, tensor in tensors.items() if "layers.0.self_attn.q_proj.lora_B" not in name}


def of_a_wider_model(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: np.concatenate([t, t], 1) if "lora_A" in name else t for name, t in tensors.items()}


def of_a_deeper_model(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("layers.1.", "layers.9."): tensor for name, tensor in tensors.items()}


def of_whole_numbers(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.astype(np.int32) for name, tensor in tensors.items()}


def with_more_in_it(tensors: dict[str, Any]) -> dict[str, Any]:
    return {**tensors, "ballast": np.zeros(1_000_000, np.float32)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_a_side, "has a lora_A and no lora_B"),
        (of_a_wider_model, "the base model wants"),
        (of_a_deeper_model, "no matrix of the base model"),
        (of_whole_numbers, "of the kind I32"),
        (with_more_in_it, "'ballast', which is no matrix"),
        (lambda tensors: {}, "changes nothing"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(model: Path, tmp_path: Path, change: Any, reason: str) -> None:
    tensors = write_lora(tmp_path, model)
    save_file(change(tensors), tmp_path / "adapter_model.safetensors")
    with pytest.raises(AdapterError, match=reason):
        opened(tmp_path, model)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(model: Path, tmp_path: Path, value: float) -> None:
    write_lora(tmp_path, model)
    path = tmp_path / "adapter_model.safetensors"
    tensors = load_file(path)
    tensors[max(tensors)][0, 0] = value
    save_file(tensors, path)
    with pytest.raises(AdapterError, match="no numbers"):
        list(opened(tmp_path, model).updates())


def test_changes_that_leave_no_answer_are_refused(model: Path, tmp_path: Path) -> None:
    write_lora(tmp_path / "huge", model, alpha=1e308)
    with pytest.raises(AdapterError, match="no answer left"):
        Policy(model, open_lora(tmp_path / "huge", shapes_of_model(model)))


@pytest.mark.parametrize("content", [b"", b"garbage" * 9, b"\xff" * 64])
def test_a_file_that_is_not_safetensors_is_refused(model: Path, tmp_path: Path, content: bytes) -> None:
    write_lora(tmp_path, model)
    (tmp_path / "adapter_model.safetensors").write_bytes(content)
    with pytest.raises(AdapterError, match="adapter_model.safetensors cannot be read"):
        opened(tmp_path, model)


@pytest.mark.parametrize("cut", [-1, 1000])
def test_a_file_that_was_cut_or_has_a_tail_is_refused(model: Path, tmp_path: Path, cut: int) -> None:
    write_lora(tmp_path, model)
    path = tmp_path / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:cut] if cut < 0 else path.read_bytes() + bytes(cut))
    with pytest.raises(AdapterError, match="cannot be read"):
        opened(tmp_path, model)


def test_a_pickle_is_never_opened(model: Path, tmp_path: Path) -> None:
    write_lora(tmp_path, model)
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    with pytest.raises(AdapterError, match="pickle, which can run code"):
        opened(tmp_path, model)


@pytest.mark.parametrize("content", [None, "", "[1]", "{", json.dumps({"r": 4})])
def test_a_broken_configuration_is_refused(model: Path, tmp_path: Path, content: str | None) -> None:
    write_lora(tmp_path, model)
    path = tmp_path / "adapter_config.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(AdapterError, match="adapter_config.json"):
        opened(tmp_path, model)


def test_the_hash_of_weights_tells_them_apart(model: Path, tmp_path: Path) -> None:
    write_lora(tmp_path / "a", model, seed=1)
    write_lora(tmp_path / "b", model, seed=1)
    write_lora(tmp_path / "c", model, seed=2)
    first, second, third = (hash_weights(tmp_path / name) for name in "abc")
    assert first == second != third


@pytest.fixture
def home(tmp_path: Path) -> MemoryHome:
    return MemoryHome.for_repository(tmp_path / "repository" / ".git")


def promoted(home: MemoryHome, tmp_path: Path) -> str:
    write_lora(tmp_path / "trained", SHIPPED, rank=2)
    registry = Registry(home)
    id = registry.publish(tmp_path / "trained", SHIPPED, base="embedded").record.id
    registry.promote(id, anyway=True)
    return id


def test_the_embedded_model_answers_with_what_is_active(home: MemoryHome, tmp_path: Path) -> None:
    notices: list[str] = []
    assert EmbeddedProposer.of_home(home, notices.append).adapter is None
    id = promoted(home, tmp_path)
    proposer = EmbeddedProposer.of_home(home, notices.append)
    assert (proposer.adapter, notices) == (id, [])
    lora = opened(tmp_path / "trained", SHIPPED)
    assert proposer._policy.sample("a", n=5) == Policy(SHIPPED, lora).sample("a", n=5) != Policy().sample("a", n=5)


def damaged(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter.json", "adapter_config.json"])
@pytest.mark.parametrize("damage", [damaged, Path.unlink])
def test_a_damaged_active_adapter_is_told_and_left_out(
    home: MemoryHome, tmp_path: Path, name: str, damage: Any
) -> None:
    id = promoted(home, tmp_path)
    damage(home.adapters / id / name)
    notices: list[str] = []
    proposer = EmbeddedProposer.of_home(home, notices.append)
    assert proposer.adapter is None and len(notices) == 1 and id in notices[0]
    assert proposer._policy.sample("a", n=5) == Policy().sample("a", n=5)


def test_a_damaged_history_is_told_and_left_out(home: MemoryHome, tmp_path: Path) -> None:
    promoted(home, tmp_path)
    path = home.adapters / "history.jsonl"
    path.write_bytes(b"{}\n" + path.read_bytes())
    notices: list[str] = []
    assert EmbeddedProposer.of_home(home, notices.append).adapter is None
    assert "history" in notices[0]


def test_a_run_of_the_embedded_model_remembers_its_adapter(repo: Path, tmp_path: Path) -> None:
    home = MemoryHome.for_repository(Repository.open(repo).common_dir)
    id = promoted(home, tmp_path)
    given = RunOptions("add is wrong", repo=repo, test_command="", candidates=1, sandbox="none", as_json=True)
    run(given, None, Console(file=io.StringIO()), Console(file=io.StringIO()))
    with ExperienceLog(home.experiences) as log:
        (experience,) = log.latest(1)
    assert (experience.model, experience.adapter) == ("embedded", id)
