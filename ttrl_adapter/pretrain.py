"""Makes the embedded policy from nothing: a small Llama that repairs one-line Python bugs. Needs torch.

    python -m ttrl_adapter.pretrain --help

Data: functions of the standard library and of installed packages (corpus.py) with a fresh generated bug each time
(bugs.py), in the form of agent/function_view.py. Early in training the answer repeats or repairs many lines: more to
learn from each prompt that is read; later there is one bug and one line. The loss counts the answer fully and the
prompt a little. Weights are written in Hugging Face format; transformers and vLLM load them unchanged.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

from agent.function_view import END, MARKS, SPECIAL_TOKENS, answer, prompt
from ttrl_adapter.bugs import break_function
from ttrl_adapter.corpus import load_functions

PIECES = r"\n *| ?_*[A-Za-z]+|_+|\d| ?[^\sA-Za-z0-9_]+| +"
"""Before BPE: a line end with the next line's indentation is one piece, snake_case is split, digits stand alone."""


@dataclass(frozen=True)
class Shape:
    """The model's size, in the words of `LlamaConfig`."""

    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 704
    num_hidden_layers: int = 5
    num_attention_heads: int = 4
    max_position_embeddings: int = 512
    rope_theta: float = 10000.0


Stage = Literal["all", "many", "one"]
"""all: repeat every marked line, repaired where it is broken (teaches copying); many: repair several broken lines;
one: the task itself."""


@dataclass(frozen=True)
class Recipe:
    """How it is trained; the defaults are what the shipped weights were made with."""

    minutes: float = 100.0
    """Wall-clock budget; the schedule follows the clock, so that it always ends at a learning rate of zero."""
    batch_tokens: int = 4096
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    prompt_weight: float = 0.1
    """Loss weight of a prompt token; an answer token counts 1."""
    prompt_share: float = 0.25
    """Share of the prompt tokens whose loss is computed: the output layer is a quarter of the work."""
    all_until: float = 0.3
    many_until: float = 0.55
    """Shares of training at which the stages `all` and `many` end."""
    max_tokens: int = 224
    seed: int = 0
    elapsed: float = 0.0
    """Minutes of the budget that an interrupted run had used, to go on with `--start`."""


# --- data -----------------------------------------------------------------------------------------------------------


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
        for _ in range(len(lines) // 4):
            more = break_function("\n".join(lines), rng)
            if more and len(more.fixed) == 1 and len(more.broken) == len(lines) and more.line not in repairs:
                lines = more.broken
                repairs[more.line] = more.fixed
            if len(repairs) >= 5:
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


Row = tuple[list[int], int]
"""Token ids of prompt and answer, and how many of them are the prompt."""


class Examples(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Endless padded batches (token ids, loss weights), both (examples, longest); the function order is shuffled anew
    each epoch."""

    def __init__(self, functions: Sequence[str], tokenizer: Tokenizer, recipe: Recipe, started: float) -> None:
        self.functions, self.tokenizer, self.recipe, self.started = functions, tokenizer, recipe, started

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        recipe = self.recipe
        worker = torch.utils.data.get_worker_info()
        rng = random.Random(recipe.seed * 1000 + (worker.id if worker else 0))
        pool: list[Row] = []
        while True:
            for text in rng.sample(self.functions, len(self.functions)):
                progress = (time.time() - self.started) / (60 * recipe.minutes)
                stage: Stage = (
                    "all" if progress < recipe.all_until else "many" if progress < recipe.many_until else "one"
                )
                made = make_example(text, stage if rng.random() < 0.8 else "one", rng)
                if made is None:
                    continue
                asked, said = (e.ids for e in self.tokenizer.encode_batch(list(made)))
                if len(asked) + len(said) <= recipe.max_tokens:
                    pool.append((asked + said, len(asked)))
                if len(pool) == 1024:
                    yield from self._batches(pool, rng)
                    pool = []

    def _batches(
        self, pool: list[tuple[list[int], int]], rng: random.Random
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        pool.sort(key=lambda row: len(row[0]))
        groups: list[list[Row]] = [[]]
        for row in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(row[0]) > self.recipe.batch_tokens:
                groups.append([])
            groups[-1].append(row)
        rng.shuffle(groups)
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            tokens = torch.zeros(len(group), width, dtype=torch.long)
            weights = torch.zeros(len(group), width)
            for i, (ids, asked) in enumerate(group):
                tokens[i, : len(ids)] = torch.tensor(ids)
                chosen = torch.rand(asked) < self.recipe.prompt_share
                weights[i, :asked] = chosen * self.recipe.prompt_weight
                weights[i, asked : len(ids)] = 1.0
            yield tokens, weights


# --- model: Llama, with the parameter names of transformers ---------------------------------------------------------


class Norm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-6)


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape.hidden_size
        self.heads = shape.num_attention_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(size, size, bias=False) for _ in range(4))

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        batch, length, size = x.shape
        q, k, v = (
            p(x).view(batch, length, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: torch.Tensor = self.o_proj(mixed.transpose(1, 2).reshape(batch, length, size))
        return out


class MLP(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), MLP(shape)
        self.input_layernorm, self.post_attention_layernorm = Norm(shape.hidden_size), Norm(shape.hidden_size)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        out: torch.Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Policy(nn.Module):
    """Token ids (batch, length) to final hidden states; the embedding is tied to the output."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = Norm(shape.hidden_size)
        width = shape.hidden_size // shape.num_attention_heads
        angles = torch.outer(
            torch.arange(shape.max_position_embeddings).float(),
            shape.rope_theta ** (-torch.arange(0, width, 2).float() / width),
        )
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, -1), persistent=False)
        self.register_buffer("sin", torch.cat([angles.sin()] * 2, -1), persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                into_stream = name.endswith(("o_proj.weight", "down_proj.weight"))
                std = 0.05 / math.sqrt(2 * shape.num_hidden_layers) if into_stream else 0.05
                nn.init.normal_(parameter, std=0.02 if "embed" in name else std)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, cos, sin)
        out: torch.Tensor = self.norm(x)
        return out


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    left, right = x.chunk(2, -1)
    return (x * cos + torch.cat([-right, left], -1) * sin).to(x.dtype)


