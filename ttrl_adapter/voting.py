"""Asks a policy for many answers to each exercise. Knows no model: any sampler will do."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from agent.policy import Completion
from ttrl_adapter.records import Exercise, Poll


class Sampler(Protocol):
    """The embedded policy, or a served model."""

    def sample(
        self,
        prompt: str,
        *,
        n: int,
        temperature: float = 1.0,
        seed: int = 0,
        first: Sequence[str] | None = None,
        stop: Sequence[str] = (),
        max_tokens: int = 64,
    ) -> list[Completion]:
        """n independent answers, their ends included; temperature 0 is greedy."""


def poll(
    sampler: Sampler,
    exercises: Sequence[Exercise],
    samples: int,
    temperature: float,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
    max_tokens: int = 64,
) -> list[Poll]:
    """What the policy says, `samples` times an exercise."""
    found = []
    for i, exercise in enumerate(exercises):
        answers = sampler.sample(
            exercise.prompt,
            n=samples,
            temperature=temperature,
            seed=seed + i,
            first=exercise.first or None,
            stop=exercise.stop,
            max_tokens=max_tokens,
        )
        said = dict(Counter(answer.text for answer in answers))
        tokens = sum(answer.tokens for answer in answers) / len(answers)
        found.append(Poll(exercise=exercise.id, temperature=temperature, said=said, tokens=tokens))
        progress(i + 1)
    return found
