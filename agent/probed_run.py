"""Runs a test command once under the probe, and reads what the tests did: outcomes, tracebacks, lines per test."""

import json
import os
import re
import shlex
import sqlite3
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
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
_SUMMARY = re.compile(r"^=+ short test summary info =+$", re.MULTILINE)
_IN_SUMMARY = re.compile(r"^(?:FAILED|ERROR) (\S+)(?: - .*)?$", re.MULTILINE)
_OF_UNITTEST = re.compile(r"^={70}\n(?:FAIL|ERROR): (\w+) \(([\w.]+)\)", re.MULTILINE)

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?::|$)")
"""How the last line of a traceback begins; what explains it is indented."""
_LONGEST_ERROR = 500


See = Callable[[Line, Collection[str]], None]
"""Is told a line and the tests that ran it, "" among them for what ran outside of tests; of a line perhaps several
times."""


@dataclass(frozen=True)
class Failure:
    """A test that failed, crashed or hung: its id, its file (absolute, or ""), its traceback as text."""

    test: str
    file: str
    traceback: str

    @property
    def error(self) -> str:
        """The last line of its traceback that names an exception, else the last one."""
        lines = [line.rstrip() for line in self.traceback.splitlines() if line.strip()]
        told = [line for line in lines if _EXCEPTION.match(line)] or lines
        return told[-1].strip()[:_LONGEST_ERROR] if told else ""


@dataclass(frozen=True)
class ProbedRun:
    """What a run of the tests showed."""

    command: CommandRun
    failures: tuple[Failure, ...]
    passed: frozenset[str]
    lines: dict[Line, set[str]]
    """The tests that ran a line of the worktree; "" stands for what ran outside of tests. Lines that only passing tests
    ran are left out."""
    seconds: dict[str, float]
    """How long each test took, its set-up included; of those that came to an end."""


def probed_run(
    worktree: Path,
    command: str,
    sandbox: Sandbox,
    timeout: float,
    readable: Sequence[Path] = (),
    see: See | None = None,
) -> ProbedRun:
    """Run `command` in `worktree` for at most `timeout` seconds; it sees `readable` besides the worktree.

    `see` is told of every line of the worktree that ran, also those that only passing tests ran.
    Where the probe gets no foothold (another language, an isolated interpreter), failures are read from the output.
    """
    worktree = Path(os.path.realpath(worktree))
    with tempfile.TemporaryDirectory(prefix="sleepwright-probe-", ignore_cleanup_errors=True) as name:
        folder = Path(os.path.realpath(name))
        # Early enough for the probe to save what it has before the command is killed.
        deadline = time.time() + timeout - min(1.0, timeout / 10)
        settings = {"root": str(worktree), "coverage": str(COVERAGE), "deadline": deadline}
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        run = sandbox.run(
            _with_probe_path(command),
            worktree,
            timeout=timeout,
            env={"SLEEPWRIGHT_PROBE": str(folder)},
            readable=(PROBE, COVERAGE, *readable),
            writable=(folder,),
        )
        run = run.model_copy(update={"command": command})
        failures, passed, seconds = _outcomes(_records(folder / "outcomes"), run.output)
        lines = _lines(folder, worktree, {"", *(failure.test for failure in failures)})
        if see:
            _show_all(folder, worktree, see)
    return ProbedRun(run, failures or _failures_in_output(run), passed, lines, seconds)


def named_failures(output: str) -> frozenset[str]:
    """Ids of the tests that failed, as far as the output of a run without the probe says so for certain."""
    *_, summary = _SUMMARY.split(output)
    named = {match[1] for match in _IN_SUMMARY.finditer(summary)} if summary != output else set()
    for match in _OF_UNITTEST.finditer(output):
        named.add(match[2] if match[2].endswith(f".{match[1]}") else f"{match[2]}.{match[1]}")
    return frozenset(named)


