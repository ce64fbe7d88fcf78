"""How long does the repository map take on a large repository, beside aider's on the same one in the same run?

Django's source distribution as a git repository, one working copy for each tool: both keep their caches across the
steps, aider's within its copy. Every step is a process of its own; CPU seconds of all its children are counted, because
on a shared machine the clock on the wall says little.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from agent.errors import ConfigError
from evals.charts import Chart, Series
from evals.repositories import commit_all, start_repository, unpack
from evals.tables import Column, Table
from memory.records import Record

DJANGO = "django==5.2.7"
AIDER = "aider-chat==0.86.2"
BUDGET = 4096
"""Tokens of a map."""
PROMPTS = (
    "QuerySet.bulk_create ignores update_fields when unique_fields is empty",
    "URLValidator in django/core/validators.py accepts a line break at the end",
)
CHANGED = "django/db/models/query.py"
"""The file that a commit changes."""


Tell = Callable[[str], None]


class Step(Record):
    """One step of one tool: medians over the rounds."""

    name: str
    map_seconds: float
    """CPU, of the map alone."""
    process_seconds: float | None
    """CPU, of the whole process with its start; None for a second prompt within one."""
    peak_megabytes: float


class Measured(Record):
    """What one tool took."""

    tool: str
    steps: tuple[Step, ...]
    cache_megabytes: float


@dataclass(frozen=True)
class Tool:
    """How a tool's maps are made."""

    name: str
    root: Path
    """Its working copy."""
    command: tuple[str, ...]
    environment: Mapping[str, str]
    cache: Path
    """What it leaves there is its cache; removed before the cold step."""


