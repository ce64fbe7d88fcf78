"""One candidate at work: ask the model, execute its calls, tell it what came of them, until it submits.

Every step is in the log before the next begins, and a log that is not empty is gone on with: what was said and done
is taken from it, and only the step that was cut is done again.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from agent.chat import Live, Message, Reply, ToolCall, Watch, count_prompt, count_tokens
from agent.errors import ContextExceeded, ModelError, ToolsRefused
from agent.openai_model import OpenAIModel
from agent.rollout.conversation import Conversation, Turn
from agent.rollout.observation import LONGEST, shortened
from agent.rollout.stagnation import Stagnation
from agent.rollout.toolbox import Toolbox
from agent.templates import fenced, render
from agent.tool_calls import Call, known_name, read_calls
from agent.tool_specs import example, offered
from memory.records import Tokens
from memory.runs import Step, StepCall, StepLog

PROMPT_TOKENS = 96_000
"""Of a model whose context is not known."""
ANSWER_TOKENS = 8_192
"""Reasoning included."""
MOST_TURNS = 300

Ending = Literal[
    "submitted", "stuck", "turns_exceeded", "limits_exceeded", "time_exceeded", "context_exceeded", "model_failed"
]
_PASSING = ("limits_exceeded", "time_exceeded", "model_failed")
"""Not the end for a process that resumes the run: it has time and room of its own."""

_MOST_SHORTENINGS = 4
_TOOL_TOKENS = count_tokens(json.dumps(offered()))


class Outcome(NamedTuple):
    """How the work of a candidate ended."""

    how: Ending
    summary: str
    tree: str
    """All files as they are now; empty where nothing was written."""
    tokens: Tokens
    seconds: float


@dataclass(frozen=True)
class Asking:
    """How the model is asked."""

    context: int | None
    """Tokens that it takes, prompt and answer together; None where unknown."""
    temperature: float
    seed: int
    watch: Watch


class Rollout:
    """The loop. The log holds at least the system's words and the task."""

    def __init__(
        self, model: OpenAIModel, asking: Asking, toolbox: Toolbox, log: StepLog, capture: Callable[[], str]
    ) -> None:
        """`capture` keeps all files as they are and says under which name."""
        self._model = model
        self._asking = asking
        self._toolbox = toolbox
        self._log = log
        self._capture = capture
        opening = [step for step in log.steps if step.kind in ("system", "task")]
        self._offers_tools = any(step.offers_tools for step in opening)
        self._conversation = Conversation(
            [Message("system" if step.kind == "system" else "user", step.text) for step in opening]
        )
        self._context = asking.context
        self._answer_room = _answer_room(self._context)
        self._budget = PROMPT_TOKENS if self._context is None else max(1000, self._context - self._answer_room)
        self._scale = 1.1  # real tokens for each that we count; learnt from the first answer
        self._stagnation = Stagnation()
        self._turns = 0
        self._tree = next((step.tree for step in reversed(log.steps) if step.tree), "")
        self._tokens = sum((step.tokens for step in log.steps), Tokens())
        self._seconds = sum(step.seconds for step in log.steps)
        self._end: Step | None = None

    def run(self) -> Outcome:
        """Work until the end. Raises ModelError where the model fails before anything is written, and ToolsRefused
        where tools cannot be offered."""
        self._catch_up()
        while self._end is None:
            try:
                self._take_turn()
            except ToolsRefused:
                raise
            except ModelError as error:
                self._finish("model_failed", str(error))
                if not self._tree:
                    raise
        how: Ending = self._end.finish  # type: ignore[assignment]
        return Outcome(how, self._end.text, self._tree, self._tokens, self._seconds)

    def _take_turn(self) -> None:
        began = time.monotonic()
        if self._turns >= MOST_TURNS:
            self._finish("turns_exceeded")
        elif not self._asking.watch(Live(0, 0)):
            self._finish("time_exceeded")
        elif reply := self._ask():
            self._record(reply, time.monotonic() - began)
            self._take(reply, ())
        else:
            self._finish("limits_exceeded" if self._model.meter.reached else "time_exceeded")

    def _catch_up(self) -> None:
        """Everything in the log happened already; a last turn that was cut is brought to its end."""
        steps = [step for step in self._log.steps if step.kind not in ("system", "task")]
        starts = [i for i, step in enumerate(steps) if step.kind == "reply"]
        for start, end in zip(starts, [*starts[1:], len(steps)], strict=False):
            reply = _reply(steps[start])
            results = [step for step in steps[start + 1 : end] if step.kind in ("result", "note")]
            self._end = next((step for step in steps[start + 1 : end] if _is_final(step)), None)
            self._take(reply, results)

    def _ask(self) -> Reply | None:
        """The next answer; None where the run has to end. ContextExceeded where not even the task fits."""
        for shortenings in range(_MOST_SHORTENINGS):
            tools = offered() if self._offers_tools else []
            messages = self._conversation.fit(int(self._budget / self._scale) - (_TOOL_TOKENS if tools else 0))
            sent = count_prompt(messages)
            try:
                replies = self._model.sample(
                    messages,
                    temperature=self._asking.temperature,
                    seed=self._asking.seed,
                    max_tokens=self._answer_room,
                    tools=tools,
                    watch=self._asking.watch,
                )
            except ContextExceeded as error:
                if not self._turns and shortenings == _MOST_SHORTENINGS - 1:
                    raise
                self._shorten(error.tokens, sent)
                continue
            if cut_at := self._model.cut_at:
                self._budget = min(self._budget, cut_at * 3 // 4)
            elif replies and replies[0].tokens.prompt:
                real = replies[0].tokens.prompt - (_TOOL_TOKENS if tools else 0)
                self._scale = min(1.6, max(1.0, real / sent))
            return replies[0] if replies else None
        self._finish("context_exceeded")
        return None

    def _shorten(self, context: int, sent: int) -> None:
        """What was sent is too much for a model of this context, 0 where it does not say."""
        if context and context < (self._context or context + 1):
            self._context = context
            self._answer_room = _answer_room(context)
            self._budget = min(self._budget, context - self._answer_room)
        self._budget = min(self._budget, sent * 2 // 3)

    def _record(self, reply: Reply, seconds: float) -> None:
        calls = tuple(StepCall(id=call.id, name=call.name, arguments=call.arguments) for call in reply.calls)
        self._add(
            Step(kind="reply", text=reply.text, calls=calls, finish=reply.finish, tokens=reply.tokens, seconds=seconds)
        )

    def _add(self, step: Step) -> None:
        self._tokens += step.tokens
        self._seconds += step.seconds
        self._tree = step.tree or self._tree
        self._log.append(step)

    def _take(self, reply: Reply, done: Sequence[Step]) -> None:
        """Execute the calls of an answer, but those whose results are `done`, and remember the turn."""
        self._turns += 1
        self._answer_room = _answer_room(self._context, was_cut=reply.was_cut)
        calls = read_calls(reply)
        results: list[Step] = []
        if not calls:
            self._stagnation.saw_silence()
            results.append(done[0] if done else self._answer_silence(reply))
        for i, call in enumerate(calls):
            if self._end is not None and i >= len(done):
                break
            result = done[i] if i < len(done) else self._execute(call, any(step.failed for step in results))
            self._stagnation.saw_call(call, result.failed)
            if i < len(done):
                self._toolbox.rules_on_the_way(call.arguments)  # the model has seen them
            else:
                result = self._tell(result)
            results.append(result)
            if call.name == "submit" and not result.failed:
                self._finish("submitted", str(call.arguments["summary"]))
        self._conversation.add(_turn(reply, calls, results, by_api=bool(reply.calls) and self._offers_tools))
        if self._stagnation.is_stuck and self._end is None:
            self._finish("stuck")

    def _answer_silence(self, reply: Reply) -> Step:
        shown = "" if self._offers_tools else example()
        note = Step(kind="note", text=render("no_call", was_cut=reply.was_cut, example=shown))
        self._add(note)
        return note

    def _execute(self, call: Call, has_failed: bool) -> Step:
        began = time.monotonic()
        if call.name == "submit" and has_failed and not call.problem:
            text, failed, tree = "Not submitted, because a call before it in this answer failed.", True, ""
        else:
            observation = self._toolbox.use(call)
            text, failed = observation.text, observation.failed
            tree = self._capture() if observation.may_have_written else ""
        tree = tree if tree != self._tree else ""
        seconds = time.monotonic() - began
        return Step(
            kind="result", call_id=call.id, tool=call.name, text=text, failed=failed, tree=tree, seconds=seconds
        )

    def _tell(self, result: Step) -> Step:
        """The result with what the model should be told besides, in the log."""
        if nudge := self._stagnation.nudge:
            result = result.model_copy(update={"text": f"{result.text}\n\n[{nudge}]"})
        self._add(result)
        return result

    def _finish(self, how: Ending, summary: str = "") -> None:
        if self._end is None:
            self._end = Step(kind="end", finish=how, text=summary)
            self._add(self._end)


def _answer_room(context: int | None, *, was_cut: bool = False) -> int:
    """Tokens for an answer; more where the last one was cut."""
    room = 2 * ANSWER_TOKENS if was_cut else ANSWER_TOKENS
    return room if context is None else min(room, context // 3 if was_cut else context // 4)


def _reply(step: Step) -> Reply:
    calls = tuple(ToolCall(call.id, call.name, call.arguments) for call in step.calls)
    return Reply(step.text, step.finish, step.tokens, step.seconds, calls)


def _is_final(step: Step) -> bool:
    return step.kind == "end" and step.finish not in _PASSING


def _turn(reply: Reply, calls: Sequence[Call], results: Sequence[Step], *, by_api: bool) -> Turn:
    """What is sent of an answer and its results from now on."""
    lines = "\n".join(_line(call, result) for call, result in zip(calls, results, strict=False)) or "(no call)"
    text = shortened(reply.text, 4 * LONGEST)
    if by_api:
        return Turn(*_told_by_api(text, reply.calls, calls, results), lines)
    said = "\n\n".join(
        f"Result of {step.tool}:\n{fenced(step.text)}" if step.kind == "result" else step.text for step in results
    )
    written = "\n".join(f"{call.name} {call.arguments}" for call in reply.calls)
    return Turn(Message("assistant", f"{text}\n{written}".strip() or "(nothing)"), (Message("user", said),), lines)


def _told_by_api(
    text: str, written: Sequence[ToolCall], calls: Sequence[Call], results: Sequence[Step]
) -> tuple[Message, tuple[Message, ...]]:
    """Every call with an id of its own and a result, whatever the model or the endpoint had made of that."""
    given = [call.id for call in calls]
    ids = [id if id and given.count(id) == 1 else f"call_{i}" for i, id in enumerate(given)]
    sent = tuple(
        ToolCall(id, known_name(call.name) or "unknown", _readable_arguments(raw.arguments, call))
        for id, call, raw in zip(ids, calls, written, strict=False)
    )
    told = tuple(
        Message("tool", results[i].text if i < len(results) else "Not done.", call_id=id) for i, id in enumerate(ids)
    )
    return Message("assistant", text, sent), told


def _readable_arguments(raw: str, call: Call) -> str:
    """JSON that every endpoint and template can read."""
    try:
        if isinstance(json.loads(raw), dict):
            return raw
    except (ValueError, RecursionError):
        pass
    return json.dumps(dict(call.arguments))


def _line(call: Call, result: Step) -> str:
    given = json.dumps(dict(call.arguments))
    outcome = result.text.partition("\n")[0]
    return f"{call.name} {given[:120]}: {outcome[:120]}"
