"""Proposes with a large model: one briefing, n answers in one request, each read as edits.

An answer that cannot be used is told why, with the nearest real lines, and asked for again.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.answer import read_answer
from agent.briefing import Briefing, brief
from agent.chat import Live, Message, Reply, count_prompt
from agent.checkout import Checkout
from agent.edits import Edit, plan_edits
from agent.errors import ContextExceeded, EditRefused, ModelError
from agent.lint import new_problems
from agent.localise import Localisation
from agent.openai_model import SIDE_BY_SIDE, OpenAIModel
from agent.state import OutOfTime, Proposal
from agent.task_map import TaskMap
from agent.templates import render
from memory.records import Task, Tokens

PROMPT_TOKENS = 16_000
ANSWER_TOKENS = 8_192
"""Reasoning included."""
TEMPERATURE = 0.8
"""Of several samples (Agentless, section 3.2); a single one is greedy."""
MOST_REPAIRS = 2
"""Times that an answer that cannot be used is asked for again."""
_MOST_BRIEFINGS = 4
_REMEMBERED = 8_000  # characters of an unusable answer that its author sees again


class Room(NamedTuple):
    """Tokens for the two parts of a conversation."""

    prompt: int
    answer: int
    longest: int
    """Of an answer that was cut, when it is asked for again."""


class SingleProposer:
    """Implements `agent.state.Proposer` with a model that is served."""

    def __init__(
        self,
        model: OpenAIModel,
        *,
        context: int | None = None,
        notice: Callable[[str], None] = lambda text: None,
        live: Callable[[Live], None] = lambda live: None,
    ) -> None:
        """`context`: tokens that the model takes, None where unknown. `notice` is told when a limit ended the
        sampling, `live` how far it is."""
        self._model = model
        self._context = context
        self._notice = notice
        self._live = live

    @property
    def name(self) -> str:
        return self._model.name

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        """Up to n proposals, fewer where the time or a limit ends it."""
        checkout = Checkout(worktree)
        watch = _Watch(progress, self._live)
        sampling = self._sample(task, checkout, localisation, n, seed, watch)
        conversation = _Conversation(self._model, sampling, worktree, checkout, watch)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            try:
                proposals = list(pool.map(conversation.finish, sampling.replies, range(seed, seed + n)))
            finally:
                watch.is_over = True
        if self._model.meter.reached:
            self._notice(f"{self._model.meter.reached} The run ends with what it has.")
        return proposals

    def _sample(
        self, task: Task, checkout: Checkout, localisation: Localisation, n: int, seed: int, watch: "_Watch"
    ) -> "_Sampling":
        """The first answers; a prompt that turns out too long is shortened."""
        lost = Tokens()
        task_map = TaskMap(task, localisation)
        for attempt in range(1, _MOST_BRIEFINGS + 1):
            room = _room(self._context)
            briefing = brief(task, checkout, localisation, room.prompt, task_map)
            known_cut = self._model.cut_at
            temperature = TEMPERATURE if n > 1 else 0.0
            try:
                replies = self._model.sample(
                    briefing.messages,
                    n=n,
                    temperature=temperature,
                    seed=seed,
                    max_tokens=room.answer,
                    watch=watch,
                )
            except ContextExceeded as error:
                if attempt == _MOST_BRIEFINGS:
                    raise
                sent = count_prompt(briefing.messages) + room.answer
                self._context = min(error.tokens or sent, sent * 2 // 3)
                continue
            if self._model.cut_at in (None, known_cut):
                break
            # Answers to half a prompt are worth nothing.
            self._context = self._model.cut_at
            lost += sum((reply.tokens for reply in replies), Tokens())
        return _Sampling(briefing, room, temperature, tuple(replies), lost)


@dataclass(frozen=True)
class _Sampling:
    briefing: Briefing
    room: Room
    temperature: float
    replies: tuple[Reply, ...]
    lost: Tokens
    """Of answers that were thrown away."""


class _Watch:
    """Hands on how far sampling is, and remembers that the run has to end."""

    def __init__(self, progress: Callable[[int], None], live: Callable[[Live], None]) -> None:
        self._progress = progress
        self._live = live
        self._most = 0
        self.is_over = False

    def __call__(self, live: Live) -> bool:
        self._most = max(self._most, live.finished)  # a repair does not begin at nothing again
        try:
            self._progress(self._most)
        except OutOfTime:
            self.is_over = True
        self._live(live)
        return not self.is_over


class _Conversation:
    """Turns each reply into a proposal, asking again where it cannot be used."""

    def __init__(
        self, model: OpenAIModel, sampling: _Sampling, worktree: Path, checkout: Checkout, watch: _Watch
    ) -> None:
        self._model = model
        self._sampling = sampling
        self._worktree = worktree
        self._checkout = checkout
        self._watch = watch

    def finish(self, reply: Reply, seed: int) -> Proposal:
        """The proposal that comes of a reply, with the tokens of all its repairs."""
        tokens, seconds = reply.tokens, reply.seconds
        if reply is self._sampling.replies[0]:
            tokens += self._sampling.lost
        repairs = 0
        edits, problem = self._usable(reply)
        while problem and repairs < MOST_REPAIRS and not self._watch.is_over:
            repairs += 1
            try:
                again = self._ask_again(reply, problem, seed + 1000 * repairs)
            except ModelError as error:  # the other proposals are still worth something
                problem = f"{problem} Asking again failed: {error}"
                break
            if not again:
                break
            (reply,) = again
            tokens, seconds = tokens + reply.tokens, seconds + reply.seconds
            edits, problem = self._usable(reply)
        return Proposal(() if problem else edits, problem or None, tokens, seconds)

    def _usable(self, reply: Reply) -> tuple[tuple[Edit, ...], str]:
        """The edits, and why they cannot be used: empty if they can."""
        if reply.was_cut:
            return (), "The answer was cut, because it was too long."
        answer = read_answer(reply.text, self._checkout.read, self._checkout.files, self._sampling.briefing.marker)
        if answer.problem:
            return answer.edits, answer.problem
        try:
            changes = plan_edits(self._worktree, answer.edits)
        except EditRefused as refusal:
            return answer.edits, str(refusal)
        root = self._worktree.resolve()
        broken = [
            problem
            for path, change in changes.items()
            for problem in new_problems(path.relative_to(root).as_posix(), change.before, change.after)
        ]
        if broken:
            return answer.edits, "After these edits the code is broken:\n" + "\n".join(broken[:20])
        return answer.edits, ""

    def _ask_again(self, reply: Reply, problem: str, seed: int) -> Sequence[Reply]:
        room, marker = self._sampling.room, self._sampling.briefing.marker
        told = render("repair", problem=problem, was_cut=reply.was_cut, marker=marker)
        return self._model.sample(
            [
                *self._sampling.briefing.messages,
                Message("assistant", reply.text[:_REMEMBERED] or "(nothing)"),
                Message("user", told),
            ],
            temperature=self._sampling.temperature,
            seed=seed,
            max_tokens=room.longest if reply.was_cut else room.answer,
            watch=self._watch,
        )


def _room(context: int | None) -> Room:
    """How to divide what a model takes; our own count may be a third too low."""
    if context is None:
        return Room(PROMPT_TOKENS, ANSWER_TOKENS, 2 * ANSWER_TOKENS)
    answer = min(ANSWER_TOKENS, context // 3)
    return Room(min(PROMPT_TOKENS, (context - answer) * 3 // 4), answer, min(2 * ANSWER_TOKENS, context // 3))
