"""Safetensors files: read as numpy arrays, looked at without reading them, and told apart by a hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize, safe_open

Array = NDArray[np.float32]

_KINDS = {"F32": np.float32, "F16": np.float16}


class Shape(NamedTuple):
    """What a file says about a tensor in it."""

    sizes: tuple[int, ...]
    kind: str
    """As safetensors names it: F32, BF16, …"""


def read_weights(path: Path) -> dict[str, Array]:
    """All tensors of a file, in 32 bits."""
    weights = {}
    for name, tensor in deserialize(path.read_bytes()):  # type: ignore[no-untyped-call]
        raw = tensor["data"]
        if tensor["dtype"] == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, _KINDS[tensor["dtype"]]).astype(np.float32)
        weights[name] = values.reshape(tensor["shape"])
    return weights


def read_shapes(path: Path) -> dict[str, Shape]:
    """What a file says about its tensors, which are not read.

    Raises safetensors' own error where the file is broken or has bytes that belong to none.
    """
    with safe_open(path, framework="numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118, it is no dict
        return {name: Shape(tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}


def shapes_of_model(folder: Path) -> Mapping[str, Shape]:
    """The same of all files of a model in Hugging Face format."""
    return {name: shape for path in _files(folder) for name, shape in read_shapes(path).items()}


def hash_weights(folder: Path) -> str:
    """What tells the weights in a folder from all others; OSError where it holds none."""
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise FileNotFoundError(2, "there are no safetensors files", str(folder))
    return found
