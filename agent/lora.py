"""LoRA adapters (arXiv 2106.09685) in PEFT's format: what one must be to fit a model, and merging it into weights.

Only what vLLM, PEFT and the numpy engine take alike: W + B·A·scale, of matrices that the model has. Everything else is
refused in one sentence, before a byte of it is used.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from safetensors import SafetensorError

from agent.errors import AdapterError
from agent.weight_file import Array, Shape, hash_weights, read_shapes, read_weights, shapes_of_model
from memory.adapters import Stored

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MOST_RANK = 64
"""Above this an adapter is no small change, and a server has to be started for it."""

_TENSOR = re.compile(r"base_model\.model\.(?P<matrix>.+)\.lora_(?P<side>[AB])\.weight")
_PICKLES = ("adapter_model.bin", "adapter_model.pt", "adapter_model.pth")
# What PEFT can do and vLLM or the numpy engine cannot. Each is off where its value is empty.
_UNTAKEN = (
    *("use_dora", "lora_bias", "modules_to_save", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "use_qalora"),
    *("layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "use_bdlora"),
)


T = TypeVar("T")


class Update(NamedTuple):
    """A change of one weight: `up @ down * scale` is added to it."""

    weight: str
    """The weight's name in the model."""
    up: Array
    """(out, rank)."""
    down: Array
    """(rank, in)."""


@dataclass(frozen=True)
class Lora:
    """An adapter that fits a model, as far as it can be told without reading its weights."""

    folder: Path
    rank: int
    scale: float

    def updates(self) -> Iterator[Update]:
        """Read the weights; AdapterError where one is no number."""
        tensors = _read(self.folder / WEIGHTS, read_weights)
        for name in sorted(tensors):
            matrix, side = _parts(name)
            if side == "A":
                up, down = tensors[name.replace(".lora_A.", ".lora_B.")], tensors[name]
                if not (np.isfinite(up).all() and np.isfinite(down).all()):
                    raise AdapterError(self.folder, f"the change of {matrix!r} holds values that are no numbers")
                yield Update(f"{matrix}.weight", up, down)

    def merge(self, weights: dict[str, Array]) -> None:
        """Add all updates to the weights of the model that it was checked against."""
        for weight, up, down in self.updates():
            weights[weight] = weights[weight] + up @ down * np.float32(self.scale)


def open_lora(folder: Path, model: Mapping[str, Shape]) -> Lora:
    """The adapter in a folder, checked against the shapes of a model's weights; AdapterError says what is wrong."""
    config = _config(folder)
    rank = config.get("r")
    if type(rank) is not int or rank < 1:
        raise AdapterError(folder, f"its rank is {rank!r}")
    if rank > MOST_RANK:
        raise AdapterError(folder, f"its rank is {rank}, the most is {MOST_RANK}")
    alpha = config.get("lora_alpha")
    if not isinstance(alpha, int | float) or not math.isfinite(alpha) or alpha <= 0:
        raise AdapterError(folder, f"its lora_alpha is {alpha!r}")
    _check_tensors(folder, rank, model)
    return Lora(folder, rank, alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank)


def open_stored(stored: Stored, model: Path) -> Lora:
    """A published adapter, as `open_lora`; also refused where it or the model's folder is not what it was."""
    if hash_weights(model) != stored.record.base_hash:
        raise AdapterError(stored.folder, f"it was trained on other weights than those in {str(model)!r}")
    lora = open_lora(stored.folder, shapes_of_model(model))
    if hash_weights(stored.folder) != stored.record.weights_hash:
        raise AdapterError(stored.folder, "its weights are not those that were published")
    return lora


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / WEIGHTS).is_file():
        for name in _PICKLES:
            if (folder / name).exists():
                raise AdapterError(folder, f"{name} is a pickle, which can run code: save it as safetensors")
        raise AdapterError(folder, f"it has no {WEIGHTS}")
    try:
        config = json.loads((folder / CONFIG).read_bytes())
    except FileNotFoundError:
        raise AdapterError(folder, f"it has no {CONFIG}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise AdapterError(folder, f"its {CONFIG} cannot be read: {error}") from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise AdapterError(folder, f"its {CONFIG} is not one of a LoRA adapter")
    for name in _UNTAKEN:
        if config.get(name):
            raise AdapterError(folder, f"it uses {name}, which the engines do not take")
    if config.get("bias", "none") != "none":
        raise AdapterError(folder, "it changes biases, which the engines do not take")
    if config.get("init_lora_weights", True) not in (True, False, "gaussian", "orthogonal"):
        raise AdapterError(folder, f"it was begun by {config['init_lora_weights']!r}, which changes the base model too")
    return config


def _check_tensors(folder: Path, rank: int, model: Mapping[str, Shape]) -> None:
    """Every tensor is one side of a change of a weight that the model has, and none is without its other side."""
    shapes = _read(folder / WEIGHTS, read_shapes)
    if not shapes:
        raise AdapterError(folder, "it changes nothing: there are no tensors in it")
    for name, shape in shapes.items():
        matrix, side = _parts(name)
        base = model.get(f"{matrix}.weight")
        if base is None or len(base.sizes) != 2:
            raise AdapterError(folder, f"it changes {matrix or name!r}, which is no matrix of the base model")
        expected = (rank, base.sizes[1]) if side == "A" else (base.sizes[0], rank)
        if shape.sizes != expected:
            raise AdapterError(folder, f"{name!r} has the shape {shape.sizes}, the base model wants {expected}")
        if shape.kind not in ("F32", "F16", "BF16"):
            raise AdapterError(folder, f"{name!r} holds numbers of the kind {shape.kind}")
        other = {"A": "B", "B": "A"}[side]
        if name.replace(f".lora_{side}.", f".lora_{other}.") not in shapes:
            raise AdapterError(folder, f"{matrix!r} has a lora_{side} and no lora_{other}")


def _parts(name: str) -> tuple[str, str]:
    """The matrix that a tensor belongs to, and its side, A or B; both empty where it is something else."""
    found = _TENSOR.fullmatch(name)
    return (found["matrix"], found["side"]) if found else ("", "")


def _read(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise AdapterError(path.parent, f"its {path.name} cannot be read: {error}") from None
