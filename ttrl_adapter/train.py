"""Trains an adapter: GRPO on what samples agree on, with TRL and PEFT. The only file that knows these two.

    python -m ttrl_adapter.train FOLDER

runs the TrainJob in FOLDER in an environment of its own (extra `[ttrl]`, `make ttrl`): round.py starts it. Each step
samples `votes` answers a prompt, votes on them, and trains on `trained` of them. Says each step as a line of
JSON on stdout. Killed and started again, it goes on from its last whole checkpoint and comes to the same adapter: what
is drawn depends on the seed, the step and the exercise, not on what was drawn before.
"""

import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func; trl is pinned to one minor version
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
from trl import GRPOConfig, GRPOTrainer

from agent.function_view import END
from ttrl_adapter.drawing import token_ids
from ttrl_adapter.groups import Rollout, Telling, say
from ttrl_adapter.records import Exercise, Recipe, Step, TrainJob
from ttrl_adapter.training import ADAPTER, STEPS, prepared


def given_reward(completions: list[Any], reward: list[float], **_: Any) -> list[float]:
    """TRL's reward function: the rollout has worked it out."""
    return reward


class SharedPrompts(GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer, which reads a prompt once for all the answers to it in a batch, and not once for each: the same
    numbers from a fifth of the tokens where answers are short."""

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, batch_size: int | None = None,
        compute_entropy: bool = False, **given: Any,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        asked, said = input_ids[:, :-logits_to_keep], input_ids[:, -logits_to_keep:]
        prompts, place = torch.unique(asked, dim=0, return_inverse=True)
        first = torch.tensor([int((place == i).nonzero()[0]) for i in range(len(prompts))], device=place.device)
        cache = DynamicCache(config=self.accelerator.unwrap_model(model).config)
        with self.accelerator.autocast():
            mask = attention_mask[first, :-logits_to_keep]
            before = model(
                input_ids=prompts, attention_mask=mask, past_key_values=cache, use_cache=True, logits_to_keep=1
            ).logits
            cache.batch_select_indices(place)
            after = model(input_ids=said, attention_mask=attention_mask, past_key_values=cache, use_cache=True).logits
        logits = torch.cat([before[place], after[:, :-1]], 1).float() / self.temperature
        logprobs = torch.log_softmax(logits, -1)
        chosen = logprobs.gather(-1, said[..., None])[..., 0]
        entropies = -(logprobs.exp() * logprobs).sum(-1).detach() if compute_entropy else None
        return chosen, entropies, None


def train(folder: Path) -> None:
    """Run the job in a folder to its end: `adapter`, complete or not there, and `steps.jsonl`."""
    if (folder / ADAPTER).exists():
        return
    job, exercises = prepared(folder)
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.recipe.seed)
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    # Without a GPU the written-out attention: the fused one takes half as long again on the way back. On one, weights
    # as they were stored: those of the adapter are trained in 32 bits all the same.
    has_gpu = torch.cuda.is_available()
    model = AutoModelForCausalLM.from_pretrained(
        job.model, dtype="auto" if has_gpu else torch.float32, attn_implementation=None if has_gpu else "eager"
    )
    model = (
        distilled(model, tokenizer, exercises, job, folder)
        if job.recipe.signal == "distil"
        else reinforced(model, tokenizer, exercises, job, folder)
    )
    if int(os.environ.get("RANK", "0")) == 0:
        save(model, folder / ADAPTER)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def reinforced(model: Any, tokenizer: Any, exercises: Sequence[Exercise], job: TrainJob, folder: Path) -> Any:
    """GRPO; the adapter that comes of it."""
    recipe = job.recipe
    rollout = Rollout({e.prompt: e for e in exercises}, job, tokenizer, [])
    order = in_batches(exercises, recipe, tokenizer)
    if job.start is not None:
        model = PeftModel.from_pretrained(model, job.start, is_trainable=True)
    trainer = SharedPrompts(
        model=model,
        reward_funcs=given_reward,
        args=config(recipe, job, folder, len(order) // recipe.prompts_per_step),
        train_dataset=Dataset.from_list([{"prompt": exercise.prompt} for exercise in order]),
        processing_class=tokenizer,
        peft_config=None if job.start else lora(recipe),
        rollout_func=rollout,
        callbacks=[],
    )
    if "ref" in trainer.model.peft_config:  # a copy of the adapter that came in: the divergence is from the base
        trainer.model.delete_adapter("ref")
    trainer.add_callback(Telling(rollout, folder / STEPS))
    trainer.train(resume_from_checkpoint=last_checkpoint(folder / "checkpoints"))
    return trainer.accelerator.unwrap_model(trainer.model)


def config(recipe: Recipe, job: TrainJob, folder: Path, steps: int) -> GRPOConfig:
    """What TRL is told. What a process samples for a step is whole groups, so that no vote is split among processes.
    Trained on at once are, on a CPU, all groups of a step, which share the reading of their prompts; on a GPU one
    group, for its memory; or as many answers as the recipe says."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if recipe.prompts_per_step % processes:
        raise SystemExit(f"{recipe.prompts_per_step} prompts a step cannot be shared out among {processes} processes")
    has_gpu = torch.cuda.is_available()
    answers = recipe.trained * recipe.prompts_per_step // processes
    rows = recipe.rows or (recipe.trained if has_gpu else answers)
    if answers % rows:
        raise SystemExit(f"{answers} answers a step cannot be shared out among batches of {rows}")
    return GRPOConfig(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=rows,
        gradient_accumulation_steps=answers // rows,
        num_generations=recipe.trained,
        max_completion_length=recipe.max_tokens,
        temperature=recipe.temperature,
        max_steps=steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        beta=recipe.beta,
        epsilon_high=recipe.epsilon_high,
        loss_type="dr_grpo",
        scale_rewards="group",
        shuffle_dataset=False,  # in_batches has done it, with prompts of one length together
        use_cpu=not has_gpu,
        bf16=has_gpu or _has_fast_bfloat16(),
        gradient_checkpointing=False,
        save_strategy="steps",
        save_steps=job.save_every,
        save_total_limit=2,
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
        max_grad_norm=1.0,
        weight_decay=0.0,
    )


def lora(recipe: Recipe) -> LoraConfig:
    return LoraConfig(
        r=recipe.rank, lora_alpha=2 * recipe.rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def in_batches(exercises: Sequence[Exercise], recipe: Recipe, tokenizer: Any) -> list[Exercise]:
    """The order of training: each epoch in a new order, prompts of about one length together, for less padding."""
    rng = random.Random(recipe.seed)
    size = recipe.prompts_per_step
    steps = max(1, round(recipe.epochs * len(exercises) / size))
    batches: list[list[Exercise]] = []
    while len(batches) < steps:
        pool = rng.sample(list(exercises), len(exercises))
        pool += rng.choices(list(exercises), k=-len(pool) % size)
        pool.sort(key=lambda e: len(token_ids(tokenizer, e.prompt)))
        epoch = [pool[i : i + size] for i in range(0, len(pool), size)]
        batches += rng.sample(epoch, len(epoch))
    return [exercise for batch in batches[:steps] for exercise in batch]


def distilled(model: Any, tokenizer: Any, exercises: Sequence[Exercise], job: TrainJob, folder: Path) -> Any:
    """The known answers learnt by heart: what a better teacher would bring, as a control."""
    recipe = job.recipe
    model = get_peft_model(model, lora(recipe))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=recipe.learning_rate)
    order = in_batches(exercises, recipe, tokenizer)
    size = recipe.prompts_per_step
    steps = len(order) // size
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        began = time.monotonic()
        losses = []
        for exercise in order[step * size : (step + 1) * size]:
            asked = token_ids(tokenizer, exercise.prompt)
            said = token_ids(tokenizer, f"{exercise.answer}{exercise.stop[0] if exercise.form == 'chat' else END}")
            labels = torch.tensor([[-100] * len(asked) + said])
            loss = model(input_ids=torch.tensor([asked + said]), labels=labels).loss
            (loss / size).backward()
            losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        nats = sum(losses) / size
        say(
            Step(
                step=step + 1, steps=steps, labelled=1.0, agreement=1.0, reward=-nats, label_accuracy=1.0,
                seconds=time.monotonic() - began,
            ),
            folder / STEPS,
        )  # fmt: skip
    return model


def save(model: Any, target: Path) -> None:
    """The adapter's folder, whole or not there: weights and config, no pickles and no card."""
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(str(part), safe_serialization=True)
    for path in part.iterdir():
        if path.name not in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    part.rename(target)


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; one that was cut while it was written is deleted."""
    for path in folder.glob("checkpoint-*"):
        if not _is_whole(path):
            shutil.rmtree(path)
    whole = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return str(whole[-1]) if whole else None


def _is_whole(checkpoint: Path) -> bool:
    """The state is what the trainer writes last."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True


def _has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware: elsewhere it would be slower."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def end_with_parent() -> None:
    """Whoever started this holds our stdin open: when it ends, however it ends, so do we."""

    def watch() -> None:
        os.read(0, 1)  # not through sys.stdin, whose lock would be held when the interpreter shuts down
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    if not sys.stdin.isatty() and os.environ.get("SLEEPWRIGHT_TRAIN_CHILD"):
        end_with_parent()
    train(Path(sys.argv[1]))
