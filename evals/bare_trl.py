"""A bare run of TRL on the job of a training folder: its own sampling and forward pass, the known answer as reward.

    python -m evals.bare_trl FOLDER

What ttrl_adapter/train.py costs is measured against it (ttrl_cost.py): the same model, prompts, batches, number of
samples, LoRA and precision, and nothing of ours in between. Needs the environment of `make ttrl`.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOTrainer

from agent.function_view import END
from ttrl_adapter.train import config, in_batches, lora
from ttrl_adapter.training import prepared


def main(folder: Path) -> None:
    job, exercises = prepared(folder)
    torch.set_num_threads(job.threads)
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    model: Any = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.float32)
    order = in_batches(exercises, job.recipe, tokenizer)
    arguments = config(job.recipe, job, folder, len(order) // job.recipe.prompts_per_step)
    arguments.save_strategy = "no"
    ends = tokenizer.convert_tokens_to_ids([END, *exercises[0].stop])
    arguments.generation_kwargs = {"eos_token_id": ends}

    def right(completions: list[str], answer: list[str], **_: Any) -> list[float]:
        return [float(said.startswith(known)) for said, known in zip(completions, answer, strict=True)]

    trainer = GRPOTrainer(
        model=model,
        reward_funcs=right,
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": e.prompt, "answer": e.answer or ""} for e in order]),
        processing_class=tokenizer,
        peft_config=lora(job.recipe),
    )
    trainer.train()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
