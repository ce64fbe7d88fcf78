"""The Llama that agent/llama.py runs, in torch, to be trained: the parameter names are those of transformers, matrix
products are in bfloat16."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from ttrl_adapter.broken_examples import Batch


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
