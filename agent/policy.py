"""The embedded policy: a small Llama that is asked for many answers to one prompt, or how likely given ones are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController
from tokenizers import Tokenizer

from agent.errors import AdapterError, ModelError
from agent.fix_templates import Variants
from agent.llama import Cache, Llama
from agent.lora import Lora
from agent.weight_file import Array

SHIPPED = Path(__file__).parent / "weights"
MOST_SCORED = 160
"""Changed lines of one prompt that are read to their ends."""
_SIDE_BY_SIDE = 128
"""Answers that are scored as one batch; more would leave the processor's caches."""


_blas = ThreadpoolController()
F = TypeVar("F", bound=Callable[..., object])


def _one_thread(function: F) -> F:
    """The products are small: a second thread gains little, and on a busy machine each waits for the other."""
    limited: F = _blas.wrap(limits=1, user_api="blas")(function)
    return limited


@dataclass(frozen=True)
class Completion:
    """One sampled answer, `tokens` long (its end included), with its log-probability under the sampling
    distribution."""

    text: str
    tokens: int
    logprob: float


class Policy:
    """A loaded model. Stateless between calls, safe to share between threads."""

    def __init__(self, folder: Path = SHIPPED, lora: Lora | None = None) -> None:
        """With the changes of an adapter, if given. Raises ModelError where the folder does not hold a Llama in
        Hugging Face format, AdapterError where the adapter is broken."""
        try:
            with np.errstate(all="ignore"):  # of an adapter that is none, which is looked for below
                self._llama = Llama(folder, lora)
                answers = lora is None or np.isfinite(self._llama.logits(self._llama.prefill([0])[0])).all()
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except AdapterError:
            raise
        except Exception as error:  # any broken file ends here, whatever library noticed it
            raise ModelError(f"the embedded policy in {str(folder)!r} cannot be loaded: {error}") from error
        if lora and not answers:
            raise AdapterError(lora.folder, "its changes are so large that the model has no answer left")
        self.limit, self.end = self._llama.limit, self._llama.end

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.tokenizer.encode(text).ids)

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ModelError(f"the embedded policy's tokenizer has no {token!r}")
        return int(found)

    @_one_thread
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
        """n independent completions in random order; temperature 0 is greedy.

        `first`: tokens that an answer may begin with; `stop`: tokens that end an answer as the end token does, except
        in first place. Samples with a common beginning are one row of the batch until they part, so that equal samples
        cost no more than one."""
        rng = np.random.default_rng(seed)
        ids = self.tokenizer.encode(prompt).ids
        if len(ids) + max_tokens > self.limit:
            raise ModelError(f"the prompt has {len(ids)} tokens, the embedded policy takes {self.limit - max_tokens}")
        ends = {self.end, *map(self._id, stop)}
        allowed = None if first is None else [*map(self._id, first)]
        hidden, prompt_keys = self._llama.prefill(ids)
        rows = _Rows([[]], [n], [0.0], [layer[:, None, :, :0] for layer in prompt_keys])
        done: list[tuple[list[int], int, float]] = []
        for step in range(max_tokens):
            logits = self._llama.logits(hidden)
            if step == 0 and allowed is not None:
                logits = _only(logits, allowed)
            rows, ended = rows.branch(_logprobs(logits, temperature), ends if step else {self.end}, temperature, rng)
            done += ended
            if not rows.tokens:
                break
            last = [tokens[-1] for tokens in rows.tokens]
            hidden = self._llama.decode(last, rows.cache, prompt_keys, len(ids) + step)
        done += zip(rows.tokens, rows.counts, rows.logprobs, strict=True)
        found = [
            Completion(self.tokenizer.decode(tokens, skip_special_tokens=False), len(tokens), logprob)
            for tokens, count, logprob in done
            for _ in range(count)
        ]
        return [found[i] for i in rng.permutation(len(found))]

    @_one_thread
    def score(
        self,
        prompt: str,
        lines: Sequence[Variants],
        worth: Callable[[Array], Array] = lambda logprobs: logprobs,
        most: int = MOST_SCORED,
    ) -> Array:
        """Log-probabilities at temperature 1 of all changed lines in a row, their ends included.

        A changed line is a branch off the unchanged one. How likely each branch begins is read from the unchanged
        lines alone; the `most` best ones, by what such log-probabilities are `worth`, are read to their ends, the
        others get -inf, as does one that is too long.
        """
        ids = self.tokenizer.encode(prompt).ids
        hidden, cache = self._llama.prefill(ids)
        first = _logprobs(self._llama.logits(hidden), 1.0)[0]
        trunks = [self._trunk(line, ids, cache, first) for line in lines]
        values = worth(np.concatenate([trunk.bounds for trunk in trunks]))
        enough = np.sort(values)[-most] if len(values) > most else -np.inf
        wanted = np.split(values >= enough, np.cumsum([len(trunk.answers) for trunk in trunks])[:-1])
        return np.concatenate(
            [self._finish(trunk, len(ids), those) for trunk, those in zip(trunks, wanted, strict=True)]
        )

    @_one_thread
    def logprobs(self, prompt: str, answers: Sequence[str]) -> list[float]:
        """Log-probabilities at temperature 1 of whole answers, their ends included. ModelError: too long."""
        ids = self.tokenizer.encode(prompt).ids
        rows = [[*e.ids, self.end] for e in self.tokenizer.encode_batch(list(answers))]
        if len(ids) + max(map(len, rows)) > self.limit:
            raise ModelError(f"prompt and answer have more tokens than the {self.limit} that the policy takes")
        hidden, cache = self._llama.prefill(ids)
        first = _logprobs(self._llama.logits(hidden), 1.0)[0]
        inputs = np.zeros((len(rows), max(map(len, rows))), int)
        for row, tokens in enumerate(rows):
            inputs[row, : len(tokens)] = tokens
        hidden, _ = self._llama.extend(inputs, cache, len(ids))
        found = []
        for row, tokens in enumerate(rows):
            later = _logprobs(self._llama.logits(hidden[row, : len(tokens) - 1]), 1.0)
            found.append(float(first[tokens[0]] + later[np.arange(len(tokens) - 1), tokens[1:]].sum()))
        return found

    def _trunk(self, line: Variants, ids: list[int], cache: Cache, first: Array) -> "_Trunk":
        """Read the unchanged line, and how likely each changed one leaves it where it does."""
        trunk, *encoded = ([*e.ids, self.end] for e in self.tokenizer.encode_batch([line.unchanged, *line.changed]))
        if len(ids) + len(trunk) > self.limit:
            raise ModelError(f"prompt and line have {len(ids) + len(trunk)} tokens, the policy takes {self.limit}")
        hidden, own = self._llama.extend(np.asarray([trunk[:-1]]), cache, len(ids))
        logprobs = _logprobs(self._llama.logits(hidden[0]), 1.0)
        along = first[trunk[0]] + np.concatenate([[0.0], np.cumsum(logprobs[np.arange(len(trunk) - 1), trunk[1:]])])
        bounds = np.full(len(encoded), -np.inf, np.float32)
        begins = [_common(tokens, trunk) for tokens in encoded]
        for i, (tokens, begin) in enumerate(zip(encoded, begins, strict=True)):
            if len(ids) + len(tokens) <= self.limit:
                bounds[i] = along[begin - 1] + logprobs[begin - 1, tokens[begin]]
        keys = [np.concatenate([old, new[:, 0]], axis=2) for old, new in zip(cache, own, strict=True)]
        return _Trunk(encoded, begins, bounds, keys)

    def _finish(self, trunk: "_Trunk", prompt: int, wanted: NDArray[np.bool_]) -> Array:
        """The bounds of the wanted branches with the rest of each branch; -inf for the others."""
        scores = np.where(wanted, trunk.bounds, -np.inf).astype(np.float32)
        branches = [i for i in np.flatnonzero(np.isfinite(scores)) if trunk.begins[i] + 1 < len(trunk.answers[i])]
        branches.sort(key=lambda i: len(trunk.answers[i]) - trunk.begins[i])
        for start in range(0, len(branches), _SIDE_BY_SIDE):
            chunk = branches[start : start + _SIDE_BY_SIDE]
            rests = [trunk.answers[i][trunk.begins[i] :] for i in chunk]
            inputs = np.zeros((len(chunk), max(map(len, rests)) - 1), int)
            for row, rest in enumerate(rests):
                inputs[row, : len(rest) - 1] = rest[:-1]
            hidden, _ = self._llama.extend(inputs, trunk.keys, prompt, np.asarray([trunk.begins[i] for i in chunk]))
            for row, (i, rest) in enumerate(zip(chunk, rests, strict=True)):
                logprobs = _logprobs(self._llama.logits(hidden[row, : len(rest) - 1]), 1.0)
                scores[i] += logprobs[np.arange(len(rest) - 1), rest[1:]].sum()
        return scores


