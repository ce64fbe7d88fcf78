"""Groups of answers for TRL's trainer: sampled, voted on, rewarded, and told of step by step."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from transformers import TrainerCallback

from memory.records import Record
from ttrl_adapter.drawing import Drawing, token_ids
from ttrl_adapter.records import Exercise, Step, TrainJob
from ttrl_adapter.reward import PASSED, Label, coin_rewards, label, rewards, trained_on, understand


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
