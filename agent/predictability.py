"""How likely a text is after another one, as a model has it, read from an endpoint that tells it of what it is given.

The paper's measure of how well a question can be foreseen (Sleep-time Compute, arXiv 2504.13171, section 5.4). Asked as
OpenAI's old completions were: `echo` with `logprobs`, which vLLM still answers. Other endpoints refuse, or ignore it.
"""

import json
from typing import Any, NamedTuple

from memory.records import Tokens


class Predicted(NamedTuple):
    """What an endpoint said of a text."""

    nats: float
    """Natural logarithm of the probability of a token of the text, on average: 0 is certain."""
    tokens: Tokens
    """What asking has cost."""


class NotTold(Exception):
    """The answer says nothing of the text."""


def question_body(model: str, before: str, text: str) -> dict[str, Any]:
    """The request for how likely `text` is after `before`."""
    # vLLM wants to write at least one token.
    return {
        "model": model,
        "prompt": before + text,
        "max_tokens": 1,
        "temperature": 0.0,
        "echo": True,
        "logprobs": 1,
    }


def read_predicted(data: bytes, text: str) -> Predicted:
    """What the answer to `question_body` says of its text. Raises NotTold."""
    try:
        answer = json.loads(data)
        usage, found = answer["usage"], answer["choices"][0]["logprobs"]
        prompt = int(usage["prompt_tokens"])
        told = list(zip(found["tokens"], found["token_logprobs"], strict=True))[:prompt]
        values = _last([(str(token), value) for token, value in told], len(text))
        spent = Tokens(prompt=prompt, completion=int(usage.get("completion_tokens") or 0), calls=1)
        return Predicted(sum(values) / len(values), spent)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise NotTold(f"it has no log-probabilities of the prompt ({type(error).__name__})") from error


def _last(told: list[tuple[str, float | None]], length: int) -> list[float]:
    """Of the tokens that the last so many characters consist of; counted from the end, because characters that are cut
    into several tokens are sent as one each. ValueError where it is not told of all of them."""
    values: list[float] = []
    for token, value in reversed(told):
        if length <= 0:
            break
        if value is None:
            break
        values.append(float(value))
        length -= len(token)
    if length > 0:
        raise ValueError("the text is longer than what is told")
    return values
