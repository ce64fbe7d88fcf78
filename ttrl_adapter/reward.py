"""What an answer comes to, what many answers agree on, and what each is worth. Pure.

An answer's *key* is what it is counted under: what its tests said where that is known, else the syntax tree of the
function that it leads to, else its text. An answer without a key abstains: it says nothing, changes nothing, does not
parse, or was cut off. Abstentions count in the denominator and never win, whoever they are.
"""

import ast
import hashlib
import random
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.function_view import END, parse, read_answer, units, view_unit
from agent.vote import consensus
from ttrl_adapter.records import Ballot, Exercise, Poll, Recipe

_BLOCK = re.compile(r"^ *`{3,}[\w+-]*\n(.*?)^ *`{3,} *$", re.DOTALL | re.MULTILINE)

PASSED = "tests passed"
"""The key of all answers whose tests passed: equal behaviour is one vote."""

Reason = Literal["tests", "vote", "no votes", "tie", "below the threshold", "not the base's vote"]


@dataclass(frozen=True)
class Answer:
    """One sample, understood."""

    key: str | None
    """What it is counted under; None abstains."""
    passed: bool | None
    """What is known of its tests."""


@dataclass(frozen=True)
class Label:
    """What a group of answers is rewarded for."""

    key: str | None
    """None: nothing; the group is skipped."""
    agreement: float
    reason: Reason


def understand(text: str, exercise: Exercise) -> Answer:
    """The answer of one sample, its end included; one without an end was cut off and abstains."""
    key = key_of(text, exercise)
    if key is None:
        return Answer(None, False)
    if key in exercise.passed:
        return Answer(PASSED, True)
    is_known_wrong = (
        key in exercise.failed or exercise.answer is not None
    )  # where the right answer is known, all others
    return Answer(key, False if is_known_wrong else None)


def key_of(text: str, exercise: Exercise) -> str | None:
    """What an answer comes to, tests left aside; None abstains."""
    if not exercise.lines:
        return (_said(text, exercise) or "").strip() or None
    lines = lines_of(text, exercise)
    return None if lines is None else key_of_lines(lines, exercise.lines)


def lines_of(text: str, exercise: Exercise) -> list[str] | None:
    """The function as an answer leaves it; None where it says nothing of the kind."""
    said = _said(text, exercise)
    if said is None:
        return None
    if exercise.form == "chat":
        return _whole_function(said, exercise.lines)
    return read_answer(said, exercise.lines, exercise.marked)


def _whole_function(said: str, old: Sequence[str]) -> list[str] | None:
    """The function of the same name in the last block of code, else in all that is said, in normal form."""
    blocks = _BLOCK.findall(said)
    code = textwrap.dedent(blocks[-1] if blocks else said)
    head = old[0].partition("(")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parse(code)
        views = (view_unit(code, unit) for unit in units(tree)) if tree else iter(())
        return next((list(v.lines) for v in views if v and v.lines[0].partition("(")[0] == head), None)


def _said(text: str, exercise: Exercise) -> str | None:
    """An answer without its end; None where it was cut off."""
    return next((text.removesuffix(end) for end in (END, *exercise.stop) if text.endswith(end)), None)


def key_of_lines(new: Sequence[str], old: Sequence[str]) -> str | None:
    """The key of a function that was changed; None where it does not parse, or is as it was."""
    tree = _tree(new)
    return None if tree is None or tree == _tree(old) else hashlib.sha256(tree.encode()).hexdigest()[:16]


def label(answers: Sequence[Answer], recipe: Recipe, base_vote: str | None) -> Label:
    """What is rewarded in a group: what passes the tests where these tell answers apart, else the vote.

    A vote counts above an agreement, without a tie, and where the frozen base voted the same."""
    if recipe.signal == "tests":
        if any(answer.passed for answer in answers):
            share = sum(answer.passed is True for answer in answers) / len(answers)
            if share < 1:
                return Label(PASSED, share, "tests")
        else:
            answers = [Answer(None, False) if answer.passed is False else answer for answer in answers]
    keys = [answer.key for answer in answers]
    vote = consensus(keys)
    if vote.winner is None:
        return Label(None, 0.0, "no votes")
    if _is_tie(keys, vote.votes):
        return Label(None, vote.agreement, "tie")
    if vote.agreement < recipe.least_agreement:
        return Label(None, vote.agreement, "below the threshold")
    if recipe.anchored and keys[vote.winner] != base_vote:
        return Label(None, vote.agreement, "not the base's vote")
    return Label(keys[vote.winner], vote.agreement, "vote")


def rewards(answers: Sequence[Answer], label: Label) -> list[float]:
    """1 for what the label says, else 0; all 0, and so no gradient, where there is no label."""
    return [float(label.key is not None and answer.key == label.key) for answer in answers]


def trained_on(rewards: Sequence[float], count: int, spread: bool) -> list[int]:
    """Which `count` samples are trained on, in their order: the first, or as many rewarded as unrewarded ones."""
    if not spread:
        return list(range(count))
    good = [place for place, reward in enumerate(rewards) if reward > 0]
    bad = [place for place, reward in enumerate(rewards) if reward <= 0]
    most = max(count // 2, count - len(bad))
    good = good[:most]
    return sorted([*good, *bad[: count - len(good)]])


def coin_rewards(count: int, seed: str) -> list[float]:
    """The control: rewards that say nothing."""
    rng = random.Random(seed)
    return [float(rng.random() < 0.5) for _ in range(count)]


def count_votes(poll: Poll, exercise: Exercise) -> Ballot:
    """What a policy's answers to an exercise came to."""
    meant = [(understand(text, exercise), times) for text, times in poll.said.items()]
    keys = [answer.key for answer, times in meant for _ in range(times)]
    vote = consensus(keys)
    winner = None if vote.winner is None or _is_tie(keys, vote.votes) else keys[vote.winner]
    return Ballot(
        exercise=exercise.id,
        samples=len(keys),
        winner=winner,
        agreement=vote.agreement,
        right=sum(times for answer, times in meant if answer.passed),
        right_winner=vote.winner is not None and keys[vote.winner] == PASSED,
        distinct=len({*filter(None, keys)}),
        abstentions=vote.abstentions,
        tokens=poll.tokens,
    )


def _is_tie(keys: Sequence[str | None], most: int) -> bool:
    return sum(count == most for count in Counter(filter(None, keys)).values()) > 1


def _tree(lines: Sequence[str]) -> str | None:
    """The program without its layout; None where it does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the escapes in strings
        tree = parse("\n".join(lines))
    try:
        return None if tree is None else ast.unparse(tree)
    except (RecursionError, ValueError):
        return None
