"""What does `sleepwright sleep --once --passes survey` cost: at first, where nothing has changed, after a commit?

Every sleep is the real command in a process of its own, its start included; CPU seconds of all its children are
counted, because on a shared machine the clock on the wall says little.
"""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from agent.errors import ConfigError
from agent.git_command import git_output
from evals.own_memory import own_memory
from evals.repositories import ENVIRONMENT, commit_all, start_repository
from evals.tables import Column, Table
from memory.records import Record
from sleeptime.records import SleepRun

_FOLDER = 25
"""Modules of a package of the made-up repository."""
_COMMITS = 60
_MOST_CHANGED = 5
_WORDS = ("order", "stock", "price", "basket", "invoice", "parcel", "refund", "ledger", "voucher", "shelf", "route")

Tell = Callable[[str], None]


class Slept(Record):
    """One sleep."""

    cpu_seconds: float
    """Of the whole process and all that it has started."""
    run: SleepRun


class Step(Record):
    """The sleeps of one step, whose median counts."""

    name: str
    slept: tuple[Slept, ...]

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(each.cpu_seconds for each in self.slept)

    @property
    def thought_out(self) -> int:
        """Items of the last of them."""
        return sum(count.finished for count in self.slept[-1].run.passes.values())


def sleep_once(root: Path, passes: Sequence[str]) -> Slept:
    """Sleep on a work tree until nothing is left, with the memory of this process; ConfigError where it fails."""
    options = (
        "--once",
        "--passes",
        ",".join(passes),
        "--test",
        "",
        "--model",
        "embedded",
        "--sandbox",
        "none",
        "--json",
    )
    command = (sys.executable, "-P", "-m", "agent.cli", "sleep", "--repo", str(root), *options)
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        said, problem = output.read(), errors.read()
    if process.returncode:
        raise ConfigError(
            f"The sleep on {str(root)!r} ended with {process.returncode}: {(problem or said)[-300:].strip()}"
        )
    return Slept(cpu_seconds=usage.ru_utime + usage.ru_stime, run=SleepRun.model_validate(json.loads(said)))


def measure(root: Path, scratch: Path, rounds: int, tell: Tell) -> list[Step]:
    """Sleep on the work tree, in which a file is changed and committed; `rounds` of each step but the first.

    Beside it, in `scratch`, on a repository of one file: what starting costs.
    """
    small = scratch / "one-file"
    start_repository(small)
    (small / "alone.py").write_text("def alone():\n    return 1\n", encoding="utf-8")
    commit_all(small, "One file")
    steps = []
    with own_memory(scratch / "memory-of-survey"):
        for name, where, times, changes in (
            ("a repository of one file", small, rounds, False),
            ("at first", root, 1, False),
            ("nothing has changed", root, rounds, False),
            ("after a one-file commit", root, rounds, True),
        ):
            slept = []
            for number in range(times):
                tell(f"survey: {name}")
                if changes:
                    _commit_one_file(root, number)
                slept.append(sleep_once(where, ("survey",)))
            steps.append(Step(name=name, slept=tuple(slept)))
    return steps


def table(steps: Sequence[Step], root: Path) -> Table:
    """A row for each step on this work tree."""
    files = git_output(root, "ls-files", "-z", env=ENVIRONMENT).count(b"\0")
    return Table(
        name="survey",
        caption=f"`sleepwright sleep --once --passes survey` on {files:,} files: CPU seconds of the whole process with "
        "its start, medians.",
        columns=(
            Column(name="survey"),
            Column(name="CPU seconds", format=".2f"),
            Column(name="thought out", format=","),
        ),
        rows=tuple((step.name, step.cpu_seconds, step.thought_out) for step in steps),
    )


def make_repository(root: Path, files: int) -> None:
    """So many Python modules that use each other, about 120 lines each, and commits that change a few of them."""
    start_repository(root)
    for number in range(files):
        path = root / _path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_module(number, random.Random(number)), encoding="utf-8")
    commit_all(root, "All modules")
    chance = random.Random(0)
    for commit in range(_COMMITS):
        for number in chance.sample(range(files), min(files, chance.randint(1, _MOST_CHANGED))):
            with (root / _path(number)).open("a", encoding="utf-8") as file:
                file.write(f"\n\ndef change_{commit}_of_{number}(value):\n    return value + {commit}\n")
        commit_all(root, f"store: change {commit}")


def _path(number: int) -> str:
    return f"package{number // _FOLDER}/module{number}.py"


def _module(number: int, chance: random.Random) -> str:
    used = sorted({chance.randrange(number) for _ in range(3)}) if number else []
    lines = [f'"""What module {number} knows of {chance.choice(_WORDS)}s."""', ""]
    lines += [
        f"from package{each // _FOLDER}.module{each} import make_{_WORDS[each % len(_WORDS)]}_{each}" for each in used
    ]
    own = _WORDS[number % len(_WORDS)]
    lines += ["", "", f"class {own.title()}Keeper{number}:"]
    for method in range(8):
        word = chance.choice(_WORDS)
        lines += [f"    def {word}_of_{method}(self, {word}, limit={method}):", f"        total = limit * {method}"]
        lines += [f"        for each in {word}:", f"            total += each.{chance.choice(_WORDS)}"]
        lines += ["            if total > limit:", f"                self.{own} = total", "        return total", ""]
    lines += ["", f"def make_{own}_{number}(value):", f"    keeper = {own.title()}Keeper{number}()"]
    for each in used:
        lines.append(f"    value = make_{_WORDS[each % len(_WORDS)]}_{each}(value)")
    lines += ["    return keeper, value", ""]
    for function in range(6):
        word = chance.choice(_WORDS)
        lines += ["", f"def {word}_{function}_{number}({word}):", f"    result = make_{own}_{number}({word})"]
        lines += ["    while not result:", f"        {word} = {word}.next", f"        result = {word}.{own}"]
        lines += ["    return result", ""]
    return "\n".join(lines)


def _commit_one_file(root: Path, number: int) -> None:
    """In the work tree's first Python module, or a new one where it has none."""
    path = next(iter(sorted(root.rglob("*.py"))), root / "one_more.py")
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n\ndef one_more_{number}(value):\n    return value\n")
    commit_all(root, "One more function")
