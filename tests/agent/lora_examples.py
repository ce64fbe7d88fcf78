"""LoRA adapters in PEFT's format, made by hand: every matrix of a Llama's blocks is changed by chance."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from agent.weight_file import Array, shapes_of_model

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def write_lora(
    folder: Path, model: Path, *, rank: int = 4, alpha: float = 8, size: float = 0.05, seed: int = 0, **config: Any
) -> dict[str, Array]:
    """Write one of the model in a folder; returns its tensors. `config` is put over what is in adapter_config.json."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes_of_model(model).items()):
        if name.split(".")[-2] in PROJECTIONS:
            out, into = shape.sizes
            matrix = f"base_model.model.{name.removesuffix('.weight')}"
            tensors[f"{matrix}.lora_A.weight"] = (rng.normal(size=(rank, into)) / np.sqrt(into)).astype(np.float32)
            tensors[f"{matrix}.lora_B.weight"] = (rng.normal(size=(out, rank)) * size).astype(np.float32)
    settings: dict[str, Any] = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": alpha}
    settings |= {"target_modules": list(PROJECTIONS), "bias": "none", "base_model_name_or_path": str(model)}
    write_files(folder, tensors, {**settings, **config})
    return tensors


def write_files(folder: Path, tensors: dict[str, Any], config: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    save_file(rows, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(config))
