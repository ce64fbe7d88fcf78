"""How fast is the embedded policy, beside baselines on the same prompt in the same process?

Baselines: the same engine asked for one sample at a time, and transformers on torch where both are installed.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.function_view import MARKS, prompt
from agent.policy import Policy
from evals.tables import Column, Table
from memory.records import Record

PROMPT_TOKENS = 300
SAMPLES = 16


class Timing(Record):
    """Median seconds of a step, and how many times the first step's that is."""

    step: str
    seconds: float
    ratio: float | None = None


def long_prompt(policy: Policy, tokens: int = PROMPT_TOKENS) -> str:
    """A function of about `tokens` tokens with three marked lines."""
    lines = ["def total(prices, rates, limit):", "    result = 0"]
    while policy.count(prompt(lines, [1], 10_000)) < tokens - 12:
        lines += ["    for i in range(len(prices)):", "        result += prices[i] * rates[i]"]
    return prompt([*lines, "    return result"], [1, 3, 5], 10_000)


def measure(folder: Path, rounds: int) -> list[Timing]:
    """Medians over `rounds`: loading, 16 samples together, 16 one by one, and by transformers where it is installed."""
    policy = Policy(folder)
    text = long_prompt(policy)

    def together() -> None:
        policy.sample(text, n=SAMPLES, first=MARKS[:3], stop=MARKS)

    def one_by_one() -> None:
        for seed in range(SAMPLES):
            policy.sample(text, n=1, seed=seed, first=MARKS[:3], stop=MARKS)

    steps: list[tuple[str, Callable[[], object]]] = [
        ("load the model", lambda: Policy(folder)),
        (f"{SAMPLES} samples, {policy.count(text)}-token prompt", together),
        ("the same, one by one", one_by_one),
    ]
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        steps.append(("the same, transformers on torch", _transformers(folder, text)))
    medians = [(name, _median(step, rounds)) for name, step in steps]
    base = medians[1][1]
    return [Timing(step=n, seconds=s, ratio=s / base if i > 0 else None) for i, (n, s) in enumerate(medians)]


def table(timings: Sequence[Timing]) -> Table:
    """A row for each step."""
    return Table(
        name="speed",
        caption="Median seconds, and how many times as long as the samples together it takes.",
        columns=(Column(name="step"), Column(name="seconds", format=".3f"), Column(name="ratio", format=".1f")),
        rows=tuple((one.step, one.seconds, one.ratio) for one in timings),
    )


def _median(step: Callable[[], object], rounds: int) -> float:
    step()
    spent = []
    for _ in range(rounds):
        began = time.perf_counter()
        step()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def _transformers(folder: Path, text: str) -> Callable[[], object]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    inputs = tokenizer(text, return_tensors="pt")
    return lambda: model.generate(**inputs, do_sample=True, num_return_sequences=SAMPLES, max_new_tokens=64)
