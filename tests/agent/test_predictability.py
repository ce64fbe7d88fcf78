"""How likely a text is: from the answers of endpoints that tell; the others are asked once, and no more."""

import json
import math
from typing import Any

import pytest

from agent.limits import Limits
from agent.openai_model import OpenAIModel
from agent.predictability import NotTold, read_predicted
from agent.scripted_server import Scripted, ScriptedServer, error, web_page
from memory.records import Tokens


def told(body: dict[str, Any], **more: Any) -> str:
    """As vLLM answers: a token a character, whose probability is its place's inverse, and one token that it wrote."""
    prompt = str(body["prompt"])
    values: list[float | None] = [None, *(-math.log(place) for place in range(1, len(prompt)))]
    logprobs = {"tokens": [*prompt, "!"], "token_logprobs": [*values, -9.0], **more}
    usage = {"prompt_tokens": len(prompt), "completion_tokens": 1}
    return json.dumps({"choices": [{"index": 0, "text": f"{prompt}!", "logprobs": logprobs}], "usage": usage})


def test_only_the_tokens_of_the_text_count() -> None:
    found = read_predicted(told({"prompt": "abcd"}).encode(), "cd")
    assert found.nats == pytest.approx(-(math.log(2) + math.log(3)) / 2)
    assert found.tokens == Tokens(prompt=4, completion=1, calls=1)


@pytest.mark.parametrize(
    "answer",
    [
        "<html>",
        "[]",
        "[" * 100_000,
        '{"usage": {"prompt_tokens": 1e999}, "choices": [{"logprobs": {}}]}',
        json.dumps({"choices": [{"text": "!", "logprobs": None}], "usage": {"prompt_tokens": 4}}),
        told({"prompt": "abcd"}, tokens=["!"], token_logprobs=[-1.0]),  # it has not echoed the prompt
        told({"prompt": "ab"}),  # nor told of the first token
    ],
)
def test_an_answer_that_says_nothing_of_the_text_is_none(answer: str) -> None:
    with pytest.raises(NotTold):
        read_predicted(answer.encode(), "ab")


def test_an_endpoint_that_tells_is_asked_each_time() -> None:
    asked: list[dict[str, Any]] = []

    def completions(body: dict[str, Any]) -> Scripted:
        asked.append(body)
        return Scripted(body=told(body))

    with ScriptedServer(completions=completions) as server, OpenAIModel("scripted", server.url) as model:
        found = [model.predictability("ab", text) for text in ("cd", "efgh")]
        assert model.meter.used == Tokens(prompt=4 + 6, completion=2, calls=2)
    assert [each is not None and each.nats < 0 for each in found] == [True, True]
    assert asked[0] == {
        **{"model": "scripted", "prompt": "abcd", "max_tokens": 1, "temperature": 0.0, "echo": True, "logprobs": 1}
    }


@pytest.mark.parametrize("answer", [error(404, "Not Found"), error(400, "echo is not supported"), web_page()])
def test_one_that_does_not_is_asked_once(answer: Scripted) -> None:
    asked: list[dict[str, Any]] = []

    def completions(body: dict[str, Any]) -> Scripted:
        asked.append(body)
        return answer

    with ScriptedServer(completions=completions) as server, OpenAIModel("scripted", server.url) as model:
        assert [model.predictability("ab", "cd") for _ in range(3)] == [None] * 3
        assert len(asked) == 1


def test_nothing_is_asked_beyond_the_limit() -> None:
    with ScriptedServer(completions=lambda body: Scripted(body=told(body))) as server:
        with OpenAIModel("scripted", server.url, limits=Limits(tokens=1, calls=None)) as model:
            assert model.predictability("a word", " and another one") is None


def test_who_waits_can_leave() -> None:
    with ScriptedServer(completions=lambda body: Scripted(silence=1_000.0)) as server:
        with OpenAIModel("scripted", server.url) as model:
            assert model.predictability("ab", "cd", lambda live: False) is None