# --- training -------------------------------------------------------------------------------------------------------


def loss_of(model: Policy, tokens: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted next-token loss, and the plain mean over answer tokens."""
    hidden = model(tokens)[:, :-1]
    target, weight = tokens[:, 1:], weights[:, 1:]
    wanted = weight > 0
    logits = F.linear(hidden[wanted], model.embed_tokens.weight)
    each = F.cross_entropy(logits.float(), target[wanted], reduction="none")
    weight = weight[wanted]
    said = weight == 1.0
    return (each * weight).sum() / weight.sum(), each[said].mean().detach()


def optimizers(model: Policy, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside layers, Adam for embedding, norms and biases."""
    inside = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(inside, lr=recipe.muon_lr, momentum=0.95, weight_decay=0.01, ns_steps=4),
        torch.optim.AdamW(rest, lr=recipe.adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate(progress: float) -> float:
    """Share of the peak learning rate: warm-up over 1 %, flat to 50 %, then linear to zero."""
    return min(progress / 0.01 + 0.05, 1.0, 2 * (1 - progress))


def train(
    functions: Sequence[str], tokenizer: Tokenizer, shape: Shape, recipe: Recipe, out: Path, start: Path | None
) -> None:
    torch.manual_seed(recipe.seed)
    model = Policy(shape)
    if start is not None:
        model.load_state_dict({k.removeprefix("model."): v.float() for k, v in load_file(start).items()}, strict=False)
    opts = optimizers(model, recipe)
    peaks = [[group["lr"] for group in opt.param_groups] for opt in opts]
    began = time.time()
    started = began - 60 * recipe.elapsed
    data = iter(
        DataLoader(Examples(functions, tokenizer, recipe, started), batch_size=None, num_workers=1, prefetch_factor=8)
    )
    seen = examples = step = 0
    recent: list[float] = []
    while (progress := (time.time() - started) / (60 * recipe.minutes)) < 1:
        tokens, weights = next(data)
        for opt, rates in zip(opts, peaks, strict=True):
            for group, peak in zip(opt.param_groups, rates, strict=True):
                group["lr"] = peak * rate(progress)
        with torch.autocast("cpu", torch.bfloat16):
            loss, said = loss_of(model, tokens, weights)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        recent.append(said.item())
        seen, examples, step = seen + tokens.numel(), examples + len(tokens), step + 1
        if step % 50 == 0:
            spent = time.time() - began
            print(  # noqa: T201
                f"{spent / 60:6.1f} min  step {step}  examples {examples:,}  tokens/s {seen / spent:,.0f}  "
                f"answer loss {sum(recent[-50:]) / len(recent[-50:]):.4f}", flush=True,
            )  # fmt: skip
        if step % 200 == 0:
            save(model, tokenizer, shape, recipe, out, {"examples": examples, "tokens": seen, "steps": step})
    save(model, tokenizer, shape, recipe, out, {"examples": examples, "tokens": seen, "steps": step})


def save(model: Policy, tokenizer: Tokenizer, shape: Shape, recipe: Recipe, out: Path, counts: dict[str, int]) -> None:
    """The Hugging Face folder: config, tokenizer, weights in bfloat16, and the recipe that made them."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": p.detach().bfloat16().contiguous() for name, p in model.named_parameters()}
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
        ("training.json", {"recipe": asdict(recipe), **counts}),
    ):
        (out / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", type=Path, required=True, help="JSON lines written by ttrl_adapter.corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json to use instead of training one")
    parser.add_argument("--start", type=Path, help="model.safetensors to go on from")
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
    train(functions, tokenizer, shape, recipe, given["out"], given["start"])


if __name__ == "__main__":
    main()
