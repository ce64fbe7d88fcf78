"""Makes the tiny model of `sleepwright eval ttrl` from nothing: it sorts eight digits, not yet well. Needs torch.

    python -m evals.sorting_model --out FOLDER --seed 0

It is taught by right answers until it sorts about half of what it is asked (at temperature 1): a prior that agreement
can sharpen. A folder in Hugging Face format, for the trainer and for the numpy engine alike.
"""

import argparse
import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from agent.function_view import END

DIGITS = 8
ENOUGH = 0.5
"""Share of right answers at which the teaching ends."""
_BATCH, _MOST_STEPS, _CHECK_EVERY = 128, 1500, 10


def make_tokenizer() -> Tokenizer:
    """One token a character."""
    tokenizer = Tokenizer(models.WordLevel({character: i for i, character in enumerate("0123456789>")}, unk_token=">"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(END, special=True)])
    return tokenizer


def batch(rng: random.Random, rows: int) -> torch.Tensor:
    """(rows, 2 * DIGITS + 2) token ids: digits, >, the digits sorted, end."""
    drawn = [[rng.randrange(10) for _ in range(DIGITS)] for _ in range(rows)]
    return torch.tensor([[*digits, 10, *sorted(digits), 11] for digits in drawn])


def loss_of(model: Any, rows: torch.Tensor) -> torch.Tensor:
    labels = rows.clone()
    labels[:, : DIGITS + 1] = -100
    loss: torch.Tensor = model(input_ids=rows, labels=labels).loss
    return loss


@torch.no_grad()
def share_right(model: Any, rng: random.Random) -> float:
    """Mean probability of the right answer: pass@1 at temperature 1, without the noise of drawing."""
    rows = batch(rng, 256)
    logprobs = torch.log_softmax(model(input_ids=rows).logits[:, DIGITS:-1].float(), -1)
    said = logprobs.gather(-1, rows[:, DIGITS + 1 :, None])[..., 0].sum(-1)
    return float(said.exp().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    rng = random.Random(given.seed)
    config = LlamaConfig(
        vocab_size=12, hidden_size=96, intermediate_size=256, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=128, rms_norm_eps=1e-6, tie_word_embeddings=True, bos_token_id=None, eos_token_id=11,
        pad_token_id=11,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(1, _MOST_STEPS + 1):
        loss_of(model, batch(rng, _BATCH)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % _CHECK_EVERY == 0 and share_right(model, rng) >= ENOUGH:
            break
    model.save_pretrained(given.out)
    PreTrainedTokenizerFast(
        tokenizer_object=make_tokenizer(), eos_token=END, pad_token=END, clean_up_tokenization_spaces=False
    ).save_pretrained(given.out)
    print(f"{step} steps, {share_right(model, rng):.3f} right")  # noqa: T201


if __name__ == "__main__":
    main()
