"""Draws the answers that vote, from a model as it is now, in torch. What is drawn depends on the seed and the exercise
alone, not on what is drawn beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from agent.function_view import END
from ttrl_adapter.records import Exercise, Recipe


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
