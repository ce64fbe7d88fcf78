"""A sentence-embedding model of the MiniLM kind (BERT, mean of the last layer) from a local folder, without torch.

`model.onnx` is run by onnxruntime, which comes with chromadb; else `model.safetensors` by the forward pass below
(Devlin et al. 2018, arXiv 1810.04805; post-norm, exact gelu). Nothing is ever downloaded.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory.embedding import Vectors, normalised
from memory.errors import EmbeddingError

Array = NDArray[np.float32]
Ints = NDArray[np.int64]

_MOST_TOKENS = 256  # what all-MiniLM-L6-v2 was trained with
_BATCH = 16  # texts; larger ones need much memory and are no faster
_EPSILON = 1e-12


class MiniLM:
    """EmbeddingError where the folder holds no such model."""

    is_semantic = True

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            weights = next(folder / name for name in ("model.onnx", "model.safetensors") if (folder / name).exists())
            self._forward = _onnx(weights) if weights.suffix == ".onnx" else _numpy(weights)
            self._tokenizer.enable_truncation(_MOST_TOKENS)
            self._tokenizer.enable_padding()
            self.length = self.embed(["length"]).shape[1]
        except StopIteration:
            raise EmbeddingError(_unusable(folder, "there is no model.onnx and no model.safetensors")) from None
        except Exception as error:  # tokenizers, safetensors and onnxruntime each raise their own
            raise EmbeddingError(_unusable(folder, str(error))) from error
        self.name = f"minilm-{_digest(weights)}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        parts = [self._embed(texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, self.length), dtype=np.float32)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        states = self._forward(ids, mask)
        weights = mask[:, :, np.newaxis].astype(np.float32)
        return normalised((states * weights).sum(axis=1) / weights.sum(axis=1))


def _onnx(path: Path) -> Callable[[Ints, Ints], Array]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = {each.name for each in session.get_inputs()}

    def forward(ids: Ints, mask: Ints) -> Array:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states: Array = session.run(None, {name: given[name] for name in wanted})[0]
        return states

    return forward


def _numpy(path: Path) -> Callable[[Ints, Ints], Array]:
    from safetensors.numpy import load_file

    weights = {name.removeprefix("bert."): value.astype(np.float32) for name, value in load_file(path).items()}
    config = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    heads = int(config["num_attention_heads"])
    epsilon = float(config.get("layer_norm_eps", _EPSILON))

    def norm(name: str, x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
        result: Array = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return result

    def linear(name: str, x: Array) -> Array:
        result: Array = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return result

    def attention(layer: str, x: Array, mask: Array) -> Array:
        batch, length, width = x.shape

        def split(name: str) -> Array:
            projected = linear(f"{layer}.attention.self.{name}", x)
            return projected.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)

        scores = split("query") @ split("key").transpose(0, 1, 3, 2) / np.float32((width // heads) ** 0.5) + mask
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ split("value")
        return linear(f"{layer}.attention.output.dense", mixed.transpose(0, 2, 1, 3).reshape(batch, length, width))

    def forward(ids: Ints, mask: Ints) -> Array:
        x = weights["embeddings.word_embeddings.weight"][ids]
        x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = norm("embeddings.LayerNorm", x + weights["embeddings.token_type_embeddings.weight"][0])
        hidden = np.where(mask[:, np.newaxis, np.newaxis, :] == 1, 0, -1e9).astype(np.float32)
        for number in count():
            layer = f"encoder.layer.{number}"
            if f"{layer}.output.dense.weight" not in weights:
                return x
            x = norm(f"{layer}.attention.output.LayerNorm", x + attention(layer, x, hidden))
            inner = _gelu(linear(f"{layer}.intermediate.dense", x))
            x = norm(f"{layer}.output.LayerNorm", x + linear(f"{layer}.output.dense", inner))
        raise AssertionError

    return forward


def _gelu(x: Array) -> Array:
    """x Φ(x), with erf by Abramowitz and Stegun 7.1.26, exact to 2e-7: numpy has none."""
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429))))
    )
    erf = np.sign(x) * (1 - series * np.exp(-z * z))
    result: Array = (0.5 * x * (1 + erf)).astype(np.float32)
    return result


def _digest(path: Path) -> str:
    """Of the file's beginning and size: enough to tell models apart."""
    with path.open("rb") as file:
        head = file.read(1 << 20)
    return hashlib.sha256(head + str(path.stat().st_size).encode()).hexdigest()[:12]


def _unusable(folder: Path, reason: str) -> str:
    return (
        f"The embedding model {str(folder)!r} cannot be used: {reason}. Set SLEEPWRIGHT_EMBED_DIR to a folder with "
        "tokenizer.json, config.json and model.onnx or model.safetensors of a MiniLM model, or unset it."
    )
