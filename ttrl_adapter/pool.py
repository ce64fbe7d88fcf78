"""What a round learns from: prompts, each once, none of them a canary, in the band where votes say something.

Self-made exercises are the repository's own functions, each with a generated bug; the right answer is known and is
used as a test. Those of experiences are the functions that a finished task's candidates changed.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from agent.checks import is_test_file
from agent.edits import decode
from agent.errors import EditRefused
from agent.function_view import END, MARKS, answer, prompt
from agent.own_code import is_own_path, own_attributes
from agent.workspace import Repository
from ttrl_adapter.bugs import Bug, break_function
from ttrl_adapter.corpus import units_of
from ttrl_adapter.records import Ballot, Exercise
from ttrl_adapter.reward import key_of

MOST_VOTED = 128
"""Exercises of a round that only votes can label: in small sets this kind of learning is safe (arXiv 2603.08660)."""
MOST_EXERCISES = 1280
"""Of a round, those that tests can label included: of few, gone through again and again, the small policy learns these
and nothing else (docs/lab-notes.md)."""
BAND = (0.25, 0.95)
"""Agreement of the base below which a vote is mostly wrong, and above which nothing is left to learn."""
MARKED = 3
CANARY_SHARE = 4
"""One exercise in so many is a canary."""
MOST_PROMPT_TOKENS = 160
MOST_BUGS = 8
"""Different bugs in one function, of one round."""


class Pool(NamedTuple):
    """What there is to learn from, and what to judge by; nothing is in both."""

    exercises: list[Exercise]
    canaries: list[Exercise]


def exercise_id(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def is_canary(group: str) -> bool:
    """Whether what belongs to `group` (a function's text, an experience) is held out, now and in every later round."""
    return int(exercise_id(f"canary {group}"), 16) % CANARY_SHARE == 0


def of_bug(bug: Bug, marked: Sequence[int]) -> Exercise:
    """The exercise to repair a generated bug; its right answer is known."""
    marks = MARKS[: len(marked)]
    text = prompt(bug.broken, marked)
    right = answer(bug.fixed, bug.broken, marked, bug.line)
    made = Exercise(
        id=exercise_id(text), prompt=text, first=marks, stop=MARKS, lines=bug.broken, marked=tuple(marked), answer=right
    )
    key = key_of(right + END, made)
    return made.model_copy(update={"passed": (key,) if key else ()})


def marked_lines(bug: Bug, count: int, rng: random.Random) -> list[int]:
    """The faulty line among `count` in all, fewer where the function is shorter, in their order."""
    others = [i for i, line in enumerate(bug.broken) if i != bug.line and not line.strip().startswith("else")]
    return sorted([bug.line, *rng.sample(others, min(count - 1, len(others)))])


def self_made(functions: Iterable[str], rng: random.Random) -> list[Exercise]:
    """One exercise for each function in normal form that can be broken: the faulty line is among MARKED marked ones."""
    found = []
    for text in functions:
        bug = break_function(text, rng)
        if bug is None:
            continue
        made = of_bug(bug, marked_lines(bug, MARKED, rng))
        if made.passed:
            found.append(made)
    return found


def own_functions(repository: Repository, snapshot: str) -> list[str]:
    """The functions of the repository's own Python files in normal form, each once, in a fixed order."""
    blobs = repository.blobs(snapshot)
    attributes = own_attributes(repository, blobs)
    own = [
        blob
        for blob in blobs
        if blob.path.endswith(".py")
        and not is_test_file(blob.path)
        and attributes.get(blob.path, is_own_path(blob.path))
    ]
    found: dict[str, None] = {}
    for content in repository.contents([blob.id for blob in own]):
        try:
            source = decode(content).text
        except EditRefused:
            continue
        found |= dict.fromkeys(
            text for text in units_of(source, frozenset()) if text.startswith(("def ", "async def "))
        )
    return list(found)


def make_pool(
    functions: Sequence[str],
    others: Sequence[Exercise],
    fits: Callable[[str], bool],
    wanted: tuple[int, int],
    seed: int,
) -> Pool:
    """`others` first, then self-made exercises until there are as many as wanted; functions are gone through again,
    with other bugs, where there are few. `fits` says whether a prompt is short enough."""
    most, most_canaries = wanted
    rng = random.Random(seed)
    exercises = {exercise.id: exercise for exercise in others}
    canaries: dict[str, Exercise] = {}
    for _ in range(MOST_BUGS):
        for text in rng.sample(list(functions), len(functions)):
            part, limit = (canaries, most_canaries) if is_canary(text) else (exercises, most)
            if len(part) < limit:
                part |= {made.id: made for made in self_made([text], rng) if fits(made.prompt)}
        if len(exercises) >= most and len(canaries) >= most_canaries:
            break
    return Pool(list(exercises.values()), list(canaries.values()))


def distinct(exercises: Iterable[Exercise]) -> list[Exercise]:
    """Each prompt once, the first."""
    found: dict[str, Exercise] = {}
    for exercise in exercises:
        found.setdefault(exercise.id, exercise)
    return list(found.values())


def in_band(exercises: Sequence[Exercise], ballots: Sequence[Ballot]) -> tuple[list[Exercise], dict[str, str]]:
    """The exercises from which a vote can teach something, and what the base voted on them: it agrees with itself
    neither too little nor entirely."""
    low, high = BAND
    votes = {b.exercise: b.winner for b in ballots if b.winner is not None and low <= b.agreement <= high}
    return [exercise for exercise in exercises if exercise.id in votes], votes
