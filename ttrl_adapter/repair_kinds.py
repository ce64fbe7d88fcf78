"""How often is each kind of change the right one? Counted over generated bugs; makes agent/weights/repair_kinds.json.

    python -m ttrl_adapter.repair_kinds >agent/weights/repair_kinds.json

One bug in each of `--count` functions of the standard library, three marked lines, all their changes: a kind's odds are
how often it was right over how often it would have been if every change were as likely as every other. The functions of
a benchmark's programs are left out as in corpus.py.
"""

import argparse
import json
import math
import random
import sys
import sysconfig
from collections import Counter
from pathlib import Path

from agent.fix_templates import variants
from agent.function_view import answer
from agent.repair_kinds import LEAST
from ttrl_adapter.bugs import break_function
from ttrl_adapter.corpus import read_functions

MARKS = 3
PRIOR_COUNT = 2.0
"""So many right ones are added to those of a kind and to those expected: a rare kind stays near the average."""
NEARLY_AVERAGE = 0.3
"""Log-odds that are not worth a line."""


def count(functions: list[str], rng: random.Random) -> tuple[Counter[str], Counter[str]]:
    """By kind: how often it was right, and how often it was offered."""
    right: Counter[str] = Counter()
    offered: Counter[str] = Counter()
    for done, text in enumerate(functions):
        if done % 500 == 0:
            print(f"{done}/{len(functions)}", file=sys.stderr)  # noqa: T201
        bug = break_function(text, rng)
        if bug is None:
            continue
        others = [i for i in range(len(bug.broken)) if i != bug.line]
        marked = sorted([bug.line, *rng.sample(others, min(MARKS - 1, len(others)))])
        goal = answer(bug.fixed, bug.broken, marked, bug.line)
        for line in variants(bug.broken, marked):
            offered.update(line.kinds)
            right.update(kind for text, kind in zip(line.changed, line.kinds, strict=True) if text == goal)
    return right, offered


def log_odds(right: Counter[str], offered: Counter[str]) -> dict[str, float]:
    """Of the kinds that are not nearly average, the likeliest first."""
    average = right.total() / offered.total()
    odds = {
        kind: max(LEAST, math.log((right[kind] + PRIOR_COUNT) / (times * average + PRIOR_COUNT)))
        for kind, times in offered.items()
    }
    kinds = sorted(odds, key=lambda kind: (-odds[kind], kind))
    return {kind: round(odds[kind], 2) for kind in kinds if abs(odds[kind]) >= NEARLY_AVERAGE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="functions")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    functions = sorted(read_functions([Path(sysconfig.get_path("stdlib"))]))
    rng.shuffle(functions)
    print(json.dumps(log_odds(*count(functions[: given.count], rng)), indent=0))  # noqa: T201


if __name__ == "__main__":
    main()
