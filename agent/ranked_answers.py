"""What the embedded policy answers to all questions of a run: first the usual small changes of the marked lines, then
free samples.

The changes (fix_templates.py) never miscopy a line. They are taken in one order over all questions: how suspicious the
line is, what speaks for the change (repair_signs.py), and what the policy makes of it. Free samples can say what no
template does.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.fix_templates import variants
from agent.function_view import END, MARKS, prompt
from agent.policy import Completion, Policy
from agent.repair_signs import Surroundings, weights
from agent.state import OutOfTime
from agent.weight_file import Array

TEMPERATURE = 0.8
"""Of the free samples; better than 1.0 and 0.6 at 64 of them, docs/lab-notes.md."""
TEMPLATE_SHARE = 0.75
"""Of the answers, docs/lab-notes.md."""
DISTINCT = 2 / 3
"""Of the answers that are changes: the others say the likeliest again, so that a vote shows what the policy thinks."""
POLICY_WEIGHT = 0.45
"""Of its log-probability against the log-odds of kind and signs, docs/lab-notes.md."""


@dataclass(frozen=True)
class Asked:
    """Some lines of a unit in normal form, of which some are suspicious."""

    lines: tuple[str, ...]
    marked: tuple[int, ...]
    """In ascending order."""
    suspicion: tuple[float, ...]
    """Of each marked line, above 0, at most 1."""
    around: ast.AST | None = None
    """The class that the unit belongs to."""

    @property
    def text(self) -> str:
        return prompt(self.lines, self.marked)

    def surroundings(self) -> Iterator[Surroundings]:
        """Of each marked line."""
        return (Surroundings(self.lines, line) for line in self.marked)


class Answer(NamedTuple):
    """One answer, and to which of the questions."""

    asked: int
    completion: Completion


Fails = Callable[[int, str], bool]
"""Whether the text of an answer, to which of the questions, is known to be wrong."""


class _Ranked(NamedTuple):
    """A change that could be the answer, with the log of how likely it is among those of all questions."""

    logprob: float
    asked: int
    text: str


def complete(
    policy: Policy,
    asked: Sequence[Asked],
    n: int,
    seed: int,
    temperature: float = TEMPERATURE,
    template_share: float = TEMPLATE_SHARE,
    progress: Callable[[int], None] = lambda done: None,
    judged: bool = False,
    fails: Fails | None = None,
) -> list[Answer]:
    """n answers, fewer where `progress`, which is told how many there are about, raises OutOfTime.

    Where they are `judged`, a check tells right from wrong and no vote has to: then nothing is said twice, and the next
    changes in rank take the place of samples that say nothing new. One that `fails`, by what is known, is passed over
    for the next in rank, and where none are left no free samples take their place."""
    shares = np.asarray([max(one.suspicion) ** 2 for one in asked])
    most = round(n * template_share)
    ranked: list[_Ranked] = []
    found: list[Answer] = []
    later: list[Answer] = []

    def pick() -> int:
        picked, skipped = _pick(policy, ranked, *((n, n) if judged else (most, round(most * DISTINCT))), fails)
        found.extend(picked[:most])
        later.extend(picked[most:])
        return skipped

    try:
        for i, one in enumerate(asked if most else ()):
            ranked += _rank(policy, one, i, float(np.log(shares[i] / shares.sum())))
            progress(most * (i + 1) // len(asked))
        seed += pick() * len(asked)  # the samples of before are known too
        free = n - (most if fails else len(found))
        for i, share in enumerate(_shared_out(shares, free) if len(asked) else ()):
            if share:
                found += _sample(policy, asked[i], i, int(share), temperature, seed + i)
                progress(len(found))
    except OutOfTime:
        if not found:
            pick()
    if not judged:
        return found
    different: dict[tuple[int, str], Answer] = {}
    for answer in (*found, *later):
        different.setdefault((answer.asked, answer.completion.text), answer)
    return list(different.values())[:n]


def _rank(policy: Policy, one: Asked, index: int, log_share: float) -> list[_Ranked]:
    """The changes of one question that are worth reading to their ends."""
    lines = variants(one.lines, one.marked, one.around)
    if not any(line.changed for line in lines):
        return []
    known = weights()
    prior = np.asarray(
        [
            sum(known.get(sign, 0.0) for sign in around.signs(kind, changed)) + 2 * np.log(suspicion)
            for line, around, suspicion in zip(lines, one.surroundings(), one.suspicion, strict=True)
            for changed, kind in zip(line.changed, line.kinds, strict=True)
        ],
        np.float32,
    )

    def worth(logprobs: Array) -> Array:
        return POLICY_WEIGHT * logprobs + prior

    values = worth(policy.score(one.text, lines, worth))
    values = values - np.logaddexp.reduce(values) + log_share
    answers = [answer for line in lines for answer in line.changed]
    return [_Ranked(float(values[i]), index, answers[i]) for i in np.flatnonzero(np.isfinite(values))]


def _pick(
    policy: Policy, ranked: list[_Ranked], n: int, different: int, fails: Fails | None
) -> tuple[list[Answer], int]:
    """n of the changes, the likeliest first: so many different ones, and the likely ones again; and how many were
    passed over because they are known to fail.

    Drawing at random would say the same few again and again, and never what is in the sixtieth place."""
    ranked = sorted(ranked, key=lambda one: -one.logprob)
    chosen: list[_Ranked] = []
    skipped = 0
    while len(chosen) < max(1, different) and len(chosen) + skipped < len(ranked):
        one = ranked[len(chosen) + skipped]
        if fails and fails(one.asked, one.text + END):
            skipped += 1
        else:
            chosen.append(one)
    if not chosen:
        return [], skipped
    again = _shared_out(np.exp([one.logprob for one in chosen]), 0 if different == n else n - len(chosen))
    answers = [
        answer
        for one, times in zip(chosen, again, strict=True)
        for answer in [
            Answer(one.asked, Completion(one.text + END, policy.count(one.text) + 1, one.logprob))
        ] * (1 + int(times))
    ]  # fmt: skip
    return answers, skipped


def _sample(policy: Policy, one: Asked, index: int, n: int, temperature: float, seed: int) -> list[Answer]:
    first = MARKS[: len(one.marked)]
    drawn = policy.sample(one.text, n=n, temperature=temperature, seed=seed, first=first, stop=MARKS)
    return [Answer(index, completion) for completion in drawn]


def _shared_out(shares: Sequence[float] | NDArray[np.float64], n: int) -> NDArray[np.int_]:
    """n seats in proportion to the shares, by Sainte-Laguë's divisors."""
    seats = np.zeros(len(shares), int)
    for _ in range(n):
        seats[np.argmax(np.asarray(shares) / (2 * seats + 1))] += 1
    return seats
