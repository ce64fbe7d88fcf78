"""A Llama forward pass in numpy: no torch, loads in a blink.

Reads the Hugging Face folder that transformers and vLLM read too. Why not a library: onnxruntime-genai needs an export
of its own and cannot apply a LoRA folder; llama.cpp compiles for minutes; these are a hundred lines of matrix products.

A *cache* holds, per layer, the keys and values (2, heads, length, width) of what has been read.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.lora import Lora
from agent.weight_file import Array, read_weights

Cache = list[Array]


@dataclass(frozen=True)
class _Layer:
    """Weights of one block; matrices are (in, out)."""

    attention_norm: Array
    qkv: Array
    out: Array
    mlp_norm: Array
    gate_up: Array
    down: Array


class Llama:
    """Weights and the passes over them. Stateless between calls, safe to share between threads."""

    def __init__(self, folder: Path, lora: Lora | None = None) -> None:
        """`lora` is an adapter of this model, merged into its weights.

        Raises AdapterError where it holds no numbers, and whatever a folder leads to that does not hold a Llama in
        Hugging Face format."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = read_weights(folder / "model.safetensors")
        if lora:
            lora.merge(weights)
        self.heads = int(config["num_attention_heads"])
        self.limit = int(config["max_position_embeddings"])
        """Positions that it can read."""
        self.end = int(config["eos_token_id"])
        self._eps = float(config["rms_norm_eps"])
        self._embedding = weights["model.embed_tokens.weight"]
        self._norm = weights["model.norm.weight"]
        self._layers = [_layer(weights, i) for i in range(config["num_hidden_layers"])]
        width = self._embedding.shape[1] // self.heads
        frequency = config.get("rope_theta", 10000.0) ** (-np.arange(0, width, 2, dtype=np.float32) / width)
        angles = np.outer(np.arange(self.limit, dtype=np.float32), frequency)
        self._cos = np.concatenate([np.cos(angles)] * 2, -1).astype(np.float32)
        self._sin = np.concatenate([np.sin(angles)] * 2, -1).astype(np.float32)
        self._nothing = np.zeros((2, self.heads, 0, width), np.float32)

    def logits(self, hidden: Array) -> Array:
        """(..., vocabulary) of hidden states (..., d)."""
        out: Array = hidden @ self._embedding.T
        return out

    def prefill(self, ids: Sequence[int]) -> tuple[Array, Cache]:
        """The last hidden state (1, d) of a prompt, and its cache."""
        hidden, own = self.extend(np.asarray([ids]), [self._nothing] * len(self._layers), 0)
        return hidden[0, -1:], [layer[:, 0] for layer in own]

    def decode(self, last: Sequence[int], own: Cache, prompt: Cache, position: int) -> Array:
        """Hidden states (rows, d) after one more token of each row, all at `position`.

        `own`, the keys and values (2, rows, heads, length, width) that the rows do not share, is extended in place."""
        x = self._embedding[np.asarray(last)]
        cos, sin = self._cos[position], self._sin[position]
        for i, layer in enumerate(self._layers):
            q, k, v = (p.transpose(1, 0, 2) for p in self._project(layer, x))  # (rows, heads, width)
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            said_keys, said_values = own[i] = np.concatenate([own[i], np.stack([k, v])[:, :, :, None]], axis=3)
            shared = prompt[i]
            length = shared.shape[2]
            seen = (q.transpose(1, 0, 2) @ shared[0].transpose(0, 2, 1)).transpose(1, 0, 2)
            said = np.einsum("nhd,nhtd->nht", q, said_keys)
            share = _softmax(np.concatenate([seen, said], -1))
            mixed = (share[..., :length].transpose(1, 0, 2) @ shared[1]).transpose(1, 0, 2)
            mixed = mixed + np.einsum("nht,nhtd->nhd", share[..., length:], said_values)
            x = x + mixed.reshape(len(x), -1) @ layer.out
            x = x + self._mlp(layer, x)
        return _rms(x, self._norm, self._eps)

    def extend(
        self, tokens: NDArray[np.int_], cache: Cache, prompt: int, begin: NDArray[np.int_] | None = None
    ) -> tuple[Array, Cache]:
        """Hidden states (rows, length, d) of rows of tokens that follow what is in the cache, and their own keys and
        values, per layer (2, rows, heads, length, width).

        Row r sees the `prompt` positions and the `begin[r]` after them, all where that is None, then its own."""
        rows, length = tokens.shape
        seen = cache[0].shape[2]
        begin = np.full(rows, seen - prompt) if begin is None else begin
        positions = prompt + begin[:, None] + np.arange(length)
        cos, sin = self._cos[positions][:, None], self._sin[positions][:, None]
        hidden_past = np.where(np.arange(seen) < prompt + begin[:, None], 0.0, -np.inf).astype(np.float32)
        future = np.triu(np.full((length, length), -np.inf, np.float32), 1)
        x = self._embedding[tokens].reshape(rows * length, -1)
        own = []
        for layer, (past_keys, past_values) in zip(self._layers, cache, strict=True):
            q, k, v = (
                part.reshape(self.heads, rows, length, -1).transpose(1, 0, 2, 3) for part in self._project(layer, x)
            )  # (rows, heads, length, width)
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            flat = q.transpose(1, 0, 2, 3).reshape(self.heads, rows * length, -1)
            past = (flat @ past_keys.transpose(0, 2, 1)).reshape(self.heads, rows, length, seen).transpose(1, 0, 2, 3)
            share = _softmax(
                np.concatenate([past + hidden_past[:, None, None], q @ k.transpose(0, 1, 3, 2) + future], -1)
            )
            flat = share[..., :seen].transpose(1, 0, 2, 3).reshape(self.heads, rows * length, seen)
            mixed = (flat @ past_values).reshape(self.heads, rows, length, -1).transpose(1, 0, 2, 3)
            mixed = mixed + share[..., seen:] @ v
            x = x + mixed.transpose(0, 2, 1, 3).reshape(rows * length, -1) @ layer.out
            x = x + self._mlp(layer, x)
            own.append(np.stack([k, v]))
        return _rms(x, self._norm, self._eps).reshape(rows, length, -1), own

    def _project(self, layer: _Layer, x: Array) -> Iterator[Array]:
        """Queries (scaled), keys and values, each (heads, rows, width)."""
        q, k, v = np.split(_rms(x, layer.attention_norm, self._eps) @ layer.qkv, 3, -1)
        width = q.shape[-1] // self.heads
        q = q * np.float32(width**-0.5)
        return (part.reshape(len(x), self.heads, width).transpose(1, 0, 2) for part in (q, k, v))

    def _mlp(self, layer: _Layer, x: Array) -> Array:
        gate, up = np.split(_rms(x, layer.mlp_norm, self._eps) @ layer.gate_up, 2, -1)
        out: Array = (gate / (1 + np.exp(-gate)) * up) @ layer.down
        return out


def _layer(weights: dict[str, Array], index: int) -> _Layer:
    def matrix(*names: str) -> Array:
        parts = [weights[f"model.layers.{index}.{name}.weight"] for name in names]
        return np.ascontiguousarray(np.concatenate(parts).T)

    return _Layer(
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
