"""Has sleep paid? From the tasks that had recalled notes and those that had none, and from what the notes have cost.

An observation, not an experiment: tasks with notes may have been other tasks. `sleepwright eval sleep` compares the
same tasks. The cost of a token is weighted as in Sleep-time Compute (arXiv 2504.13171, section 5.3): one at test time,
when somebody waits, counts as much as ten that were spent while nobody did.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import ceil
from operator import attrgetter

from memory.records import Experience, Injection, Note, Record, Tokens

TEST_TIME_WEIGHT = 10
FEWEST = 3
"""Tasks of each kind; with fewer nothing is said about what notes save."""


class TaskTokens(Record):
    """Some tasks, and what they took on average."""

    tasks: int = 0
    tokens: float = 0.0
    """Prompt and completion, what was recalled included."""
    solved: float = 0.0
    """Share that passed its check."""


class NotePayoff(Record):
    """What one note has cost, and whether its uses have brought that in."""

    note: str
    cost: int
    """Tokens of sleep."""
    uses: int
    """Tasks that it was recalled for."""
    break_even: int | None
    """Uses after which it has paid; None where notes have not been seen to save anything."""


class Payoff(Record):
    """Of all notes of a repository."""

    with_notes: TaskTokens
    without: TaskTokens
    saved_per_task: float | None
    """Tokens, of tasks with notes against those without of the same model; None where there are too few."""
    sleep_tokens: int
    has_paid: bool | None
    """Whether weighted savings are above what sleep has cost; None where nothing can be said."""
    notes: tuple[NotePayoff, ...]
    """Those that have cost tokens, the most used first."""


def payoff(
    experiences: Sequence[Experience], notes: Sequence[Note], injections: Iterable[Injection], sleep_tokens: int
) -> Payoff:
    """`sleep_tokens` is all that sleep has used, for notes that were dropped or forgotten too."""
    helped = [each for each in experiences if each.notes]
    alone = [each for each in experiences if not each.notes]
    saved = _saved(experiences)
    tasks = {each.id for each in experiences}
    uses: dict[str, int] = {}
    for injection in injections:
        if injection.used_by in tasks:
            uses[injection.note] = uses.get(injection.note, 0) + 1
    recalled = sum(len(each.notes) for each in helped)
    # What a task saves, all its notes have saved together.
    per_use = saved * len(helped) / recalled if saved is not None and recalled else 0.0
    payoffs = [
        NotePayoff(
            note=note.id,
            cost=_total(note.cost),
            uses=uses.get(note.id, 0),
            break_even=ceil(_total(note.cost) / (TEST_TIME_WEIGHT * per_use)) if per_use > 0 else None,
        )
        for note in notes
        if _total(note.cost)
    ]
    return Payoff(
        with_notes=_average(helped),
        without=_average(alone),
        saved_per_task=saved,
        sleep_tokens=sleep_tokens,
        has_paid=None if saved is None else TEST_TIME_WEIGHT * saved * len(helped) >= sleep_tokens and saved > 0,
        notes=tuple(sorted(payoffs, key=lambda each: (-each.uses, each.note))),
    )


def _saved(experiences: Sequence[Experience]) -> float | None:
    """Tokens that a task with notes took less on average; models are compared with themselves only."""
    total, tasks = 0.0, 0
    by_model = attrgetter("model")
    for _, group in groupby(sorted(experiences, key=by_model), key=by_model):
        of_model = list(group)
        helped = _average([each for each in of_model if each.notes])
        alone = _average([each for each in of_model if not each.notes])
        if min(helped.tasks, alone.tasks) >= FEWEST:
            total += (alone.tokens - helped.tokens) * helped.tasks
            tasks += helped.tasks
    return total / tasks if tasks else None


def _average(experiences: Sequence[Experience]) -> TaskTokens:
    if not experiences:
        return TaskTokens()
    count = len(experiences)
    return TaskTokens(
        tasks=count,
        tokens=sum(_total(each.tokens) for each in experiences) / count,
        solved=sum(each.status == "passed" for each in experiences) / count,
    )


def _total(tokens: Tokens) -> int:
    return tokens.prompt + tokens.completion
