"""An evaluation in a process of its own, to be killed: `python killed_evaluation.py FOLDER AGENT`."""

import sys
from io import StringIO
from pathlib import Path

from rich.console import Console

from evals.swe.command import Agent, SweOptions, in_threads, predict_all
from evals.swe.instances import load, read_rows
from evals.swe.mirrors import Mirrors


def main(folder: Path, agent: Path) -> None:
    options = SweOptions(
        dataset=load(read_rows(folder / "rows.jsonl")),
        named="rows.jsonl",
        out=folder / "out",
        mirrors=Mirrors(folder / "mirrors"),
        environment="current",
        workers=1,
        carry_out=in_threads(1),
    )
    predict_all(options, Agent(arm="base", command=(sys.executable, str(agent))), Console(file=StringIO()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
