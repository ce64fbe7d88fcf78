"""What speaks for a change of a line? Fitted to generated bugs; makes agent/weights/repair_signs.json.

    python -m ttrl_adapter.repair_signs train.jsonl >agent/weights/repair_signs.json

One bug in each of `--count` functions that corpus.py found, three marked lines, all their changes: the weights of kinds
and signs make the right ones as likely as they can be made (a softmax over the changes of a function, with a small
penalty on the weights). The policy has no say in it, so that functions it was trained on serve as well as others.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.fix_templates import variants
from agent.function_view import answer
from agent.repair_signs import Surroundings
from ttrl_adapter.bugs import break_function

MARKS = 3
PENALTY = 2.0
"""Half of it times the sum of squared weights is added to the loss: a rare sign stays near nothing."""
RARE = 50
"""A sign that fewer changes have is left out."""
NEARLY_NOTHING = 0.05
"""Weights that are not worth a line."""
STEPS = 160
RATE = 0.1

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The signs of each change that was offered for a broken function, and which one is right."""

    offered: tuple[tuple[str, ...], ...]
    right: int


def choices(functions: Iterable[str], rng: random.Random) -> Iterator[Choice]:
    """One for each function whose bug a change repairs."""
    for text in functions:
        bug = break_function(text, rng)
        if bug is None:
            continue
        others = [i for i in range(len(bug.broken)) if i != bug.line]
        marked = sorted([bug.line, *rng.sample(others, min(MARKS - 1, len(others)))])
        goal = answer(bug.fixed, bug.broken, marked, bug.line)
        offered: list[tuple[str, ...]] = []
        right = None
        for line, changes in zip(marked, variants(bug.broken, marked), strict=True):
            around = Surroundings(bug.broken, line)
            for changed, kind in zip(changes.changed, changes.kinds, strict=True):
                right = len(offered) if changed == goal else right
                offered.append(tuple(around.signs(kind, changed)))
        if right is not None:
            yield Choice(tuple(offered), right)


def fit(chosen: Sequence[Choice], steps: int = STEPS) -> dict[str, float]:
    """The weights of what is not too rare, the heaviest first; by Adam over all choices at once."""
    times = Counter(sign for choice in chosen for signs in choice.offered for sign in signs)
    names = sorted(sign for sign, count in times.items() if count >= RARE)
    number = {sign: i for i, sign in enumerate(names)}
    rows = [[number[sign] for sign in signs if sign in number] for choice in chosen for signs in choice.offered]
    sizes = np.asarray([len(row) for row in rows])
    signs = np.asarray([sign for row in rows for sign in row], np.int32)
    del rows
    starts = np.concatenate([[0], np.cumsum([len(choice.offered) for choice in chosen])])
    right = starts[:-1] + [choice.right for choice in chosen]
    weights, mean, square = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
    for step in range(1, steps + 1):
        loss, slope = _slope(weights, signs, sizes, starts, right)
        if step % 20 == 0:
            print(f"{step}/{steps}: {loss / len(chosen):.4f} nats a choice", file=sys.stderr)  # noqa: T201
        slope /= len(chosen)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope**2
        rate = RATE * (1 - step / (steps + 1))
        weights -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    order = sorted(range(len(names)), key=lambda i: (-weights[i], names[i]))
    return {names[i]: round(float(weights[i]), 2) for i in order if abs(weights[i]) >= NEARLY_NOTHING}


def _slope(weights: Floats, signs: Ints, sizes: Ints, starts: Ints, right: Ints) -> tuple[float, Floats]:
    """The loss and its gradient."""
    ends = np.cumsum(np.concatenate([[0.0], weights[signs]]))[np.concatenate([[0], np.cumsum(sizes)])]
    scores = np.diff(ends)
    lengths = np.diff(starts)
    scores -= np.repeat(np.maximum.reduceat(scores, starts[:-1]), lengths)
    masses = np.exp(scores)
    totals = np.add.reduceat(masses, starts[:-1])
    loss = float(np.log(totals).sum() - scores[right].sum()) + PENALTY / 2 * float(weights @ weights)
    surplus = masses / np.repeat(totals, lengths)
    surplus[right] -= 1
    return loss, np.bincount(signs, np.repeat(surplus, sizes), len(weights)) + PENALTY * weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", type=Path, help="made by ttrl_adapter.corpus")
    parser.add_argument("--count", type=int, default=4000, help="functions")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with given.functions.open(encoding="utf-8") as lines:
        functions = [json.loads(line) for line in lines]
    chosen = []
    for choice in choices(rng.sample(functions, min(given.count, len(functions))), rng):
        chosen.append(choice)
        if len(chosen) % 200 == 0:
            print(f"{len(chosen)} repairs", file=sys.stderr)  # noqa: T201
    print(json.dumps(fit(chosen), indent=0))  # noqa: T201


if __name__ == "__main__":
    main()