def _with_probe_path(command: str) -> str:
    """Put the probe before the path that the sandbox sets, and before one that the command sets itself."""
    probe = shlex.quote(str(PROBE))
    command = re.sub(r"\bPYTHONPATH=", lambda match: f"{match[0]}{probe}:", command)
    return f'export PYTHONPATH={probe}"${{PYTHONPATH:+:$PYTHONPATH}}"\n{command}'


def _records(path: Path) -> Iterator[Any]:
    """The whole lines of a file of JSON lines, which the tests may have written to as well."""
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                continue  # cut by a kill


def _outcomes(records: Iterator[Any], output: str) -> tuple[tuple[Failure, ...], frozenset[str], dict[str, float]]:
    """The failures in the order of the run, the tests that passed, and how long tests took.

    A test without an end hung until the command was killed, or took its process along; what is known of it is where
    it was at the deadline, or what the process said last.
    """
    files: dict[str, str] = {}
    outcomes: dict[str, set[str]] = {}
    tracebacks: dict[str, str] = {}
    began: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for record in records:
        match record:
            case {"test": str() as test, "file": str() as file, "outcome": str() as outcome, "at": float() as at}:
                if outcome == "started":
                    began[test] = at
                else:
                    seconds[test] = max(0.0, at - began.get(test, at))
                files[test] = file
                outcomes.setdefault(test, set()).add(outcome)
                if isinstance(traceback := record.get("traceback"), str) and traceback:
                    tracebacks.setdefault(test, traceback)
    failed = [test for test, seen in outcomes.items() if "failed" in seen or not seen & {"passed", "skipped"}]
    passed = frozenset(test for test, seen in outcomes.items() if "passed" in seen).difference(failed)
    return tuple(Failure(test, files[test], tracebacks.get(test, output)) for test in failed), passed, seconds


def _failures_in_output(run: CommandRun) -> tuple[Failure, ...]:
    if run.exit_code in (0, NO_TESTS):
        return ()
    names = list(dict.fromkeys(match[1] or match[2] for match in _NAMED_FAILURE.finditer(run.output)))
    return tuple(Failure(name, "", run.output) for name in names) or (Failure("", "", run.output),)


def _lines(folder: Path, worktree: Path, telling: set[str]) -> dict[Line, set[str]]:
    """The lines that one of the `telling` contexts ran, each with all that ran it."""
    prefix = f"{worktree}/"
    lines: dict[Line, set[str]] = {}
    for file, line, contexts in _covered(folder):
        if file.startswith(prefix) and not telling.isdisjoint(contexts):
            lines[Line(file.removeprefix(prefix), line)] = set()
    # A second reading, because all lines with all their tests can be more than fits into memory.
    for file, line, contexts in _covered(folder):
        if (place := Line(file.removeprefix(prefix), line)) in lines:
            lines[place].update(contexts)
    return lines


def _show_all(folder: Path, worktree: Path, see: See) -> None:
    prefix = f"{worktree}/"
    for file, line, contexts in _covered(folder):
        if file.startswith(prefix):
            see(Line(file.removeprefix(prefix), line), contexts)


def _covered(folder: Path) -> Iterator[tuple[str, int, list[str]]]:
    """File, line and contexts that ran it, from what every process of the run has saved, or tests in its name."""
    for path in sorted(folder.glob("coverage.*")):
        data = coverage.CoverageData(basename=str(path))
        try:
            data.read()
            for file in data.measured_files():
                for line, contexts in data.contexts_by_lineno(file).items():
                    if isinstance(file, str) and all(isinstance(context, str) for context in contexts):
                        yield file, line, contexts
        except (CoverageException, sqlite3.Error, ValueError, TypeError):
            continue  # cut by a kill, or not coverage's
        finally:
            data.close()
    for path in sorted(folder.glob("traced.*")):
        for record in _records(path):
            match record:
                case {"context": str() as context, "files": dict() as files}:
                    for file, numbers in files.items():
                        for number in numbers if isinstance(numbers, list) else ():
                            if isinstance(number, int):
                                yield file, number, [context]
