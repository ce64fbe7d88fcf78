"""What a step of our trainer costs beside a bare run of TRL on the same samples, in CPU seconds.

A process that does one step is subtracted from one that does several: imports and loading are no step. The runs of a
round follow each other at once, so that what else the machine does bears on all of them, and the ratio is the median
of the rounds.
"""

import os
import random
import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import agent
from agent.errors import ConfigError
from agent.policy import SHIPPED, Policy
from evals.tables import Column, Table
from memory.records import Record
from ttrl_adapter.corpus import read_functions
from ttrl_adapter.pool import MOST_PROMPT_TOKENS, self_made
from ttrl_adapter.records import Exercise, Recipe, TrainJob
from ttrl_adapter.training import prepare, trainer_python

BARE = "bare TRL"
OURS = "ours, as many votes as are trained"
WITH_VOTES = "ours, twice as many votes"
_ROOT = Path(__file__).parent.parent


class Cost(Record):
    """One trainer in one round."""

    trainer: str
    round: int
    samples: int
    """Drawn in a step."""
    trained: int
    """Of these, trained on."""
    cpu_seconds: float
    """A step."""


def measure(folder: Path, steps: int, trained: int, rounds: int, tell: Callable[[str], None]) -> Iterator[Cost]:
    """The trainers, one after the other, `rounds` times."""
    prompts = 8
    exercises = _exercises(prompts * steps)
    for number in range(rounds):
        for name, votes in ((BARE, trained), (OURS, trained), (WITH_VOTES, 2 * trained)):
            tell(f"round {number + 1}/{rounds}: {name}")
            seconds = []
            for count in (1, steps):
                recipe = Recipe(votes=votes, trained=trained, prompts_per_step=prompts, epochs=1.0, least_agreement=0.0)
                recipe = recipe.model_copy(update={"signal": "tests", "anchored": False})
                place = folder / f"{number}-{name.replace(',', '').replace(' ', '-')}-{count}"
                job = TrainJob(model=str(SHIPPED), recipe=recipe, base_votes={}, save_every=10 * steps)
                prepare(place, job, exercises[: prompts * count])
                seconds.append(_cpu_seconds("evals.bare_trl" if name == BARE else "ttrl_adapter.train", place))
            yield Cost(
                trainer=name, round=number, samples=prompts * votes, trained=prompts * trained,
                cpu_seconds=(seconds[1] - seconds[0]) / (steps - 1),
            )  # fmt: skip


def table(costs: Sequence[Cost]) -> Table:
    rows = []
    for name in dict.fromkeys(cost.trainer for cost in costs):
        own = [cost for cost in costs if cost.trainer == name]
        bare = {cost.round: cost.cpu_seconds for cost in costs if cost.trainer == BARE}
        ratios = [cost.cpu_seconds / bare[cost.round] for cost in own if cost.round in bare]
        rows.append(
            (name, own[0].samples, own[0].trained, median(c.cpu_seconds for c in own), median(ratios), len(own))
        )
    return Table(
        name="cost",
        caption="The embedded model, CPU seconds of one step of 8 prompts, one thread; medians of rounds. The ratio "
        "is to bare TRL in the same round; the aim is at most 1.3.",
        columns=(
            Column(name="trainer"), Column(name="samples a step"), Column(name="trained"),
            Column(name="CPU seconds", format=".2f"), Column(name="ratio", format=".2f"), Column(name="rounds"),
        ),
        rows=tuple(rows),
    )  # fmt: skip


def _exercises(count: int) -> list[Exercise]:
    """Bugs in functions of this package: nothing has to be fetched."""
    policy = Policy()
    functions = [text for text in read_functions([Path(agent.__file__).parent]) if text.startswith("def ")]
    made = [e for e in self_made(functions, random.Random(0)) if policy.count(e.prompt) <= MOST_PROMPT_TOKENS]
    if len(made) < count:
        raise ConfigError(f"there are {len(made)} exercises, {count} are needed: fewer steps")
    return made[:count]


def _cpu_seconds(module: str, folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    with (folder / "log.txt").open("wb") as log:
        command = [trainer_python(), "-P", "-m", module, str(folder)]
        done = subprocess.run(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
        )
    if done.returncode:
        said = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
        raise ConfigError(f"{' '.join(command[2:4])} failed: {said[-1] if said else 'it said nothing'}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
