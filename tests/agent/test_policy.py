"""agent/policy.py: the engine, on a tiny model made here and on the shipped weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from agent.errors import ModelError
from agent.fix_templates import Variants
from agent.function_view import MARKS, SPECIAL_TOKENS
from agent.policy import Policy

WORDS = ["a", "b", "c", "d", *SPECIAL_TOKENS]
SIZE, INNER, LAYERS = 16, 24, 2


def make_model(folder: Path) -> Path:
    """A Llama with random weights over a vocabulary of words, in Hugging Face format."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    weights = {"model.embed_tokens.weight": (len(WORDS), SIZE), "model.norm.weight": (SIZE,)}
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        weights |= {layer + f"self_attn.{p}_proj.weight": (SIZE, SIZE) for p in "qkvo"}
        weights |= {layer + f"mlp.{p}_proj.weight": (INNER, SIZE) for p in ("gate", "up")}
        weights |= {layer + "mlp.down_proj.weight": (SIZE, INNER)}
        weights |= {layer + f"{n}_layernorm.weight": (SIZE,) for n in ("input", "post_attention")}
    save_file({k: rng.normal(size=s).astype(np.float32) for k, s in weights.items()}, folder / "model.safetensors")
    config: dict[str, float] = {"num_attention_heads": 2, "num_hidden_layers": LAYERS, "max_position_embeddings": 96}
    config |= {"eos_token_id": WORDS.index("<|end|>"), "rms_norm_eps": 1e-6, "rope_theta": 100.0}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in SPECIAL_TOKENS])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return Policy(make_model(tmp_path_factory.mktemp("model") / "tiny"))


def test_decoding_token_by_token_equals_one_pass_over_the_whole_text(policy: Policy) -> None:
    greedy = policy.sample("a b c d", n=1, temperature=0, max_tokens=8)[0]
    text = "a b c d"
    for token in policy.tokenizer.encode(greedy.text).tokens:
        step = policy.sample(text, n=1, temperature=0, max_tokens=1)[0]
        assert policy.tokenizer.encode(step.text).tokens == [token]
        text += " " + token


def test_the_same_seed_gives_the_same_samples(policy: Policy) -> None:
    first, second, other = (policy.sample("a b", n=20, seed=s) for s in (1, 1, 2))
    assert first == second != other


def test_there_are_as_many_completions_as_asked_for(policy: Policy) -> None:
    assert len(policy.sample("c", n=33, max_tokens=5)) == 33


def test_samples_follow_the_distribution(policy: Policy) -> None:
    """The share of each first token is its probability: merging equal samples must not change the distribution."""
    samples = policy.sample("a b c", n=20_000, max_tokens=1)
    shares = {c.text: 0 for c in samples}
    for c in samples:
        shares[c.text] += 1
    expected = {c.text: np.exp(c.logprob) for c in samples}
    assert all(abs(shares[text] / 20_000 - p) < 0.02 for text, p in expected.items())


def test_an_answer_begins_with_an_allowed_token(policy: Policy) -> None:
    found = policy.sample("a", n=50, first=MARKS[:2], max_tokens=3)
    assert {policy.tokenizer.encode(c.text).tokens[0] for c in found} <= set(MARKS[:2])


def test_a_stop_token_ends_an_answer(policy: Policy) -> None:
    for c in policy.sample("a", n=50, first=MARKS[:2], stop=MARKS, max_tokens=30):
        assert not set(policy.tokenizer.encode(c.text).tokens[1:-1]) & set(MARKS)


LINES = [
    Variants("<|0|> a b c", ("<|0|> a b d", "<|0|> b", "<|0|> a b c d a", "<|0|> a d c")),
    Variants("<|1|> d", ("<|1|> d d", "<|1|> a")),
]


def stepwise(policy: Policy, prompt: str, answer: str) -> float:
    """The log-probability of an answer with its end, each token from a pass of its own."""
    total, text = 0.0, prompt
    for token in [*policy.tokenizer.encode(answer).tokens, "<|end|>"]:
        wanted = policy.tokenizer.token_to_id(token)
        hidden, _ = policy._llama.prefill(policy.tokenizer.encode(text).ids)
        logits = policy._llama.logits(hidden)[0].astype(np.float64)
        total += logits[wanted] - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        text += " " + token
    return float(total)


def test_a_branch_scores_as_the_whole_answer_read_token_by_token(policy: Policy) -> None:
    scores = policy.score("a b c d", LINES)
    answers = [answer for line in LINES for answer in line.changed]
    assert np.allclose(scores, [stepwise(policy, "a b c d", answer) for answer in answers], atol=1e-3)


def test_the_branches_with_the_likeliest_beginnings_are_read(policy: Policy) -> None:
    everything, some = policy.score("a b", LINES), policy.score("a b", LINES, most=3)
    read = np.isfinite(some)
    assert read.sum() == 3 and np.allclose(some[read], everything[read], atol=1e-4)


def test_what_is_worth_more_is_read(policy: Policy) -> None:
    everything = policy.score("a b", LINES)
    reverse = policy.score("a b", LINES, worth=lambda logprobs: np.arange(len(logprobs), dtype=np.float32), most=1)
    assert np.isfinite(reverse).tolist() == [False] * (len(everything) - 1) + [True]


def test_a_line_that_is_too_long_is_a_clear_error(policy: Policy) -> None:
    with pytest.raises(ModelError, match="tokens"):
        policy.score("a b", [Variants("<|0|> " + "a " * 95, ("<|0|> b",))])


def test_temperature_zero_says_the_same_every_time(policy: Policy) -> None:
    assert len({c.text for c in policy.sample("d c b", n=10, temperature=0)}) == 1


def test_a_prompt_that_is_too_long_is_a_clear_error(policy: Policy) -> None:
    with pytest.raises(ModelError, match="tokens"):
        policy.sample("a " * 90, n=1)


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_broken_folder_is_a_clear_error(broken: str, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "tiny")
    (folder / broken).write_bytes(b"\x00garbage")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Policy(folder)


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Policy(tmp_path / "nowhere")


def test_the_shipped_policy_knows_every_mark() -> None:
    tokenizer = Policy().tokenizer
    assert all(tokenizer.encode(token).tokens == [token] for token in SPECIAL_TOKENS)
