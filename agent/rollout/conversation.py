"""What a candidate has said and seen, as it is sent to the model: within the context, whatever the length of the work.

Where it fills, old results are left out first, then long arguments of old calls, then whole old turns, of which a line
each remains. The opening (rules and task) and the latest turns stay. Much is left out at once and then nothing for a
while, so that the server's cache of the beginning holds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.chat import Message, count_prompt, count_tokens
from agent.rollout.observation import shortened
from agent.templates import fenced

AFTER = 0.6
"""The share of the budget that remains filled when something had to be left out."""
LATEST = 4
"""Turns at the end that are left as they are while that is possible."""
MOST_LINES = 150
"""Of turns that were left out."""

_SHORT = 200  # characters that are not worth leaving out


@dataclass
class Turn:
    """An answer of the model and what it was told in return."""

    answer: Message
    results: tuple[Message, ...]
    line: str
    """What remains of it where it is left out."""
    is_short: bool = False

    @property
    def messages(self) -> tuple[Message, ...]:
        return (self.answer, *self.results)


class Conversation:
    """Grows by turns."""

    def __init__(self, opening: Sequence[Message]) -> None:
        self._opening = tuple(opening)
        self._turns: list[Turn] = []
        self._left_out: list[str] = []

    def add(self, turn: Turn) -> None:
        """The newest turn."""
        self._turns.append(turn)

    def fit(self, budget: int) -> list[Message]:
        """What to send, at most `budget` tokens as far as that can be."""
        if self._tokens() > budget:
            self._compact(int(budget * AFTER))
        return list(self._messages())

    def _messages(self) -> Iterator[Message]:
        *first, task = self._opening
        yield from first
        yield self._with_lines(task) if self._left_out else task
        for turn in self._turns:
            yield from turn.messages

    def _with_lines(self, task: Message) -> Message:
        lines = self._left_out[-MOST_LINES:]
        older = (
            [f"[... {len(self._left_out) - len(lines)} more before ...]"] if len(self._left_out) > len(lines) else []
        )
        heading = "# What you have done so far, in short\n\nThe turns themselves are left out to save room."
        return replace(task, content=f"{task.content}\n\n{heading}\n" + fenced("\n".join([*older, *lines])))

    def _tokens(self) -> int:
        left_out = sum(map(count_tokens, self._left_out[-MOST_LINES:]))
        return left_out + count_prompt(self._opening) + sum(count_prompt(turn.messages) for turn in self._turns)

    def _compact(self, target: int) -> None:
        for turn in self._turns[:-LATEST]:
            if self._tokens() <= target:
                return
            if not turn.is_short:
                turn.results = tuple(map(_without_result, turn.results))
                turn.answer = _without_long_arguments(turn.answer)
                turn.is_short = True
        while self._tokens() > target and len(self._turns) > LATEST:
            self._left_out.append(self._turns.pop(0).line)
        for most in (4000, 1000):
            for turn in self._turns:
                if self._tokens() > target:
                    turn.results = tuple(
                        replace(result, content=shortened(result.content, most)) for result in turn.results
                    )
                    turn.answer = _without_long_arguments(turn.answer, most)
        while self._tokens() > target and len(self._turns) > 1:
            self._left_out.append(self._turns.pop(0).line)


def _without_result(message: Message) -> Message:
    if len(message.content) <= _SHORT:
        return message
    first = message.content.partition("\n")[0][:_SHORT]
    return replace(message, content=f"{first}\n[The rest of this result is left out to save room.]")


def _without_long_arguments(answer: Message, most: int = _SHORT) -> Message:
    calls = tuple(call._replace(arguments=_short_arguments(call.arguments, most)) for call in answer.calls)
    return replace(answer, content=shortened(answer.content, max(most, 1000)), calls=calls)


def _short_arguments(arguments: str, most: int) -> str:
    if len(arguments) <= most:
        return arguments
    given: dict[str, Any] = json.loads(arguments)
    return json.dumps({name: _short(value, most) for name, value in given.items()})


def _short(value: Any, most: int) -> Any:
    if not isinstance(value, str) or len(value) <= most:
        return value
    return f"{value[: most // 2]} [... left out to save room ...]"
