"""Trains an adapter: GRPO on what samples agree on, with TRL and PEFT. The only file that knows these libraries.

    python -m ttrl_adapter.train FOLDER

runs the TrainJob in FOLDER in an environment of its own (extra `[ttrl]`, `make ttrl`): round.py starts it. Each step
samples `votes` answers a prompt, votes on them, and trains on `trained` of them. Says each step as a line of
JSON on stdout. Killed and started again, it goes on from its last whole checkpoint and comes to the same adapter: what
is drawn depends on the seed, the step and the exercise, not on what was drawn before.
"""

import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func; trl is pinned to one minor version
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from agent.function_view import END
from memory.records import Record
from ttrl_adapter.records import Exercise, Recipe, Step, TrainJob
from ttrl_adapter.reward import PASSED, Label, coin_rewards, label, rewards, trained_on, understand

EXERCISES, JOB, ADAPTER, STEPS = "exercises.jsonl", "job.json", "adapter", "steps.jsonl"


# --- sampling -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawing:
    """Draws answers from a model as it is now. Equal beginnings are one row of the batch, as in agent/policy.py."""

    model: Any
    tokenizer: Any
    recipe: Recipe

    @torch.no_grad()
    def sample(self, exercises: Sequence[Exercise], seeds: Sequence[str]) -> list[list[list[int]]]:
        """For each exercise `votes` answers as token ids, their ends included, in random order."""
        device = next(self.model.parameters()).device
        generators = [torch.Generator().manual_seed(int(sha256(seed.encode()).hexdigest()[:15], 16)) for seed in seeds]
        allowed = [self.tokenizer.convert_tokens_to_ids(list(exercise.first)) for exercise in exercises]
        ends = [self._ends(exercise) for exercise in exercises]
        cache = DynamicCache(config=self.model.config)
        ids, mask = self._padded([token_ids(self.tokenizer, exercise.prompt) for exercise in exercises], device)
        rows = [Row(number, [], self.recipe.votes) for number in range(len(exercises))]
        done: list[list[list[int]]] = [[] for _ in exercises]
        for step in range(self.recipe.max_tokens):
            places = mask.cumsum(-1)[:, -ids.shape[1] :].sub(1).clamp(min=0)
            logits = self.model(
                input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]  # fmt: skip
            shares = _shares(
                logits, self.recipe.temperature, [allowed[row.exercise] if step == 0 else [] for row in rows]
            )
            kept: list[int] = []
            new: list[Row] = []
            for place, token, number in _draw(shares, rows, generators):
                exercise, answer = rows[place].exercise, [*rows[place].said, token]
                if token in ends[exercise] and (step or token not in allowed[exercise]):
                    done[exercise] += [answer] * number
                else:
                    kept, new = [*kept, place], [*new, Row(exercise, answer, number)]
            rows = new
            if not rows:
                break
            if kept != list(range(len(shares))):
                cache.batch_select_indices(torch.tensor(kept, device=device))
                mask = mask[torch.tensor(kept, device=device)]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], 1)
            ids = torch.tensor([[row.said[-1]] for row in rows], device=device)
        for row in rows:
            done[row.exercise] += [row.said] * row.samples
        orders = [torch.randperm(len(own), generator=g).tolist() for own, g in zip(done, generators, strict=True)]
        return [[own[place] for place in order] for own, order in zip(done, orders, strict=True)]

    def _padded(self, prompts: Sequence[list[int]], device: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The prompts as one batch, filled up on the left, and where they are not filling."""
        longest = max(map(len, prompts))
        ids = torch.zeros(len(prompts), longest, dtype=torch.long, device=device)
        mask = torch.zeros_like(ids)
        for number, prompt in enumerate(prompts):
            ids[number, longest - len(prompt) :] = torch.tensor(prompt, device=device)
            mask[number, longest - len(prompt) :] = 1
        return ids, mask

    def _ends(self, exercise: Exercise) -> set[int]:
        return {id for token in (END, *exercise.stop) if (id := self._id(token)) is not None}

    def _id(self, token: str) -> int | None:
        """None where the model has no such token."""
        found = self.tokenizer.convert_tokens_to_ids(token)
        return None if found is None or found == self.tokenizer.unk_token_id else int(found)


def token_ids(tokenizer: Any, text: str) -> list[int]:
    """Of a prompt that is whole: a chat template has put in what stands at its beginning."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


class Row(NamedTuple):
    """An unfinished answer."""

    exercise: int
    said: list[int]
    samples: int
    """How many samples share it."""


def _shares(logits: torch.Tensor, temperature: float, allowed: Sequence[Sequence[int]]) -> torch.Tensor:
    """(rows, vocabulary) probabilities on the CPU, where drawing is reproducible; of each row only what is allowed, if
    that is anything."""
    logits = logits.float().cpu() / temperature
    for row, tokens in enumerate(allowed):
        if tokens:
            only = torch.full_like(logits[row], -torch.inf)
            only[list(tokens)] = logits[row, list(tokens)]
            logits[row] = only
    return torch.softmax(logits, -1)


def _draw(
    shares: torch.Tensor, rows: Sequence[Row], generators: Sequence[torch.Generator]
) -> Iterator[tuple[int, int, int]]:
    """(row, token, how many of the row's samples drew it); what is drawn for an exercise does not depend on others."""
    for place, row in enumerate(rows):
        drawn = torch.multinomial(shares[place], row.samples, replacement=True, generator=generators[row.exercise])
        numbers: dict[int, int] = {}
        for token in drawn.tolist():
            numbers[token] = numbers.get(token, 0) + 1
        for token, number in numbers.items():
            yield place, token, number


# --- rollouts and rewards -------------------------------------------------------------------------------------------


class Group(NamedTuple):
    """The answers to one prompt, and what they are worth."""

    label: Label
    rewards: list[float]
    is_right: bool | None
    """Whether the label is known to be the right one; None where nothing is known."""


@dataclass
class Rollout:
    """TRL's `rollout_func`: votes on many answers, and gives some of them back with their rewards."""

    exercises: dict[str, Exercise]
    """By prompt."""
    job: TrainJob
    tokenizer: Any
    seen: list["Group"]
    """Of the present step."""

    def __call__(self, prompts: list[str], trainer: Any) -> dict[str, list[Any]]:
        recipe = self.job.recipe
        model = trainer.accelerator.unwrap_model(trainer.model)
        was_training = model.training
        model.eval()
        drawing = Drawing(model, self.tokenizer, recipe)
        out: dict[str, list[Any]] = {"prompt_ids": [], "completion_ids": [], "reward": []}
        self.seen.clear()
        exercises = [self.exercises[prompt] for prompt in prompts[:: recipe.trained]]
        seeds = [f"{recipe.seed} {trainer.state.global_step} {exercise.id}" for exercise in exercises]
        # Side by side they take a fraction of the time, where the memory is there for all.
        size = 1 if recipe.rows else len(exercises)
        batches = [slice(start, start + size) for start in range(0, len(exercises), size)]
        drawn = [answers for part in batches for answers in drawing.sample(exercises[part], seeds[part])]
        for exercise, seed, answers in zip(exercises, seeds, drawn, strict=True):
            prompt = exercise.prompt
            given = self._rewards(exercise, answers, seed)
            chosen = trained_on(given, recipe.trained, recipe.spread)
            out["completion_ids"] += [answers[place] for place in chosen]
            out["prompt_ids"] += [token_ids(self.tokenizer, prompt)] * recipe.trained
            out["reward"] += [given[place] for place in chosen]
        model.train(was_training)
        return {**out, "logprobs": None}  # type: ignore[dict-item]

    def _rewards(self, exercise: Exercise, ids: list[list[int]], seed: str) -> list[float]:
        recipe = self.job.recipe
        known = {tuple(answer): self.tokenizer.decode(answer, skip_special_tokens=False) for answer in ids}
        meant = {answer: understand(text, exercise) for answer, text in known.items()}
        answers = [meant[tuple(answer)] for answer in ids]
        found = label(answers, recipe, self.job.base_votes.get(exercise.id))
        given = coin_rewards(len(answers), seed) if recipe.signal == "random" else rewards(answers, found)
        is_known = found.key is not None and exercise.passed and recipe.signal != "random"
        truth = found.key == PASSED if is_known else None
        self.seen.append(Group(found, given, truth))
        return given


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


class Telling(TrainerCallback):  # type: ignore[misc]
    """Writes each step down and says it; of several processes the first one, about its own prompts."""

    def __init__(self, rollout: Rollout, path: Path) -> None:
        self.rollout, self.path, self.began = rollout, path, time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if not logs or "reward" not in logs:
            return
        seen = self.rollout.seen
        labelled = [group.rewards for group in seen if group.label.key is not None]
        truths = [group.is_right for group in seen if group.is_right is not None]
        step = Step(
            step=state.global_step,
            steps=state.max_steps,
            labelled=len(labelled) / len(seen),
            agreement=sum(group.label.agreement for group in seen) / len(seen),
            reward=sum(map(sum, labelled)) / max(1, sum(map(len, labelled))),
            label_accuracy=sum(truths) / len(truths) if truths else None,
            kl=logs.get("kl"),
            entropy=logs.get("entropy"),
            seconds=time.monotonic() - self.began,
        )
        self.began = time.monotonic()
        if state.is_world_process_zero:
            say(step, self.path)


def say(record: Record, path: Path) -> None:
    line = record.model_dump_json()
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(line, flush=True)  # noqa: T201


# --- training -------------------------------------------------------------------------------------------------------


def train(folder: Path) -> None:
    """Run the job in a folder to its end: `adapter`, complete or not there, and `steps.jsonl`."""
    if (folder / ADAPTER).exists():
        return
    job = TrainJob.model_validate_json((folder / JOB).read_text(encoding="utf-8"))
    exercises = [Exercise.model_validate_json(line) for line in (folder / EXERCISES).read_text().splitlines()]
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
    """The newest whole checkpoint; the state is what the trainer writes last."""
    for path in folder.glob("checkpoint-*"):
        if not (path / "trainer_state.json").exists():
            shutil.rmtree(path)
    whole = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    return str(whole[-1]) if whole else None


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
