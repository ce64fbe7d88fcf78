"""Where could the fault be: suspicious lines, ranked, from one run of the tests and from the words of the task.

Evidence, strongest first: the spectrum (lines that failing tests run and passing ones do not), the frames of the
failing tests' tracebacks, what runs at import (a wrong constant fails a test later), what a failing test calls by
name, what the task names.
"""

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from agent.mentions import Line, by_depth, frames, function_of, named_places, named_statements, named_tests
from agent.probed_run import Failure, ProbedRun, probed_run
from agent.sandbox import Sandbox
from agent.selection import without
from agent.source import Source
from agent.spectrum import ochiai
from memory.records import CommandRun

MOST_SUSPECTS = 200
MOST_FAILURES = 100
"""So many tracebacks and sources of failing tests are read; the spectrum counts them all."""
ASSIGNED, DEFINED, IMPORTED = 0.9, 0.6, 0.3
"""How suspicious a line is that runs at import, by what it does; a half where no failing test runs the file."""


@dataclass(frozen=True)
class Suspect:
    """A line that may hold the fault."""

    path: str
    """Relative to the worktree, with forward slashes."""
    line: int
    """1-based, the first line of its statement."""
    score: float
    """0 < score <= 1: Ochiai where tests ran it, otherwise by kind of evidence and below those."""


@dataclass(frozen=True)
class Localisation:
    """What the tests said, and the suspects, best first."""

    tests: CommandRun | None
    """None without a test command."""
    failing: tuple[str, ...]
    """Ids of the failing tests, as far as they could be told."""
    suspects: tuple[Suspect, ...]
    errors: tuple[str, ...] = ()
    """Of each of the failing tests, what its traceback says last."""
    notes: tuple[str, ...] = ()
    """What is remembered that bears on the task, each as it is shown to a model."""
    left_out: tuple[str, ...] = ()
    """Ids of tests that fail too and that the task, which names others, is not about; `command` does not run them."""
    command: str | None = None
    """In the place of the task's test command, where tests are left out."""
    known_to_fail: frozenset[str] = frozenset()
    """Fingerprints of patches that were tried in vain and need not be proposed."""


def localise(
    worktree: Path,
    request: str,
    test_command: str | None,
    sandbox: Sandbox,
    timeout: float,
    *,
    readable: Sequence[Path] = (),
) -> Localisation:
    """Run the tests once, for at most `timeout` seconds, and rank the lines of `worktree`, at most MOST_SUSPECTS.

    The test command sees `readable` besides the worktree.
    Without a test command, or where nothing fails, the suspects are what the request names, perhaps none. Where it
    names some of the failing tests and the command can leave the others out, it is about those.
    """
    source = Source(worktree, test_command)
    named = named_places(request, source)
    run = probed_run(worktree, test_command, sandbox, timeout, readable) if test_command else None
    if run is None or not run.failures:
        return Localisation(run.command if run else None, (), _ranked(named, {}))
    left_out, command = _beside_the_point(run, request, source)
    run = replace(run, failures=tuple(failure for failure in run.failures if failure.test not in left_out))
    failures = [failure for failure in run.failures if failure.test]
    return Localisation(
        run.command,
        tuple(failure.test for failure in failures),
        suspects(run, named, source),
        tuple(failure.error for failure in failures),
        left_out=left_out,
        command=command,
    )


def _beside_the_point(run: ProbedRun, request: str, source: Source) -> tuple[tuple[str, ...], str | None]:
    """The failing tests that the request is not about, and the command without them.

    It is about those that it names, and those that may fail of the same fault: they run a line that is suspicious for
    the named ones. Where it is not known what they run, all are meant.
    """
    failing = [failure.test for failure in run.failures]
    wanted = set(named_tests(request, failing))
    covered = _statements(run, source)
    spectrum = ochiai(covered, list(wanted), run.passed)
    if not spectrum or not all(failing):
        return (), None
    suspicious = [line for line, score in spectrum.items() if score >= max(spectrum.values()) / 2]
    wanted |= {test for line in suspicious for test in covered[line]}
    left_out = tuple(test for test in failing if test not in wanted)
    shorter = without(run.command.command, left_out, [test for test in failing if test in wanted])
    return (left_out, shorter) if left_out and shorter else ((), None)


def suspects(run: ProbedRun, named: Mapping[Line, float], source: Source) -> tuple[Suspect, ...]:
    """The suspects of a run with failures; `named` are the lines that a task names, with weights."""
    covered = _statements(run, source)
    spectrum = ochiai(covered, [failure.test for failure in run.failures if failure.test], run.passed)
    traced: dict[Line, float] = {}
    for failure in run.failures[:MOST_FAILURES]:
        for line, weight in by_depth(frames(failure.traceback, source)).items():
            traced[line] = max(weight, traced.get(line, 0.0))
    called = _called(run.failures[:MOST_FAILURES], source)
    scores = {**traced, **spectrum}

    weak: Counter[Line] = Counter(named)
    weak.update(called)
    weak.update(_imported(covered, {line.path for line in spectrum}, source))
    # Below every line that a failing test is known to have run.
    ceiling = min(scores.values(), default=1.0) / 2
    for line, weight in weak.items():
        scores.setdefault(line, ceiling * min(1.0, weight))
    ties = {
        line: (-traced.get(line, 0.0), -named.get(line, 0.0), _distance(line, traced), -called.get(line, 0.0))
        for line in scores
    }
    return _ranked(scores, ties)


def _ranked(scores: Mapping[Line, float], ties: Mapping[Line, tuple[float, ...]]) -> tuple[Suspect, ...]:
    order = sorted(scores, key=lambda line: (-scores[line], ties.get(line, ()), line))
    return tuple(Suspect(line.path, line.line, scores[line]) for line in order[:MOST_SUSPECTS])


def _statements(run: ProbedRun, source: Source) -> dict[Line, set[str]]:
    """The tests that ran each statement in which a fault may lie."""
    covered: dict[Line, set[str]] = {}
    suspect = {path: source.is_suspect(path) for path in {line.path for line in run.lines}}
    for (path, number), tests in run.lines.items():
        file = source.file(path) if suspect[path] else None
        first = source.statement(path, number)
        if file and first in file.nodes:
            covered.setdefault(Line(path, first), set()).update(tests)
    return covered


def _imported(covered: dict[Line, set[str]], run_by_failing: set[str], source: Source) -> dict[Line, float]:
    weights = {}
    for line, tests in covered.items():
        file = source.file(line.path)
        if "" in tests and file:
            match file.nodes[line.line]:
                case ast.Import() | ast.ImportFrom():
                    weight = IMPORTED
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    weight = DEFINED
                case _:
                    weight = ASSIGNED
            weights[line] = weight if line.path in run_by_failing else weight / 2
    return weights


def _called(failures: tuple[Failure, ...], source: Source) -> dict[Line, float]:
    """The statements of the functions and classes that the failing tests call by name."""
    weights: dict[Line, float] = {}
    for failure in failures:
        name = function_of(failure.test)
        file = source.file(failure.file) if failure.file.endswith(".py") else None
        for called in file.calls.get(name, ()) if file else ():
            for path in source.definitions.get(called, ()):
                weights.update(named_statements(source, path, called))
    return weights


def _distance(line: Line, traced: dict[Line, float]) -> float:
    """Lines between this one and the nearest frame of a failing test in the same file."""
    return min((abs(line.line - frame.line) for frame in traced if frame.path == line.path), default=inf)
