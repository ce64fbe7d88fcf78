"""What a policy can do at all, and how often it does it: pass@k of the base and of adapters, after arXiv 2504.13837.

Here is the asking: every answer is kept in `samples.jsonl`, with log-probabilities of some of them under the base and
under the arm itself. passk_tables.py makes the study of it, without a model.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from math import exp
from pathlib import Path
from typing import Literal

from agent.function_view import END
from agent.lora import open_lora
from agent.policy import Policy
from agent.weight_file import shapes_of_model
from evals.run_folder import RunFolder
from evals.ttrl import BASE, asked_again, train_arm
from evals.ttrl_tasks import LearningTask
from memory.records import Record
from ttrl_adapter.records import Ballot, Exercise, Poll
from ttrl_adapter.reward import count_votes
from ttrl_adapter.voting import poll

STUDIED = ("TTRL", "true labels", "random reward", "distilled")
SCORED = 16
"""Answers an exercise whose perplexity is taken."""
TOP_UP = 4
"""An exercise that only an adapter solves is new where the base, asked so many times as often, does not solve it."""

Split = Literal["held-out", "adapted"]


class Surprise(Record):
    """How likely answers are: perplexities, exp of the mean negative log-probability of a token at temperature 1."""

    under_base: tuple[float, ...]
    """One each of the first SCORED answers."""
    under_self: tuple[float, ...]
    right_under_base: float
    """Of the right answer."""


class Studied(Record):
    """What an arm said to one exercise: a line of `samples.jsonl`."""

    seed: int
    arm: str
    split: Split
    poll: Poll
    ballot: Ballot
    surprise: Surprise | None = None
    """None of a top-up."""
    top_up: bool = False


Tell = Callable[[str], None]


def study_seed(
    task: LearningTask,
    arms: Sequence[str],
    seed: int,
    samples: int,
    temperature: float,
    folder: RunFolder,
    training: Path,
    tell: Tell,
) -> None:
    """Train what is not trained, and ask what was not asked."""
    done = {(r.seed, r.arm, r.split, r.top_up, r.poll.exercise) for r in folder.read_records(Studied)}
    base = Policy(task.model)
    for arm in (BASE, *arms):
        policy = base
        if arm != BASE:
            adapter = train_arm(arm, task, training, seed, tell)
            policy = Policy(task.model, open_lora(adapter, shapes_of_model(task.model)))
        for split, exercises in _parts(arm, task):
            tell(f"{arm}: {samples} answers to each of {len(exercises)} {split}")
            for i, exercise in enumerate(exercises):
                if (seed, arm, split, False, exercise.id) not in done:
                    said = poll(policy, [exercise], samples, temperature, 9_000_001 + 10_000 * seed + i)[0]
                    _keep(folder, Studied(
                        seed=seed, arm=arm, split=split, poll=said, ballot=count_votes(said, exercise),
                        surprise=surprise(policy, base, said, exercise),
                    ))  # fmt: skip
    for split, exercises in _parts(BASE, task):
        for i, exercise in enumerate(_to_top_up(folder, seed, split, exercises)):
            if (seed, BASE, split, True, exercise.id) not in done:
                said = poll(base, [exercise], TOP_UP * samples, temperature, 90_000_001 + 10_000 * seed + i)[0]
                ballot = count_votes(said, exercise)
                _keep(folder, Studied(seed=seed, arm=BASE, split=split, poll=said, ballot=ballot, top_up=True))


def _parts(arm: str, task: LearningTask) -> list[tuple[Split, list[Exercise]]]:
    return [("held-out", task.held_out), ("adapted", asked_again(arm, task))]


def read_studied(folder: RunFolder) -> list[Studied]:
    """All that was said, each once."""
    rows = folder.read_records(Studied)
    return list({(r.seed, r.arm, r.split, r.top_up, r.poll.exercise): r for r in rows}.values())


def surprise(policy: Policy, base: Policy, said: Poll, exercise: Exercise) -> Surprise | None:
    """None where no answer came to its end, or no right one is known."""
    texts = list(islice((text.removesuffix(END) for text in said.said if text.endswith(END)), SCORED))
    if not texts or exercise.answer is None:
        return None
    return Surprise(
        under_base=_perplexities(base, exercise.prompt, texts),
        under_self=_perplexities(policy, exercise.prompt, texts),
        right_under_base=_perplexities(base, exercise.prompt, [exercise.answer])[0],
    )


def _perplexities(policy: Policy, prompt: str, texts: Sequence[str]) -> tuple[float, ...]:
    found = zip(policy.logprobs(prompt, texts), texts, strict=True)
    return tuple(exp(-logprob / (policy.count(text) + 1)) for logprob, text in found)


def _to_top_up(folder: RunFolder, seed: int, split: Split, exercises: Sequence[Exercise]) -> list[Exercise]:
    """Those that an adapter solves and the base does not."""
    rows = [r for r in read_studied(folder) if r.seed == seed and r.split == split and not r.top_up]
    unsolved = {r.poll.exercise for r in rows if r.arm == BASE and not r.ballot.right}
    solved = {r.poll.exercise for r in rows if r.arm != BASE and r.ballot.right}
    return [exercise for exercise in exercises if exercise.id in unsolved & solved]


def _keep(folder: RunFolder, row: Studied) -> None:
    with folder.samples() as journal:
        journal.append(row.model_dump(mode="json"))
