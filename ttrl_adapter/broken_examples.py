"""What pretrain.py learns from: functions, each time with a fresh bug, packed into batches of one shape.

Early in training the answer repeats or repairs many lines: more to learn from each prompt that is read; later there is
one bug and one line. The loss counts the answer fully and the prompt a little.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.utils.data import IterableDataset

from agent.function_view import END, MARKS, SPECIAL_TOKENS, answer, prompt
from ttrl_adapter.bugs import break_function

PIECES = r"\n *| ?_*[A-Za-z]+|_+|\d| ?[^\sA-Za-z0-9_]+| +"
"""Before BPE: a line end with the next line's indentation is one piece, snake_case is split, digits stand alone."""


Stage = Literal["all", "many", "one"]
"""all: repeat every marked line, repaired where it is broken (teaches copying); many: repair several broken lines;
one: the task itself."""


@dataclass(frozen=True)
class Recipe:
    """How it is trained; the defaults are of the shipped weights' first training; training.json tells both."""

    million_tokens: float = 43.0
    """Length of the training, padding included; the schedule follows it, so that it ends at a learning rate of zero."""
    rows: int = 16
    row_tokens: int = 256
    """A batch is rows x row_tokens; several examples share a row and do not see each other."""
    small_until: float = 0.15
    """Share of training with one batch a step; later two."""
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    prompt_weight: float = 0.03
    """Mean loss weight of a prompt token; an answer token counts 1."""
    scored_share: float = 0.375
    """Share of the tokens whose loss is computed, answers first: the output layer is dear."""
    all_until: float = 0.08
    many_until: float = 0.6
    """Shares of training at which the stages `all` and `many` end; before, a fifth of the examples has one bug."""
    seed: int = 0


def train_tokenizer(functions: Sequence[str], vocab_size: int) -> Tokenizer:
    """Byte-level BPE over normal forms. Marks are ordinary added tokens: they must survive decoding; END is special."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(functions, trainer)
    tokenizer.add_special_tokens([AddedToken(END, special=True)])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in SPECIAL_TOKENS if t != END])
    return tokenizer


def make_example(text: str, stage: Stage, rng: random.Random) -> tuple[str, str] | None:
    """Prompt and answer for one function, broken afresh."""
    bug = break_function(text, rng)
    if bug is None:
        return None
    lines, repairs = bug.broken, {bug.line: bug.fixed}
    if stage != "one" and len(bug.fixed) == 1:
        for _ in range(len(lines) // 3):
            more = break_function("\n".join(lines), rng)
            if more and len(more.fixed) == 1 and len(more.broken) == len(lines) and more.line not in repairs:
                lines = more.broken
                repairs[more.line] = more.fixed
            if len(repairs) >= 6:
                break
    bare = ("else:", "try:", "finally:")
    others = [i for i, line in enumerate(lines) if i not in repairs and line.strip() not in bare]
    most = min(len(others), len(MARKS) - len(repairs))
    wanted = most if stage == "all" else rng.choice((0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 9))
    marked = [*repairs, *rng.sample(others, min(most, wanted))]
    order = marked if stage == "all" else list(repairs)
    rng.shuffle(order)
    said = "".join(answer(repairs.get(line, (lines[line],)), lines, marked, line) for line in order)
    return prompt(lines, marked), said + END


class Row(NamedTuple):
    """Token ids of prompt and answer, and how many of them are the prompt."""

    ids: list[int]
    asked: int


class Batch(NamedTuple):
    """One shape for all batches: R rows of T tokens, K of which are scored."""

    tokens: torch.Tensor
    """(R, T) token ids."""
    segments: torch.Tensor
    """(R, T) which example of its row a token belongs to; tokens see their own only."""
    scored: torch.Tensor
    """(K,) positions in the flattened batch whose next token is scored."""
    targets: torch.Tensor
    """(K,) those next tokens."""
    weights: torch.Tensor
    """(K,) loss weights: 1 of an answer token, less of a prompt token, 0 of filling."""


class Examples(IterableDataset[Batch]):
    """Endless packed batches; the function order is shuffled anew each epoch."""

    def __init__(self, functions: Sequence[str], tokenizer: Tokenizer, recipe: Recipe, done: int) -> None:
        self.functions, self.tokenizer, self.recipe, self.done = functions, tokenizer, recipe, done

    def __iter__(self) -> Iterator[Batch]:
        recipe = self.recipe
        seen = self.done
        rng = random.Random(f"{recipe.seed} {seen}")
        pool: list[Row] = []
        while True:
            for text in rng.sample(self.functions, len(self.functions)):
                progress = seen / (1e6 * recipe.million_tokens)
                stage: Stage = (
                    "all" if progress < recipe.all_until else "many" if progress < recipe.many_until else "one"
                )
                made = make_example(text, stage if rng.random() < 0.8 else "one", rng)
                if made is None:
                    continue
                asked, said = (e.ids for e in self.tokenizer.encode_batch(list(made)))
                if len(asked) + len(said) <= recipe.row_tokens:
                    pool.append(Row(asked + said, len(asked)))
                if len(pool) == 1024:
                    packed = pack(pool, recipe.row_tokens)
                    rng.shuffle(packed)
                    pool = [row for rest in packed[len(packed) // recipe.rows * recipe.rows :] for row in rest]
                    for start in range(0, len(packed) - recipe.rows + 1, recipe.rows):
                        seen += recipe.rows * recipe.row_tokens
                        yield batch_of(packed[start : start + recipe.rows], recipe, rng)


def pack(pool: Sequence[Row], room: int) -> list[list[Row]]:
    """Rows of examples, the longest first, each put where it leaves the least room."""
    packed: list[list[Row]] = []
    left: list[int] = []
    for row in sorted(pool, key=lambda row: -len(row.ids)):
        fitting = [i for i, space in enumerate(left) if space >= len(row.ids)]
        if fitting:
            best = min(fitting, key=lambda i: left[i])
            packed[best].append(row)
            left[best] -= len(row.ids)
        else:
            packed.append([row])
            left.append(room - len(row.ids))
    return packed


def batch_of(packed: Sequence[Sequence[Row]], recipe: Recipe, rng: random.Random) -> Batch:
    """The tensors of some packed rows."""
    tokens = torch.zeros(recipe.rows, recipe.row_tokens, dtype=torch.long)
    segments = torch.full((recipe.rows, recipe.row_tokens), -1)
    said: list[int] = []
    asked: list[int] = []
    for r, examples in enumerate(packed):
        start = 0
        for number, row in enumerate(examples):
            end = start + len(row.ids)
            tokens[r, start:end] = torch.tensor(row.ids)
            segments[r, start:end] = number
            offset = r * recipe.row_tokens + start
            asked += range(offset, offset + row.asked - 1)
            said += range(offset + row.asked - 1, offset + len(row.ids) - 1)
            start = end
    most = int(recipe.scored_share * recipe.rows * recipe.row_tokens)
    said = rng.sample(said, min(most, len(said)))
    some = rng.sample(asked, min(most - len(said), len(asked)))
    scored = torch.zeros(most, dtype=torch.long)
    weights = torch.zeros(most)
    scored[: len(said) + len(some)] = torch.tensor(said + some)
    weights[: len(said)] = 1.0
    if some:
        weights[len(said) : len(said) + len(some)] = recipe.prompt_weight * len(asked) / len(some)
    return Batch(tokens, segments, scored, tokens.flatten()[scored + 1], weights)
