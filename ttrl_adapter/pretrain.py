"""Makes the embedded policy from nothing: a small Llama that repairs one-line Python bugs. Needs torch.

    python -m ttrl_adapter.pretrain --help

Data: functions of the standard library and of installed packages (corpus.py) with a fresh generated bug each time
(bugs.py), in the form of agent/function_view.py. Early in training the answer repeats or repairs many lines: more to
learn from each prompt that is read; later there is one bug and one line. The loss counts the answer fully and the
prompt a little. Examples are packed into rows of one length, so that the compiled step has one shape. Weights are
written in Hugging Face format; transformers and vLLM load them unchanged.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

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
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    max_position_embeddings: int = 512
    rope_theta: float = 10000.0


Stage = Literal["all", "many", "one"]
"""all: repeat every marked line, repaired where it is broken (teaches copying); many: repair several broken lines;
one: the task itself."""


@dataclass(frozen=True)
class Recipe:
    """How it is trained; the defaults are of the shipped weights' first training; training.json tells both."""

    million_tokens: float = 43.0
    """Length of the training, padding included; the schedule follows it, so that it ends at a learning rate of zero."""
    rows: int = 16
    row_tokens: int = 256
    """A batch is rows x row_tokens; several examples share a row and do not see each other."""
    small_until: float = 0.15
    """Share of training with one batch a step; later two."""
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    prompt_weight: float = 0.03
    """Mean loss weight of a prompt token; an answer token counts 1."""
    scored_share: float = 0.375
    """Share of the tokens whose loss is computed, answers first: the output layer is dear."""
    all_until: float = 0.08
    many_until: float = 0.6
    """Shares of training at which the stages `all` and `many` end; before, a fifth of the examples has one bug."""
    seed: int = 0


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
        for _ in range(len(lines) // 3):
            more = break_function("\n".join(lines), rng)
            if more and len(more.fixed) == 1 and len(more.broken) == len(lines) and more.line not in repairs:
                lines = more.broken
                repairs[more.line] = more.fixed
            if len(repairs) >= 6:
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


class Row(NamedTuple):
    """Token ids of prompt and answer, and how many of them are the prompt."""

    ids: list[int]
    asked: int


class Batch(NamedTuple):
    """One shape for all batches: R rows of T tokens, K of which are scored."""

    tokens: torch.Tensor
    """(R, T) token ids."""
    segments: torch.Tensor
    """(R, T) which example of its row a token belongs to; tokens see their own only."""
    scored: torch.Tensor
    """(K,) positions in the flattened batch whose next token is scored."""
    targets: torch.Tensor
    """(K,) those next tokens."""
    weights: torch.Tensor
    """(K,) loss weights: 1 of an answer token, less of a prompt token, 0 of filling."""


class Examples(IterableDataset[Batch]):
    """Endless packed batches; the function order is shuffled anew each epoch."""

    def __init__(self, functions: Sequence[str], tokenizer: Tokenizer, recipe: Recipe, done: int) -> None:
        self.functions, self.tokenizer, self.recipe, self.done = functions, tokenizer, recipe, done

    def __iter__(self) -> Iterator[Batch]:
        recipe = self.recipe
        seen = self.done
        rng = random.Random(f"{recipe.seed} {seen}")
        pool: list[Row] = []
        while True:
            for text in rng.sample(self.functions, len(self.functions)):
                progress = seen / (1e6 * recipe.million_tokens)
                stage: Stage = (
                    "all" if progress < recipe.all_until else "many" if progress < recipe.many_until else "one"
                )
                made = make_example(text, stage if rng.random() < 0.8 else "one", rng)
                if made is None:
                    continue
                asked, said = (e.ids for e in self.tokenizer.encode_batch(list(made)))
                if len(asked) + len(said) <= recipe.row_tokens:
                    pool.append(Row(asked + said, len(asked)))
                if len(pool) == 1024:
                    packed = pack(pool, recipe.row_tokens)
                    rng.shuffle(packed)
                    pool = [row for rest in packed[len(packed) // recipe.rows * recipe.rows :] for row in rest]
                    for start in range(0, len(packed) - recipe.rows + 1, recipe.rows):
                        seen += recipe.rows * recipe.row_tokens
                        yield batch_of(packed[start : start + recipe.rows], recipe, rng)


def pack(pool: Sequence[Row], room: int) -> list[list[Row]]:
    """Rows of examples, the longest first, each put where it leaves the least room."""
    packed: list[list[Row]] = []
    left: list[int] = []
    for row in sorted(pool, key=lambda row: -len(row.ids)):
        fitting = [i for i, space in enumerate(left) if space >= len(row.ids)]
        if fitting:
            best = min(fitting, key=lambda i: left[i])
            packed[best].append(row)
            left[best] -= len(row.ids)
        else:
            packed.append([row])
            left.append(room - len(row.ids))
    return packed


def batch_of(packed: Sequence[Sequence[Row]], recipe: Recipe, rng: random.Random) -> Batch:
    """The tensors of some packed rows."""
    tokens = torch.zeros(recipe.rows, recipe.row_tokens, dtype=torch.long)
    segments = torch.full((recipe.rows, recipe.row_tokens), -1)
    said: list[int] = []
    asked: list[int] = []
    for r, examples in enumerate(packed):
        start = 0
        for number, row in enumerate(examples):
            end = start + len(row.ids)
            tokens[r, start:end] = torch.tensor(row.ids)
            segments[r, start:end] = number
            offset = r * recipe.row_tokens + start
            asked += range(offset, offset + row.asked - 1)
            said += range(offset + row.asked - 1, offset + len(row.ids) - 1)
            start = end
    most = int(recipe.scored_share * recipe.rows * recipe.row_tokens)
    said = rng.sample(said, min(most, len(said)))
    some = rng.sample(asked, min(most - len(said), len(asked)))
    scored = torch.zeros(most, dtype=torch.long)
    weights = torch.zeros(most)
    scored[: len(said) + len(some)] = torch.tensor(said + some)
    weights[: len(said)] = 1.0
    if some:
        weights[len(said) : len(said) + len(some)] = recipe.prompt_weight * len(asked) / len(some)
    return Batch(tokens, segments, scored, tokens.flatten()[scored + 1], weights)


# --- model: Llama, with the parameter names of transformers; matrix products in bfloat16 ----------------------------


class Norm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return (wide * scale * self.weight).bfloat16()


def apply(layers: Sequence[nn.Linear], x: torch.Tensor) -> torch.Tensor:
    """Several linear layers of one input as one product: their outputs side by side."""
    return F.linear(x, torch.cat([layer.weight for layer in layers]).bfloat16())


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape.hidden_size
        self.heads = shape.num_attention_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(size, size, bias=False) for _ in range(4))

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        batch, length, size = x.shape
        projected = apply((self.q_proj, self.k_proj, self.v_proj), x)
        q, k, v = projected.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        # Written out: on a CPU the fused attention of torch takes a quarter of the step, this a tenth.
        scores = (q @ k.transpose(-1, -2)) * (size // self.heads) ** -0.5 + mask
        mixed = torch.softmax(scores.float(), -1).bfloat16() @ v
        return apply((self.o_proj,), mixed.transpose(1, 2).reshape(batch, length, size))


class MLP(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = apply((self.gate_proj, self.up_proj), x).chunk(2, -1)
        return apply((self.down_proj,), F.silu(gate) * up)


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), MLP(shape)
        self.input_layernorm, self.post_attention_layernorm = Norm(shape.hidden_size), Norm(shape.hidden_size)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        out: torch.Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Policy(nn.Module):
    """The training step's loss; the embedding is tied to the output."""

    cos: torch.Tensor
    sin: torch.Tensor

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

    def forward(self, batch: Batch, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weighted next-token loss, and the plain mean over answer tokens; the mask is `visible(batch.segments)`."""
        embedding = self.embed_tokens.weight.bfloat16()
        length = batch.tokens.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = F.embedding(batch.tokens, embedding)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        hidden = self.norm(x).flatten(0, 1)[batch.scored]
        each = F.cross_entropy(F.linear(hidden, embedding).float(), batch.targets, reduction="none")
        said = (batch.weights == 1.0).float()
        answers = (each.detach() * said).sum() / said.sum()
        return (each * batch.weights).sum() / batch.weights.sum(), answers


def visible(segments: torch.Tensor) -> torch.Tensor:
    """(R, 1, T, T), what is added to a score: 0 where a token sees another. Outside of the compiled step, which would
    work it out again in every layer."""
    together = segments[:, :, None] == segments[:, None, :]
    return torch.where(together.tril(), 0.0, -30000.0).bfloat16()[:, None]


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    left, right = x.float().chunk(2, -1)
    return (x.float() * cos + torch.cat([-right, left], -1) * sin).to(x.dtype)


# --- training -------------------------------------------------------------------------------------------------------


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