def prepare(folder: Path, scratch: Path, aider: Path | None, *, with_aider: bool, tell: Tell) -> list[Tool]:
    """Our tool, and aider's where it is wanted, with working copies and caches in `scratch`.

    What was fetched is kept in `folder`. `aider`: a Python that has aider; None makes an environment with AIDER.
    Raises ConfigError where pip cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sdist = _sdist(folder.resolve(), tell)
    home = scratch / "home"
    environment = {**os.environ, "SLEEPWRIGHT_HOME": str(home)}
    ours = _working_copy(sdist, scratch / "ours")
    tools = [Tool("sleepwright", ours, (sys.executable, "-P", "-m", "evals.map_process"), environment, home)]
    if with_aider:
        python = aider or _aider(folder.resolve(), tell)
        theirs = _working_copy(sdist, scratch / "theirs")
        with as_file(files("evals") / "data" / "map" / "aider_process.py") as script:
            command = (str(python), "-P", str(script))
        tools.append(Tool("aider", theirs, command, {**os.environ}, theirs / ".aider.tags.cache.v4"))
    return tools


def measure(tool: Tool, rounds: int, tell: Tell) -> Measured:
    """Cold, another prompt, a new process, and after a commit that changed one file; `rounds` of each but the first."""
    shutil.rmtree(tool.cache, ignore_errors=True)
    tell(f"{tool.name}: cold")
    cold, second = _process(tool, PROMPTS)
    steps = [cold.model_copy(update={"name": "cold"}), second.model_copy(update={"name": "another prompt"})]
    for name, change in (("new process, warm cache", False), ("after a one-file commit", True)):
        found = []
        for number in range(rounds):
            tell(f"{tool.name}: {name}")
            if change:
                _commit_one_file(tool.root)
            found += _process(tool, PROMPTS[number % 2 :][:1])
        steps.append(_median(name, found))
    size = sum(path.stat().st_size for path in tool.cache.rglob("*") if path.is_file())
    return Measured(tool=tool.name, steps=tuple(steps), cache_megabytes=size / 1e6)


def tables(measured: Sequence[Measured]) -> list[Table]:
    """CPU seconds, a row for each step with two columns for each tool; then memory and cache, a row for each tool."""
    first, *others = [one.tool for one in measured]
    seconds = tuple(
        Column(name=f"{tool}, {what}", format=".2f") for tool in (first, *others) for what in ("map", "whole process")
    )
    ratios = tuple(Column(name=f"{tool}: times the map of {first}", format=".0f") for tool in others)
    rows = []
    for steps in zip(*(one.steps for one in measured), strict=True):
        cells = [cell for step in steps for cell in (step.map_seconds, step.process_seconds)]
        rows.append((steps[0].name, *cells, *(step.map_seconds / steps[0].map_seconds for step in steps[1:])))
    sizes = tuple((one.tool, max(step.peak_megabytes for step in one.steps), one.cache_megabytes) for one in measured)
    return [
        Table(
            name="map",
            caption=f"CPU seconds for a repository map of {DJANGO}: of the map alone, and of the whole process.",
            columns=(Column(name="step"), *seconds, *ratios),
            rows=tuple(rows),
        ),
        Table(
            name="size",
            caption="Megabytes: the most memory of any step, and what is left on disk.",
            columns=(Column(name="tool"), Column(name="peak", format=".0f"), Column(name="cache", format=".1f")),
            rows=sizes,
        ),
    ]


def chart(measured: Sequence[Measured]) -> Chart:
    """CPU seconds of the map alone, the tools side by side."""
    return Chart(
        name="map",
        title=f"A repository map of {DJANGO}",
        x_label="step",
        y_label="CPU seconds",
        kind="bars",
        categories=tuple(step.name for step in measured[0].steps),
        series=tuple(Series(label=one.tool, y=tuple(step.map_seconds for step in one.steps)) for one in measured),
    )


def _process(tool: Tool, prompts: tuple[str, ...]) -> list[Step]:
    """A step for each prompt of one process."""
    command = [*tool.command, str(tool.root), str(BUDGET), *prompts]
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=tool.environment, cwd=tool.root
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        lines, said = _lines(output), _lines(errors)
    if process.returncode or len(lines) != len(prompts) or any(line.endswith(" 0") for line in lines):
        raise ConfigError(
            f"{tool.name} made no map: its process ended with {process.returncode}. {' '.join(said[-3:])}"
        )
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return [
        Step(
            name="",
            map_seconds=float(line.split()[0]),
            process_seconds=usage.ru_utime + usage.ru_stime if len(prompts) == 1 else None,
            peak_megabytes=peak,
        )
        for line in lines
    ]


def _lines(file: IO[str]) -> list[str]:
    file.seek(0)
    return file.read().splitlines()


def _median(name: str, found: list[Step]) -> Step:
    return Step(
        name=name,
        map_seconds=statistics.median(step.map_seconds for step in found),
        process_seconds=statistics.median(step.process_seconds or 0.0 for step in found),
        peak_megabytes=statistics.median(step.peak_megabytes for step in found),
    )


def _commit_one_file(root: Path) -> None:
    with (root / CHANGED).open("a", encoding="utf-8") as file:
        file.write("\n\ndef one_more():\n    return QuerySet\n")
    commit_all(root, "One more function")


def _working_copy(sdist: Path, root: Path) -> Path:
    """A repository of its own."""
    start_repository(root)
    with tarfile.open(sdist) as archive:
        unpack(archive, root)
    (top,) = [path for path in root.iterdir() if path.name != ".git"]
    for path in list(top.iterdir()):
        path.rename(root / path.name)
    top.rmdir()
    (root / ".git" / "info" / "exclude").write_text(".aider*\n", encoding="utf-8")
    commit_all(root, DJANGO)
    return root


def _sdist(folder: Path, tell: Tell) -> Path:
    found = list(folder.glob("[dD]jango-*.tar.gz"))
    if not found:
        tell(f"fetching the source of {DJANGO}")
        _pip(sys.executable, "download", "--no-deps", "--no-binary", "django", "--dest", str(folder), DJANGO)
        found = list(folder.glob("[dD]jango-*.tar.gz"))
    return found[0]


def _aider(folder: Path, tell: Tell) -> Path:
    """The Python of an environment with aider."""
    python = folder / "aider-environment" / "bin" / "python"
    done = python.parent.parent / "complete"
    if not done.exists():
        tell(f"installing {AIDER} into an environment of its own (about 700 MB)")
        venv.create(python.parent.parent, with_pip=True, clear=True)
        _pip(str(python), "install", AIDER)
        done.touch()
    return python


def _pip(python: str, *arguments: str) -> None:
    done = subprocess.run([python, "-m", "pip", *arguments, "--quiet"], stdout=sys.stderr)
    if done.returncode:
        raise ConfigError(f"`pip {' '.join(arguments)}` failed: see its words above.")
