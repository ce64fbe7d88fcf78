"""Work on the Ray cluster that $RAY_ADDRESS names: `python ray_trial.py FOLDER` leaves what came of it in found.json.

FOLDER holds mirrors, rows.jsonl and agent.py, which kills the worker that asks it for the second instance, once.
"""

import json
import os
import signal
import sys
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import ray
from rich.console import Console

from evals.executor import carry_out
from evals.swe.command import Agent, SweOptions, grade_all, predict_all
from evals.swe.instances import load, read_rows
from evals.swe.mirrors import Mirrors


def die_once(folder: Path, number: int) -> tuple[int, int]:
    """The process of the third item is killed at its first try; each try leaves a file."""
    tries = len(list(folder.glob(f"{number}-*")))
    (folder / f"{number}-{tries}").touch()
    if number == 3 and tries == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number, os.getpid()


def always_die(number: int) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "it lives"


def main(folder: Path) -> dict[str, Any]:
    (folder / "tries").mkdir()
    survived = list(
        carry_out(partial(die_once, folder / "tries"), range(6), lambda number, why: (number, 0), workers=2)
    )
    hopeless = list(carry_out(always_die, [1], lambda number, why: why, workers=1))
    options = SweOptions(
        dataset=load(read_rows(folder / "rows.jsonl")),
        named="rows.jsonl",
        out=folder / "out",
        mirrors=Mirrors(folder / "mirrors"),
        environment="current",
        workers=2,
        carry_out=partial(carry_out, workers=2),
    )
    err = Console(file=StringIO())
    bench = predict_all(options, Agent(arm="base", command=(sys.executable, str(folder / "agent.py"))), err)
    grade_all(options, None, 120, False, err)
    scores = bench.folder.scores
    return {
        "survived": sorted(number for number, _ in survived),
        "elsewhere": os.getpid() not in {process for _, process in survived},
        "hopeless": hopeless,
        "problems": [one.problem for one in bench.predictions().values()],
        "scores": scores.scores if scores else {},
    }


if __name__ == "__main__":
    ray.init(log_to_driver=False)  # once for all: each time that it connects, new workers are started
    place = Path(sys.argv[1]).resolve()
    (place / "found.json").write_text(json.dumps(main(place)))  # Ray writes to stdout when it likes
