"""The words of a conversation with a chat model: messages, replies, and how many tokens a text roughly has."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from memory.records import Tokens


class ToolCall(NamedTuple):
    """A call of a tool, as the model wrote it."""

    id: str
    """Empty where there is none."""
    name: str
    arguments: str
    """A JSON object, or what should be one."""


@dataclass(frozen=True)
class Message:
    """One turn."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    """Of an assistant."""
    call_id: str = ""
    """Of a tool: the call that this is the result of."""

    @cached_property
    def tokens(self) -> int:
        """Roughly; every turn and every call has a few around it."""
        calls = sum(count_tokens(call.name + call.arguments) + 8 for call in self.calls)
        return count_tokens(self.content) + calls + 4

    @cached_property
    def as_sent(self) -> Mapping[str, Any]:
        """As OpenAI's API has it."""
        sent: dict[str, Any] = {"role": self.role, "content": writable(self.content)}
        if self.calls:
            sent["tool_calls"] = [
                {"id": id, "type": "function", "function": {"name": name, "arguments": writable(arguments)}}
                for id, name, arguments in self.calls
            ]
        return {**sent, "tool_call_id": self.call_id} if self.call_id else sent


@dataclass(frozen=True)
class Reply:
    """One completion."""

    text: str
    """What the model said, without its reasoning."""
    finish: str
    """As the server says: "stop", "length" where it was cut, "content_filter" ..."""
    tokens: Tokens
    """This reply's share: the prompt and the call are counted on the first reply of a request."""
    seconds: float
    """Wall clock of the request, shared out among its replies."""
    calls: tuple[ToolCall, ...] = ()
    """Of tools, where the endpoint told them apart from the text."""

    @property
    def was_cut(self) -> bool:
        return self.finish == "length"


class Live(NamedTuple):
    """How far a sampling call is."""

    finished: int
    tokens: int
    """Written so far, roughly."""


Watch = Callable[[Live], bool]
"""Is told a few times a second how far sampling is, from any thread; False ends it."""

_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|[^\w\s]+|_+|\n+")
_PIECE_LENGTH = 7
_THOUGHT = re.compile(r"\s*<(think|thinking|thought|reasoning)>(.*?)(</\1>|\Z)", re.DOTALL)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|reasoning)>")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


def count_tokens(text: str) -> int:
    """Roughly how many tokens a model reads in a text: words, numbers, signs and line breaks, long ones split."""
    return sum(1 + (len(piece) - 1) // _PIECE_LENGTH for piece in _PIECE.findall(text))


def count_prompt(messages: Sequence[Message]) -> int:
    """Roughly the prompt tokens of a conversation."""
    return sum(message.tokens for message in messages)


def writable(text: str) -> str:
    """Without lone surrogates, which stand for bytes that are not UTF-8."""
    return text.encode("utf-8", "replace").decode()


def without_reasoning(text: str) -> str:
    """The answer in a text that may begin with leaked reasoning, whose opening tag may be in the prompt."""
    while thought := _THOUGHT.match(text):
        text = text[thought.end() :]
    end = _THOUGHT_END.search(text)
    if end and (_stands_alone(text, end) or not _FENCE.search(text, 0, end.start())):
        text = text[end.end() :]
    return text.strip("\n")


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    line_start = text.rfind("\n", 0, match.start()) + 1
    return text[line_start : match.start()].strip() == "" and text[match.end() :].partition("\n")[0].strip() == ""
