"""Makes the embedded policy from nothing: a small Llama that repairs one-line Python bugs. Needs torch.

    python -m ttrl_adapter.pretrain --help

Data: functions of the standard library and of installed packages (corpus.py) with a fresh generated bug each time
(bugs.py), in the form of agent/function_view.py; broken_examples.py makes batches of them, trainable_llama.py is the
model. Weights are written in Hugging Face format; transformers and vLLM load them unchanged.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn
from torch.utils.data import DataLoader

from agent.function_view import END
from ttrl_adapter.broken_examples import Batch, Examples, Recipe, train_tokenizer
from ttrl_adapter.corpus import load_functions
from ttrl_adapter.trainable_llama import Policy, Shape, visible


def optimizers(model: Policy, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside layers, Adam for embedding, norms and biases."""
    inside = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(inside, lr=recipe.muon_lr, momentum=0.95, weight_decay=0.01, ns_steps=4),
        torch.optim.AdamW(rest, lr=recipe.adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate(progress: float) -> float:
    """Share of the peak learning rate: warm-up over 1 %, flat to 45 %, then linear to zero."""
    return max(0.0, min(progress / 0.01 + 0.05, 1.0, (1 - progress) / 0.55))


@dataclass
class Run:
    """What a training has come to; all of it goes into the checkpoint."""

    model: Policy
    opts: list[torch.optim.Optimizer]
    tokens: int = 0
    steps: int = 0
    seconds: float = 0.0
    before: object = None
    """How the weights that it began with were made, None where it began with nothing. Not in the checkpoint."""

    def save(self, path: Path) -> None:
        state = [self.model.state_dict(), [o.state_dict() for o in self.opts], self.tokens, self.steps, self.seconds]
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load(self, path: Path) -> None:
        model, opts, self.tokens, self.steps, self.seconds = torch.load(path, weights_only=True)
        self.model.load_state_dict(model)
        for opt, state in zip(self.opts, opts, strict=True):
            opt.load_state_dict(state)


def train(functions: Sequence[str], tokenizer: Tokenizer, shape: Shape, recipe: Recipe, run: Run, out: Path) -> None:
    """Train to the recipe's end, with a checkpoint in `out` every few minutes."""
    peaks = [[(group, group["lr"]) for group in opt.param_groups] for opt in optimizers(run.model, recipe)]
    step_loss = torch.compile(run.model)
    data = iter(
        DataLoader(
            Examples(functions, tokenizer, recipe, run.tokens), batch_size=None, num_workers=1, prefetch_factor=24
        )
    )
    last, recent, began = time.time(), [], run.tokens
    while (progress := run.tokens / (1e6 * recipe.million_tokens)) < 1:
        for opt, groups in zip(run.opts, peaks, strict=True):
            for group, (_, peak) in zip(opt.param_groups, groups, strict=True):
                group["lr"] = peak * rate(progress)
        batches = 1 if progress < recipe.small_until else 2
        for _ in range(batches):
            batch = Batch(*next(data))
            loss, said = step_loss(batch, visible(batch.segments))
            (loss / batches).backward()
            run.tokens += batch.tokens.numel()
            recent.append(said.item())
        nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
        for opt in run.opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        run.steps += 1
        if run.steps % 100 == 0:
            spent, last = time.time() - last, time.time()
            run.seconds += spent
            print(  # noqa: T201
                f"{run.seconds / 60:6.1f} min  {100 * progress:4.1f} %  step {run.steps}  "
                f"tokens/s {(run.tokens - began) / spent:,.0f}  answer loss {sum(recent) / len(recent):.4f}",
                flush=True,
            )
            recent, began = [], run.tokens
        if run.steps % 500 == 0:
            run.save(out / "checkpoint.pt")
            save(run, tokenizer, shape, recipe, out)
    save(run, tokenizer, shape, recipe, out)


def save(run: Run, tokenizer: Tokenizer, shape: Shape, recipe: Recipe, out: Path) -> None:
    """The Hugging Face folder: config, tokenizer, weights in bfloat16, and the recipe that made them."""
    weights = {f"model.{name}": p.detach().bfloat16().contiguous() for name, p in run.model.named_parameters()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(out / "tokenizer.json"))
    end = tokenizer.token_to_id(END)
    # Not Qwen2: transformers 5 puts a tokenizer of its own in place of the one in a Qwen2 folder.
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "rms_norm_eps": 1e-6,
        "num_key_value_heads": shape.num_attention_heads, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
        "initializer_range": 0.02, "use_cache": True,
        "bos_token_id": None, "eos_token_id": end, "pad_token_id": end, **asdict(shape),
    }  # fmt: skip
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END, "pad_token": END,
        "model_max_length": shape.max_position_embeddings, "clean_up_tokenization_spaces": False,
        "chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    }  # fmt: skip
    generation = {"eos_token_id": end, "pad_token_id": end, "do_sample": True, "temperature": 1.0}
    for name, value in (
        ("config.json", config),
        ("tokenizer_config.json", tokenizer_config),
        ("generation_config.json", generation),
        (
            "training.json",
            {
                "recipe": asdict(recipe),
                "tokens": run.tokens,
                "steps": run.steps,
                "seconds": round(run.seconds),
                "before": run.before,
            },
        ),
    ):
        (out / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", type=Path, required=True, help="JSON lines written by ttrl_adapter.corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json to use instead of training one")
    parser.add_argument("--start", type=Path, help="model.safetensors to begin with, its training.json beside it")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    for cls in (Shape, Recipe):
        for name, default in asdict(cls()).items():
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = vars(parser.parse_args())
    torch.set_num_threads(given["threads"])
    shape = Shape(**{name: given[name] for name in asdict(Shape())})
    recipe = Recipe(**{name: given[name] for name in asdict(Recipe())})
    functions = load_functions(given["functions"])
    path = given["tokenizer"]
    sample = random.Random(0).sample(functions, min(60_000, len(functions)))
    tokenizer = Tokenizer.from_file(str(path)) if path else train_tokenizer(sample, shape.vocab_size)
    torch.manual_seed(recipe.seed)
    model = Policy(shape)
    before = None
    if start := given["start"]:
        model.load_state_dict({k.removeprefix("model."): v.float() for k, v in load_file(start).items()})
        before = json.loads(start.with_name("training.json").read_text(encoding="utf-8"))
    run = Run(model, optimizers(model, recipe), before=before)
    given["out"].mkdir(parents=True, exist_ok=True)
    if given["resume"]:
        run.load(given["out"] / "checkpoint.pt")
    train(functions, tokenizer, shape, recipe, run, given["out"])


if __name__ == "__main__":
    main()
