"""The embedded policy's engine: a Llama forward pass in numpy, with batched sampling. No torch, loads in a blink.

Reads the Hugging Face folder that transformers and vLLM read too. Why not a library: onnxruntime-genai needs an export
of its own and cannot apply a LoRA folder; llama.cpp compiles for minutes; these are a hundred lines of matrix products.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize
from tokenizers import Tokenizer

from agent.errors import ModelError

Array = NDArray[np.float32]
SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Completion:
    """One sampled answer, `tokens` long (its end included), with its log-probability under the sampling
    distribution."""

    text: str
    tokens: int
    logprob: float


@dataclass(frozen=True)
class Layer:
    """Weights of one block; matrices are (in, out)."""

    attention_norm: Array
    qkv: Array
    out: Array
    mlp_norm: Array
    gate_up: Array
    down: Array


class Policy:
    """A loaded model. Stateless between calls, safe to share between threads."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        """Raises ModelError where the folder does not hold a Llama in Hugging Face format."""
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            weights = _read_weights(folder / "model.safetensors")
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.heads = int(config["num_attention_heads"])
            self.limit = int(config["max_position_embeddings"])
            self.end = int(config["eos_token_id"])
            self._eps = float(config["rms_norm_eps"])
            self._embedding = weights["model.embed_tokens.weight"]
            self._norm = weights["model.norm.weight"]
            self._layers = [_layer(weights, i) for i in range(config["num_hidden_layers"])]
        except Exception as error:  # any broken file ends here, whatever library noticed it
            raise ModelError(f"the embedded policy in {str(folder)!r} cannot be loaded: {error}") from error
        width = self._embedding.shape[1] // self.heads
        frequency = config.get("rope_theta", 10000.0) ** (-np.arange(0, width, 2, dtype=np.float32) / width)
        angles = np.outer(np.arange(self.limit, dtype=np.float32), frequency)
        self._cos = np.concatenate([np.cos(angles)] * 2, -1).astype(np.float32)
        self._sin = np.concatenate([np.sin(angles)] * 2, -1).astype(np.float32)

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.tokenizer.encode(text).ids)

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise ModelError(f"the embedded policy's tokenizer has no {token!r}")
        return int(found)

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
        hidden, prompt_keys = self._prefill(ids)
        nothing = np.zeros((2, 1, self.heads, 0, prompt_keys[0].shape[-1]), np.float32)
        rows = _Rows([[]], [n], [0.0], [nothing] * len(self._layers))
        done: list[tuple[list[int], int, float]] = []
        for step in range(max_tokens):
            logits = hidden @ self._embedding.T
            if step == 0 and allowed is not None:
                logits = _only(logits, allowed)
            rows, ended = rows.branch(_logprobs(logits, temperature), ends if step else {self.end}, temperature, rng)
            done += ended
            if not rows.tokens:
                break
            hidden = self._decode(rows, prompt_keys, len(ids) + step)
        done += zip(rows.tokens, rows.counts, rows.logprobs, strict=True)
        found = [
            Completion(self.tokenizer.decode(tokens, skip_special_tokens=False), len(tokens), logprob)
            for tokens, count, logprob in done
            for _ in range(count)
        ]
        return [found[i] for i in rng.permutation(len(found))]

    def _prefill(self, ids: Sequence[int]) -> tuple[Array, list[Array]]:
        """Last hidden state (1, d) and, per layer, keys and values (2, heads, length, width) of the prompt."""
        x = self._embedding[np.asarray(ids)]
        cos, sin = self._cos[: len(ids)], self._sin[: len(ids)]
        mask = np.triu(np.full((len(ids), len(ids)), -np.inf, np.float32), 1)
        cache = []
        for layer in self._layers:
            q, k, v = self._project(layer, x)  # (heads, length, width)
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            mixed = _softmax(q @ k.transpose(0, 2, 1) + mask) @ v
            x = x + mixed.transpose(1, 0, 2).reshape(len(x), -1) @ layer.out
            x = x + self._mlp(layer, x)
            cache.append(np.stack([k, v]))
        return _rms(x[-1:], self._norm, self._eps), cache

    def _decode(self, rows: "_Rows", prompt_keys: list[Array], position: int) -> Array:
        """Hidden states (rows, d) after the rows' last tokens; extends the rows' own keys and values."""
        x = self._embedding[np.asarray([tokens[-1] for tokens in rows.tokens])]
        cos, sin = self._cos[position], self._sin[position]
        for i, layer in enumerate(self._layers):
            q, k, v = (p.transpose(1, 0, 2) for p in self._project(layer, x))  # (rows, heads, width)
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            own = rows.cache[i] = np.concatenate([rows.cache[i], np.stack([k, v])[:, :, :, None]], axis=3)
            shared = prompt_keys[i]
            length = shared.shape[2]
            seen = (q.transpose(1, 0, 2) @ shared[0].transpose(0, 2, 1)).transpose(1, 0, 2)
            said = np.einsum("nhd,nhtd->nht", q, own[0])
            share = _softmax(np.concatenate([seen, said], -1))
            mixed = (share[..., :length].transpose(1, 0, 2) @ shared[1]).transpose(1, 0, 2)
            mixed = mixed + np.einsum("nht,nhtd->nhd", share[..., length:], own[1])
            x = x + mixed.reshape(len(x), -1) @ layer.out
            x = x + self._mlp(layer, x)
        return _rms(x, self._norm, self._eps)

    def _project(self, layer: Layer, x: Array) -> Iterator[Array]:
        """Queries (scaled), keys and values, each (heads, rows, width)."""
        q, k, v = np.split(_rms(x, layer.attention_norm, self._eps) @ layer.qkv, 3, -1)
        width = q.shape[-1] // self.heads
        q = q * np.float32(width**-0.5)
        return (part.reshape(len(x), self.heads, width).transpose(1, 0, 2) for part in (q, k, v))

    def _mlp(self, layer: Layer, x: Array) -> Array:
        gate, up = np.split(_rms(x, layer.mlp_norm, self._eps) @ layer.gate_up, 2, -1)
        out: Array = (gate / (1 + np.exp(-gate)) * up) @ layer.down
        return out


@dataclass
class _Rows:
    """Distinct unfinished answers: their tokens, how many samples share each, and per layer their own keys and values
    (2, rows, heads, length, width)."""

    tokens: list[list[int]]
    counts: list[int]
    logprobs: list[float]
    cache: list[Array]

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


def _read_weights(path: Path) -> dict[str, Array]:
    weights = {}
    for name, tensor in deserialize(path.read_bytes()):  # type: ignore[no-untyped-call]
        raw = tensor["data"]
        if tensor["dtype"] == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            kind = {"F32": np.float32, "F16": np.float16}[tensor["dtype"]]
            values = np.frombuffer(raw, kind).astype(np.float32)
        weights[name] = values.reshape(tensor["shape"])
    return weights


def _layer(weights: dict[str, Array], index: int) -> Layer:
    def matrix(*names: str) -> Array:
        parts = [weights[f"model.layers.{index}.{name}.weight"] for name in names]
        return np.ascontiguousarray(np.concatenate(parts).T)

    return Layer(
        attention_norm=weights[f"model.layers.{index}.input_layernorm.weight"],
        qkv=matrix("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        out=matrix("self_attn.o_proj"),
        mlp_norm=weights[f"model.layers.{index}.post_attention_layernorm.weight"],
        gate_up=matrix("mlp.gate_proj", "mlp.up_proj"),
        down=matrix("mlp.down_proj"),
    )


def _rms(x: Array, weight: Array, eps: float) -> Array:
    out: Array = x / np.sqrt(np.mean(x * x, -1, keepdims=True) + np.float32(eps)) * weight
    return out


def _rotate(x: Array, cos: Array, sin: Array) -> Array:
    left, right = np.split(x, 2, -1)
    turned: Array = np.concatenate([-right, left], -1)
    return x * cos + turned * sin


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    out: Array = e / e.sum(-1, keepdims=True)
    return out


def _logprobs(logits: Array, temperature: float) -> Array:
    scaled: Array = logits / np.float32(temperature or 1.0)
    scaled = scaled - scaled.max(-1, keepdims=True)
    out: Array = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    return out


def _only(logits: Array, allowed: Sequence[int]) -> Array:
    out = np.full_like(logits, -np.inf)
    out[:, allowed] = logits[:, allowed]
    return out
