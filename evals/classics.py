"""Small classic programs with a one-line bug each: how many does the whole command solve from the failing tests alone?

data/classics/<name>/ holds program.py with the bug, test_program.py, and bug.json with the answer, which the command
under evaluation never sees: each program gets a repository of its own, with the first two files.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from agent.model_name import EMBEDDED
from evals.charts import Chart, Series
from evals.estimates import wilson_interval
from evals.repositories import commit_all, start_repository
from evals.tables import Cell, Column, Table
from memory.records import Record, Status

REQUEST = "make the failing tests pass"
TIMEOUT = 600.0
"""Seconds for one program, far more than the command takes by default."""
_GRACE = 10.0  # seconds from SIGTERM to SIGKILL


class Bug(Record):
    """What is wrong, and the answer."""

    line: int
    """1-based, in the buggy program."""
    fixed: str
    """What belongs there in its place: one line, or two where one was missing."""
    kind: str


@dataclass(frozen=True)
class Classic:
    """A program with a bug, and the tests that show it."""

    name: str
    program: str
    tests: str
    bug: Bug

    @property
    def fixed_program(self) -> str:
        lines = self.program.splitlines()
        lines[self.bug.line - 1] = self.bug.fixed
        return "\n".join(lines) + "\n"


class Attempt(Record):
    """How one program went."""

    name: str
    kind: str
    status: Status | Literal["error"]
    """The command's own; error where it gave no result."""
    votes: int = 0
    candidates: int = 0
    """Abstentions included."""
    distinct: int = 0
    """Different patches among the candidates."""
    agreement: float = 0.0
    seconds: float
    """Wall clock of the whole command, start of the process included."""
    problem: str | None = None
    """Why there is no result."""

    @property
    def solved(self) -> bool:
        return self.status == "passed"


def load_classics() -> list[Classic]:
    """All of them, by name."""
    found = []
    for folder in (files("evals") / "data" / "classics").iterdir():
        program, tests, bug = (
            (folder / name).read_text(encoding="utf-8") for name in ("program.py", "test_program.py", "bug.json")
        )
        found.append(Classic(folder.name, program, tests, Bug.model_validate_json(bug)))
    return sorted(found, key=lambda classic: classic.name)


def run_command(candidates: int | None = None, seed: int | None = None) -> list[str]:
    """The command line under evaluation, with its defaults where nothing is given; the repository is added to it."""
    # -P: the repository that we are started in may have an `agent` folder of its own.
    command = [sys.executable, "-P", "-m", "agent.cli", "run", REQUEST, "--json", "--no-apply"]
    command += ["--model", EMBEDDED]  # the environment may name another
    # The plugins of this environment are no part of the programs, and take ten times as long as their tests.
    command += ["--test", f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {shlex.quote(sys.executable)} -m pytest -q"]
    for option, value in (("--candidates", candidates), ("--seed", seed)):
        command += [] if value is None else [option, str(value)]
    return command


def evaluate(
    classics: Sequence[Classic], command: Sequence[str], workers: int, progress: Callable[[Attempt], None]
) -> list[Attempt]:
    """Attempt every program with `command`, `workers` at a time; in the order given. `progress` hears of each."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(attempt, classic, command) for classic in classics]
        try:
            for future in as_completed(futures):
                progress(future.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def attempt(classic: Classic, command: Sequence[str], timeout: float = TIMEOUT) -> Attempt:
    """Run `command` on a fresh repository with the program and its tests. Never raises: a failure is an Attempt too."""
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="sleepwright-eval-") as folder:
            finished = _run(classic, command, Path(folder), timeout)
        return _read(classic, finished, time.monotonic() - began)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        return Attempt(
            name=classic.name, kind=classic.bug.kind, status="error", seconds=time.monotonic() - began, problem=problem
        )


def tables(attempts: Sequence[Attempt]) -> list[Table]:
    """The share that was solved; then a row for each program."""
    solved, total = sum(one.solved for one in attempts), len(attempts)
    seconds = sum(one.seconds for one in attempts) / total
    rows: list[tuple[Cell, ...]] = [
        (
            *(one.name, one.kind, "solved" if one.solved else one.status, f"{one.votes}/{one.candidates}"),
            *(one.distinct, one.seconds, one.problem or ""),
        )
        for one in attempts
    ]
    return [
        Table(
            name="programs",
            caption="Every program: the votes of the winner, the different patches, the seconds of the command.",
            columns=(
                *(Column(name=name) for name in ("program", "kind of bug", "result", "votes", "distinct")),
                Column(name="seconds", format=".1f"),
                Column(name="problem"),
            ),
            rows=tuple(rows),
        ),
        Table(
            name="solved",
            caption="Solved, of all programs, with the 95 % Wilson interval.",
            columns=(
                *(Column(name="programs"), Column(name="solved")),
                *(Column(name=name, format=".1%") for name in ("rate", "from", "to")),
                Column(name="seconds each", format=".1f"),
            ),
            rows=((total, solved, solved / total, *wilson_interval(solved, total), seconds),),
        ),
    ]


def chart(attempts: Sequence[Attempt]) -> Chart:
    """The share that was solved by kind of bug, with intervals."""
    kinds = sorted({one.kind for one in attempts})
    groups = [[one.solved for one in attempts if one.kind == kind] for kind in kinds]
    intervals = [wilson_interval(sum(group), len(group)) for group in groups]
    series = Series(
        label="solved",
        y=tuple(sum(group) / len(group) for group in groups),
        low=tuple(low for low, _ in intervals),
        high=tuple(high for _, high in intervals),
    )
    return Chart(
        name="solved", title="Solved programs, with the 95 % Wilson interval", x_label="kind of bug", y_label="solved",
        kind="bars", categories=tuple(kinds), series=(series,), y_range=(0.0, 1.0), percent=True,
    )  # fmt: skip


def as_json(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Solved, total, the ends of the interval, and the attempts."""
    solved, total = sum(one.solved for one in attempts), len(attempts)
    rows = [{**one.model_dump(), "solved": one.solved} for one in attempts]
    return {"solved": solved, "total": total, "interval": wilson_interval(solved, total), "attempts": rows}


def _run(classic: Classic, command: Sequence[str], folder: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    repository = folder / classic.name
    start_repository(repository)
    (repository / "program.py").write_text(classic.program, encoding="utf-8")
    (repository / "test_program.py").write_text(classic.tests, encoding="utf-8")
    commit_all(repository, f"{classic.name} and its tests")
    environment = {**os.environ, "SLEEPWRIGHT_HOME": str(folder / "home")}
    with subprocess.Popen(
        [*command, "--repo", str(repository)], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()  # on which it ends what it has started
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_GRACE)
            raise
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _read(classic: Classic, finished: subprocess.CompletedProcess[str], seconds: float) -> Attempt:
    """What the command's one JSON object says."""
    try:
        result = json.loads(finished.stdout)
    except ValueError:
        said = (finished.stderr or finished.stdout).strip().splitlines() or ["it said nothing"]
        result = {"status": "error", "error": f"exit code {finished.returncode}: {said[-1]}"}
    if result["status"] == "error":
        return Attempt(
            name=classic.name, kind=classic.bug.kind, status="error", seconds=seconds, problem=result["error"]
        )
    return Attempt(
        name=classic.name,
        kind=classic.bug.kind,
        status=result["status"],
        votes=result["vote"]["votes"],
        candidates=len(result["candidates"]),
        distinct=len({candidate["fingerprint"] for candidate in result["candidates"]} - {""}),
        agreement=result["vote"]["agreement"],
        seconds=seconds,
    )
