"""Reads the body of a chat completion as it arrives: server-sent events, or one JSON object from who does not stream.

Tolerant: no usage, null content, missing indices, whole messages instead of deltas, comments, no final `[DONE]`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.chat import Reply, ToolCall, count_tokens, without_reasoning
from agent.endpoint import is_web_page
from memory.records import Tokens

LARGEST = 64 * 1024 * 1024
"""Bytes; no answer is larger."""


class Unreadable(Exception):
    """The body is no chat completion; says what it is instead."""

    def __init__(self, what: str, *, retry: bool) -> None:
        super().__init__(what)
        self.retry = retry
        """Whether it looks like a chat completion that went wrong."""


class Refused(Exception):
    """The body is an error, sent with a status that says success or after the answer had begun."""

    def __init__(self, body: str, status: int) -> None:
        super().__init__(body)
        self.body = body
        self.status = status


class Usage(NamedTuple):
    """What the server counted."""

    prompt: int | None
    completion: int | None


@dataclass
class Call:
    """One call of a tool in the making."""

    id: str = ""
    name: str = ""
    parts: list[str] = field(default_factory=list)


@dataclass
class Choice:
    """One answer in the making."""

    parts: list[str] = field(default_factory=list)
    open_calls: dict[int, Call] = field(default_factory=dict)
    """In the order in which they began."""
    finish: str | None = None
    tokens: int = 0
    """Roughly, its reasoning included."""

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(ToolCall(call.id, call.name, "".join(call.parts)) for call in self.open_calls.values())


class ChatStream:
    """Takes the bytes of a body; `choices` grow as they arrive."""

    def __init__(self) -> None:
        self.choices: dict[int, Choice] = {}
        self.usage = Usage(None, None)
        self._line: list[bytes] = []
        self._other: list[bytes] = []
        self._size = 0
        self._is_done = False
        self._is_stream = False

    @property
    def tokens(self) -> int:
        """Written so far, roughly."""
        return sum(choice.tokens for choice in self.choices.values())

    @property
    def finished(self) -> int:
        """Answers that are complete."""
        return sum(choice.finish is not None for choice in self.choices.values())

    def cut_if_longer(self, tokens: int) -> bool:
        """Whether every answer is complete or longer than this, and one is not complete; it counts as cut then."""
        open_ones = [choice for choice in self.choices.values() if choice.finish is None]
        if not open_ones or any(choice.tokens <= tokens for choice in open_ones):
            return False
        for choice in open_ones:
            choice.finish = "length"
        return True

    def feed(self, data: bytes) -> bool:
        """Read on; whether a piece of an answer was in it."""
        self._size += len(data)
        if self._size > LARGEST:
            raise Unreadable(f"an answer of more than {LARGEST} bytes", retry=False)
        # Only real line breaks: a JSON string may hold other separators as they are.
        first, *rest = data.split(b"\n")
        self._line.append(first)
        if not rest:
            return False
        lines = [b"".join(self._line), *rest]
        self._line = [lines.pop()]
        return any([self._read_line(line) for line in lines])

    def end(self) -> None:
        """The body is at its end. Raises Unreadable where it stops within an answer or is none at all."""
        self._read_line(b"".join(self._line))
        if not self._is_stream:
            self._read_whole(b"\n".join(self._other).decode("utf-8", "replace"))
        for choice in self.choices.values():
            if choice.finish is None and (self._is_done or not self._is_stream):
                choice.finish = "stop"
        if not self.choices:
            raise Unreadable("no answer in it", retry=True)
        if any(choice.finish is None for choice in self.choices.values()):
            raise Unreadable("the answer stops in the middle", retry=True)

    def _read_line(self, line: bytes) -> bool:
        line = line.rstrip(b"\r")
        name, colon, value = line.partition(b":")
        if name not in (b"data", b"event", b"id", b"retry", b"") or not colon:
            self._other.append(line)
            return False
        self._is_stream = self._is_stream or name == b"data"
        value = value.strip()
        if name != b"data" or not value:
            return False
        if value == b"[DONE]":
            self._is_done = True
            return False
        try:
            chunk = json.loads(value)
        except (ValueError, RecursionError):
            raise Unreadable("broken JSON in the stream", retry=True) from None
        return self._read_chunk(chunk)

    def _read_whole(self, text: str) -> None:
        try:
            self._read_chunk(json.loads(text))
        except (ValueError, RecursionError):
            what = "a web page" if is_web_page(text) else "nothing" if not text.strip() else "no JSON"
            raise Unreadable(what, retry=not text.strip()) from None

    def _read_chunk(self, chunk: Any) -> bool:
        if not isinstance(chunk, dict):
            raise Unreadable("JSON of another kind", retry=False)
        if error := chunk.get("error") or (chunk if chunk.get("object") == "error" else None):
            code = error.get("code") if isinstance(error, dict) else None
            raise Refused(json.dumps(chunk), code if isinstance(code, int) and 400 <= code < 600 else 500)
        if isinstance(usage := chunk.get("usage"), dict):
            counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
            self.usage = Usage(*(count if isinstance(count, int) and count > 0 else None for count in counts))
        said = chunk.get("choices")
        choices = said if isinstance(said, list) else []
        return any([self._read_choice(choice) for choice in choices if isinstance(choice, dict)])

    def _read_choice(self, data: dict[str, Any]) -> bool:
        index = data.get("index")
        choice = self.choices.setdefault(index if isinstance(index, int) else 0, Choice())
        said = data.get("delta") or data.get("message")
        delta: dict[str, Any] = said if isinstance(said, dict) else {}
        text = _text(delta.get("content")) or _text(data.get("text"))
        reasoning = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
        choice.parts.append(text)
        called = _calls(delta)
        for number, call in enumerate(called):
            choice.tokens += _read_call(choice.open_calls, call, number if len(called) > 1 else None)
        choice.tokens += count_tokens(text) + count_tokens(reasoning)
        if isinstance(finish := data.get("finish_reason"), str):
            choice.finish = finish
        return bool(text or reasoning or called)


def replies_of(done: Sequence[Choice], spent: Tokens, lost: Tokens, seconds: float) -> list[Reply]:
    """The tokens of the request shared out: the completion by length, the rest and what was lost to the first."""
    weights = [max(1, choice.tokens) for choice in done]
    shares = [spent.completion * weight // sum(weights) for weight in weights]
    replies = []
    for i, (choice, share) in enumerate(zip(done, shares, strict=True)):
        tokens = Tokens(completion=share)
        if i == 0:
            rest = spent.model_copy(update={"completion": spent.completion - sum(shares)})
            tokens += rest + lost
        text, finish = without_reasoning(choice.text), choice.finish or "stop"
        replies.append(Reply(text, finish, tokens, seconds / len(done), choice.calls))
    return replies


def _calls(delta: dict[str, Any]) -> list[dict[str, Any]]:
    """The pieces of tool calls in a delta; before there were tools, there was one function."""
    called = delta.get("tool_calls")
    if isinstance(called, list):
        return [call for call in called if isinstance(call, dict)]
    return [{"function": delta["function_call"]}] if isinstance(delta.get("function_call"), dict) else []


def _read_call(calls: dict[int, Call], data: dict[str, Any], number: int | None) -> int:
    """Add a piece to the call that it belongs to; returns its tokens, roughly.

    `number` is its place where several came at once. Some endpoints give all calls the index 0, or none: a new id, or a
    name where there is one already, begins a new call.
    """
    said = data.get("function")
    function: dict[str, Any] = said if isinstance(said, dict) else data
    id, name, given = (found or "" for found in (data.get("id"), function.get("name"), function.get("arguments")))
    arguments = given if isinstance(given, str) else json.dumps(given)
    index = data.get("index")
    key = index if isinstance(index, int) else number if number is not None else max(calls, default=0)
    known = calls.get(key)
    if known and ((id and known.id and id != known.id) or (name and known.name and name != known.name)):
        key = next((key for key, call in calls.items() if id and call.id == id), max(calls) + 1)
    call = calls.setdefault(key, Call())
    call.id = call.id or _text(id)
    call.name = call.name or _text(name)
    call.parts.append(_text(arguments))
    return count_tokens(_text(name) + _text(arguments))


def _text(content: object) -> str:
    """The text of a content that is a string, null, or a list of parts."""
    if isinstance(content, list):
        return "".join(_text(part.get("text")) for part in content if isinstance(part, dict))
    return content.encode("utf-8", "replace").decode() if isinstance(content, str) else ""
