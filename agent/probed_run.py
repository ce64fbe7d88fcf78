"""Runs a test command once under the probe, and reads what the tests did: outcomes, tracebacks, lines per test."""

import json
import os
import re
import shlex
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
from coverage.exceptions import CoverageException

from agent.mentions import Line
from agent.sandbox import Sandbox
from memory.records import CommandRun

PROBE = Path(__file__).parent / "probe"
COVERAGE = Path(coverage.__file__).parent
NO_TESTS = 5
"""pytest's exit code where it collected nothing; unittest's since 3.12."""

_NAMED_FAILURE = re.compile(r"^(?:FAILED|ERROR) (\S+\.py\S*)|^(?:FAIL|ERROR): (\S+) \(", re.MULTILINE)
"""As pytest and unittest print it."""


@dataclass(frozen=True)
class Failure:
    """A test that failed, crashed or hung: its id, its file (absolute, or ""), its traceback as text."""

    test: str
    file: str
    traceback: str


@dataclass(frozen=True)
class ProbedRun:
    """What a run of the tests showed."""

    command: CommandRun
    failures: tuple[Failure, ...]
    passed: frozenset[str]
    lines: dict[Line, set[str]]
    """The tests that ran each line of the worktree; "" stands for what ran outside of tests."""


def probed_run(
    worktree: Path, command: str, sandbox: Sandbox, timeout: float, readable: Sequence[Path] = ()
) -> ProbedRun:
    """Run `command` in `worktree` for at most `timeout` seconds; it sees `readable` besides the worktree.

    Where the probe gets no foothold (another language, an isolated interpreter), failures are read from the output.
    """
    worktree = Path(os.path.realpath(worktree))
    with tempfile.TemporaryDirectory(prefix="sleepwright-probe-") as name:
        folder = Path(os.path.realpath(name))
        # Early enough for the probe to save what it has before the command is killed.
        deadline = time.time() + timeout - min(1.0, timeout / 10)
        settings = {"root": str(worktree), "coverage": str(COVERAGE), "deadline": deadline}
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        run = sandbox.run(
            _with_probe_path(command),
            worktree,
            timeout=timeout,
            env={
                "SLEEPWRIGHT_PROBE": str(folder),
                "PYTEST_ADDOPTS": f"-o cache_dir={shlex.quote(f'{folder}/pytest-cache')}",
            },
            readable=(PROBE, COVERAGE, *readable),
            writable=(folder,),
        )
        run = run.model_copy(update={"command": command})
        failures, passed = _outcomes(_records(folder / "outcomes"), run.output)
        lines = _lines(folder, worktree)
    return ProbedRun(run, failures or _failures_in_output(run), passed, lines)


def _with_probe_path(command: str) -> str:
    """Put the probe before the path that the sandbox sets, and before one that the command sets itself."""
    command = re.sub(r"""\bPYTHONPATH=(["']?)""", lambda match: f"{match[0]}{PROBE}:", command)
    return f'export PYTHONPATH={shlex.quote(str(PROBE))}"${{PYTHONPATH:+:$PYTHONPATH}}"\n{command}'


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file of JSON lines."""
    if path.exists():
        for line in path.read_bytes().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # cut by a kill


def _outcomes(records: Iterator[dict[str, Any]], output: str) -> tuple[tuple[Failure, ...], frozenset[str]]:
    """The failures in the order of the run, and the tests that passed.

    A test without an end took its process along; what is known of it is what the process said last.
    """
    files: dict[str, str] = {}
    outcomes: dict[str, set[str]] = {}
    tracebacks: dict[str, str] = {}
    for record in records:
        test = record["test"]
        files[test] = record["file"]
        outcomes.setdefault(test, set()).add(record["outcome"])
        if record["outcome"] in ("failed", "hung"):
            tracebacks.setdefault(test, record["traceback"])
    failed = [test for test, seen in outcomes.items() if seen & {"failed", "hung"} or seen == {"started"}]
    passed = frozenset(test for test, seen in outcomes.items() if "passed" in seen and test not in tracebacks)
    return tuple(Failure(test, files[test], tracebacks.get(test, output)) for test in failed), passed


def _failures_in_output(run: CommandRun) -> tuple[Failure, ...]:
    if run.exit_code in (0, NO_TESTS):
        return ()
    names = list(dict.fromkeys(match[1] or match[2] for match in _NAMED_FAILURE.finditer(run.output)))
    return tuple(Failure(name, "", run.output) for name in names) or (Failure("", "", run.output),)


def _lines(folder: Path, worktree: Path) -> dict[Line, set[str]]:
    """The lines that every process of the run has saved."""
    lines: dict[Line, set[str]] = {}
    prefix = f"{worktree}/"

    def add(file: str, line: int, contexts: list[str]) -> None:
        if file.startswith(prefix):
            lines.setdefault(Line(file.removeprefix(prefix), line), set()).update(contexts)

    for path in sorted(folder.glob("coverage.*")):
        data = coverage.CoverageData(basename=str(path))
        try:
            data.read()
            for file in data.measured_files():
                for line, contexts in data.contexts_by_lineno(file).items():
                    add(file, line, contexts)
        except CoverageException:
            continue  # cut by a kill
        finally:
            data.close()
    for path in sorted(folder.glob("traced.*")):
        for record in _records(path):
            for file, numbers in record["files"].items():
                for number in numbers:
                    add(file, number, [record["context"]])
    return lines
