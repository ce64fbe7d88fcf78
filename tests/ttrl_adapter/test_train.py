"""The real trainer, in its own environment, on a model of a few thousand parameters: run by `make test-ttrl`."""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from agent.lora import open_lora
from agent.policy import SHIPPED, Policy
from agent.weight_file import read_weights, shapes_of_model
from tests.ttrl_adapter.chat_model import chat_model
from tests.ttrl_adapter.exercises import area
from ttrl_adapter.chat_form import ChatForm
from ttrl_adapter.pool import self_made
from ttrl_adapter.records import Exercise, Recipe, TrainJob
from ttrl_adapter.training import prepare, run, steps, trainer_python

pytestmark = [pytest.mark.ttrl, pytest.mark.timeout(1200)]
RECIPE = Recipe(votes=8, trained=4, prompts_per_step=2, epochs=1.0, learning_rate=2e-3, max_tokens=12, seed=1)
FUNCTIONS = [f"def f{i}(a, b):\n    if a > b + {i}:\n        return a - b\n    return a * {i}" for i in range(8)]


def exercises() -> list[Exercise]:

    return [area(), *self_made(FUNCTIONS, random.Random(0))][:8]


def job(**changes: object) -> TrainJob:
    recipe = RECIPE.model_copy(update=changes)
    return TrainJob(model=str(SHIPPED), recipe=recipe, base_votes={}, save_every=1)


def weights(adapter: Path) -> dict[str, np.ndarray]:
    return read_weights(adapter / "adapter_model.safetensors")


def same(first: Path, second: Path) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    prepare(folder, job(), exercises())
    run(folder)
    return folder


def test_it_leaves_an_adapter_that_peft_transformers_and_the_numpy_engine_read_alike(trained: Path) -> None:
    adapter = trained / "adapter"
    assert sorted(path.name for path in adapter.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    lora = open_lora(adapter, shapes_of_model(SHIPPED))
    assert lora.rank == 16
    prompt, answer = area().prompt, area().answer or ""
    with_adapter, base = (p.logprobs(prompt, [answer])[0] for p in (Policy(SHIPPED, lora), Policy()))
    program = f"""
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(SHIPPED)!r})
base = AutoModelForCausalLM.from_pretrained({str(SHIPPED)!r}, dtype=torch.float32)
model = PeftModel.from_pretrained(base, {str(adapter)!r})
asked, said = (tokenizer(text)["input_ids"] for text in ({prompt!r}, {answer + "<|end|>"!r}))
logits = model(torch.tensor([asked + said])).logits[0, len(asked) - 1 : -1].float()
print(torch.log_softmax(logits, -1)[range(len(said)), said].sum().item())
"""
    theirs = float(subprocess.run([trainer_python(), "-c", program], capture_output=True, text=True, check=True).stdout)
    assert theirs == pytest.approx(with_adapter, abs=1e-3)
    assert with_adapter != pytest.approx(base, abs=1e-3)


def test_every_step_is_said(trained: Path) -> None:
    assert [(step.step, step.steps) for step in steps(trained)] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_killed_in_the_middle_it_comes_to_the_same_adapter(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    prepare(folder, job(), exercises())
    program = f"from pathlib import Path; from ttrl_adapter.training import run; run(Path({str(folder)!r}))"
    with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2]) as starter:
        while len(steps(folder)) < 2:
            assert starter.poll() is None
            time.sleep(0.1)
        starter.kill()
    assert not (folder / "adapter").exists()
    wait_until_nobody_trains(folder)
    run(folder)
    assert same(folder / "adapter", trained / "adapter")


def wait_until_nobody_trains(folder: Path) -> None:
    """Its trainer ends with the one who started it."""
    for _ in range(600):
        if str(folder).encode() not in subprocess.run(["ps", "-eo", "args"], capture_output=True).stdout:
            return
        time.sleep(0.1)
    raise AssertionError("the trainer outlived the one who started it")


def test_a_half_written_checkpoint_is_passed_over(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "torn"
    shutil.copytree(trained, folder)
    shutil.rmtree(folder / "adapter")
    (folder / "checkpoints" / "checkpoint-3").mkdir(parents=True)
    (folder / "checkpoints" / "checkpoint-4").mkdir()
    (folder / "checkpoints" / "checkpoint-4" / "trainer_state.json").touch()
    run(folder)
    assert same(folder / "adapter", trained / "adapter")


def test_continuing_measures_the_divergence_from_the_base_and_not_from_what_came_in(
    trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "continued"
    start = job().model_copy(update={"start": str(trained / "adapter")})
    prepare(folder, start, exercises())
    run(folder)
    assert sorted(path.name for path in (folder / "adapter").iterdir())[0] == "adapter_config.json"
    assert not (folder / "adapter" / "ref").exists()
    first = steps(folder)[0].kl
    assert first is not None and first > 0  # a copy of what came in would give 0


def test_a_chat_model_is_trained_in_batches_smaller_than_a_group_to_the_same_adapter(tmp_path: Path) -> None:
    folder = chat_model(tmp_path / "model")
    form = ChatForm(folder, Tokenizer.from_file(str(folder / "tokenizer.json")))
    asked = [own for exercise in exercises() if (own := form.exercise(exercise))]
    changes = []
    for rows in (None, 2):
        one = job(signal="random", epochs=0.25, rows=rows).model_copy(update={"model": str(folder)})
        prepare(tmp_path / f"{rows}", one, asked)
        run(tmp_path / f"{rows}")
        found = weights(tmp_path / f"{rows}" / "adapter")
        changes.append(np.concatenate([found[name].ravel() for name in sorted(found) if ".lora_B." in name]))
    together, apart = changes
    assert together @ apart / (np.linalg.norm(together) * np.linalg.norm(apart)) > 0.98


COMPARE = """
import sys
from pathlib import Path
import torch
from trl import GRPOTrainer
from ttrl_adapter import train
from ttrl_adapter.records import TrainJob

ours = train.SharedPrompts._get_per_token_logps_and_entropies
worst = []

def both(self, model, ids, mask, keep, **given):
    shared = ours(self, model, ids, mask, keep, compute_entropy=True)
    with torch.no_grad():
        plain = GRPOTrainer._get_per_token_logps_and_entropies(self, model, ids, mask, keep, compute_entropy=True)
    said = mask[:, -keep:].bool()
    worst.extend(float((a - b)[said].detach().abs().max()) for a, b in zip(shared[:2], plain[:2]))
    return shared

train.SharedPrompts._get_per_token_logps_and_entropies = both
train._has_fast_bfloat16 = lambda: False
train.train(Path(sys.argv[1]))
print(max(worst))
"""


def test_reading_a_prompt_once_for_all_its_answers_gives_the_numbers_of_trl(tmp_path: Path) -> None:
    prepare(tmp_path, job(epochs=0.5), exercises())
    command = [trainer_python(), "-c", COMPARE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) < 1e-4