@dataclass(frozen=True)
class _Trunk:
    """An unchanged line that has been read, and the changed lines that branch off it."""

    answers: list[list[int]]
    """Tokens, their ends included."""
    begins: list[int]
    """Where each leaves the trunk: the first token that differs."""
    bounds: Array
    """Log-probability of each up to and including that token: no whole answer is likelier."""
    keys: Cache
    """Per layer, keys and values (2, heads, length, width) of prompt and trunk."""


@dataclass
class _Rows:
    """Distinct unfinished answers: their tokens, how many samples share each, and per layer their own keys and values
    (2, rows, heads, length, width)."""

    tokens: list[list[int]]
    counts: list[int]
    logprobs: list[float]
    cache: Cache

    def branch(
        self, logprobs: Array, ends: set[int], temperature: float, rng: np.random.Generator
    ) -> tuple["_Rows", list[tuple[list[int], int, float]]]:
        """Draw each sample's next token: rows that go on, and answers that ended."""
        kept: list[tuple[int, list[int], int, float]] = []
        ended: list[tuple[list[int], int, float]] = []
        for i, count in enumerate(self.counts):
            if temperature == 0:
                drawn = {int(np.argmax(logprobs[i])): count}
            else:
                p = np.exp(logprobs[i].astype(np.float64))
                numbers = rng.multinomial(count, p / p.sum())
                drawn = {int(token): int(numbers[token]) for token in np.flatnonzero(numbers)}
            for token, number in drawn.items():
                logprob = self.logprobs[i] + float(logprobs[i][token])
                tokens = [*self.tokens[i], token]
                if token in ends:
                    ended.append((tokens, number, logprob))
                else:
                    kept.append((i, tokens, number, logprob))
        chosen = np.asarray([i for i, *_ in kept], dtype=int)
        cache = [layer[:, chosen] for layer in self.cache]
        return _Rows([t for _, t, _, _ in kept], [c for _, _, c, _ in kept], [p for *_, p in kept], cache), ended


def _common(tokens: Sequence[int], trunk: Sequence[int]) -> int:
    """How many tokens at the beginning are the trunk's."""
    return next(
        (i for i, (a, b) in enumerate(zip(tokens, trunk, strict=False)) if a != b), min(len(tokens), len(trunk))
    )


def _logprobs(logits: Array, temperature: float) -> Array:
    scaled: Array = logits / np.float32(temperature or 1.0)
    scaled = scaled - scaled.max(-1, keepdims=True)
    out: Array = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    return out


def _only(logits: Array, allowed: Sequence[int]) -> Array:
    out = np.full_like(logits, -np.inf)
    out[:, allowed] = logits[:, allowed]
    return out
