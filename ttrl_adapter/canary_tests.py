"""Judges answers to canaries by the repository's own tests, where passing tests run the canary's function.

A canary is a function of the repository with a bug made for it. Its original text is right, but so is every other that
passes the tests which the bug fails. Where these exist, the answers that the policies give most often are put into the
function's file, in a worktree and the sandbox, and the tests that run it are run. How many is bounded; what no test
tells apart from the original, or nobody had the time to run, is right only where it is the original.
"""

import shlex
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.edits import decode
from agent.errors import EditRefused
from agent.function_view import END, View, parse, repair, units, view_unit
from agent.mentions import Line
from agent.probed_run import ProbedRun, probed_run
from agent.sandbox import Sandbox
from agent.selection import is_pytest
from agent.source import Source
from agent.trial import check_seconds
from agent.workspace import Repository
from memory.records import Record
from ttrl_adapter.records import Exercise, Poll
from ttrl_adapter.reward import key_of, lines_of

MOST_ANSWERS = 6
"""Different answers to one canary whose tests are run: those given most often, by all policies together."""
MOST_TESTS = 20
"""Of one function."""
MOST_SECONDS = 600.0
"""For a whole examination, the first run of all tests left aside."""
FIRST_RUN_SECONDS = 900.0
LONGEST_SUITE = 10.0
"""Seconds: where a runner cannot be given single tests, a longer suite is not run again for each answer."""


class Examined(Record):
    """What tests said, by canary and by key: True passed, False failed."""

    schema_version: int = 1
    told: dict[str, dict[str, bool]] = {}
    """A canary has no keys where no test notices its bug."""


class Place(NamedTuple):
    """Where a canary's function is, and the passing tests that run it."""

    path: str
    view: View
    tests: tuple[str, ...]


@dataclass(frozen=True)
class CanaryTests:
    """The tests of one repository, as it is now."""

    repository: Repository
    snapshot: str
    command: str
    sandbox: Sandbox
    worktrees: Path
    """Folder of throw-away worktrees."""

    def examine(
        self,
        canaries: Sequence[Exercise],
        polls: Sequence[Sequence[Poll]],
        kept: Examined,
        keep: Callable[[Examined], None],
    ) -> list[Exercise]:
        """The canaries with what tests say of their answers; `polls` are the answers of each policy, in their order.

        `kept` is what is known from an examination that was ended; `keep` is given what is known so far."""
        told = {canary: dict(keys) for canary, keys in kept.told.items()}
        if any(canary.id not in told for canary in canaries):
            with self.repository.worktree(self.snapshot, self.worktrees) as worktree:
                self._run(canaries, polls, worktree, told, lambda: keep(Examined(told=told)))
        return [_with(canary, told.get(canary.id, {})) for canary in canaries]

    def _run(
        self,
        canaries: Sequence[Exercise],
        polls: Sequence[Sequence[Poll]],
        worktree: Path,
        told: dict[str, dict[str, bool]],
        done: Callable[[], None],
    ) -> None:
        covered = _Covered()
        run = probed_run(
            worktree, self.command, self.sandbox, FIRST_RUN_SECONDS, self.repository.inputs, covered.see
        )  # fmt: skip
        places = _places(canaries, Source(worktree), covered, run.passed)
        end = time.monotonic() + MOST_SECONDS
        for number, canary in enumerate(canaries):
            place = places.get(canary.id)
            if canary.id not in told and place and time.monotonic() < end:
                own = [policy[number] for policy in polls]
                told[canary.id] = self._ask_tests(canary, place, _most_given(canary, own), worktree, run)
                done()
        for canary in canaries:
            told.setdefault(canary.id, {})
        done()

    def _ask_tests(
        self, canary: Exercise, place: Place, answers: Mapping[str, Sequence[str]], worktree: Path, run: ProbedRun
    ) -> dict[str, bool]:
        """What the tests say of each answer; nothing where they do not tell the bug from the original."""
        command = self._command(place.tests)

        def passes(lines: Sequence[str] | None) -> bool:
            """With the function as these lines say; None for the original."""
            changed = place.view.source if lines is None else repair(place.view, lines)
            if changed is None:
                return False  # it cannot be put into the file
            (worktree / place.path).write_text(changed, encoding="utf-8", newline="")
            limit = check_seconds(run.command)
            ran = self.sandbox.run(command, worktree, timeout=limit, readable=self.repository.inputs)
            self.repository.reset(worktree, self.snapshot)
            return ran.exit_code == 0 and not ran.timed_out

        if run.command.seconds > LONGEST_SUITE and command == self.command:
            return {}
        if passes(canary.lines) or not passes(None):
            return {}
        return {key: passes(lines) for key, lines in answers.items()}

    def _command(self, tests: Sequence[str]) -> str:
        """Runs these tests; with all others where the runner cannot be told."""
        return f"{self.command} {' '.join(map(shlex.quote, tests))}" if is_pytest(self.command) else self.command


class _Covered:
    """Which tests ran which line."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[int, set[str]]] = {}

    def see(self, line: Line, tests: Collection[str]) -> None:
        self.tests.setdefault(line.path, {}).setdefault(line.line, set()).update(test for test in tests if test)


def _places(
    canaries: Sequence[Exercise], source: Source, covered: _Covered, passed: frozenset[str]
) -> dict[str, Place]:
    """The functions of canaries that a passing test runs, by canary."""
    wanted: dict[tuple[str, ...], list[str]] = {}
    for canary in canaries:
        if original := _original(canary):
            wanted.setdefault(original, []).append(canary.id)
    found: dict[str, Place] = {}
    for path, lines in covered.tests.items():
        if not source.is_suspect(path):
            continue
        try:
            text = decode((source.root / path).read_bytes()).text
        except (OSError, EditRefused):
            continue
        tree = parse(text)
        for unit in units(tree) if tree else ():
            first, last = unit[0].lineno, unit[-1].end_lineno or unit[-1].lineno
            # Its head runs where it is defined, its body where it is called.
            tests = {test for line in range(first + 1, last + 1) for test in lines.get(line, ())} & passed
            view = view_unit(text, unit) if tests else None
            if view is not None:
                place = Place(path, view, tuple(sorted(tests)[:MOST_TESTS]))
                found = dict.fromkeys(wanted.get(view.lines, ()), place) | found
    return found


def _original(canary: Exercise) -> tuple[str, ...] | None:
    """The function without its bug."""
    if canary.answer is None:
        return None
    lines = lines_of(canary.answer + END, canary)
    return None if lines is None else tuple(lines)


def _most_given(canary: Exercise, polls: Sequence[Poll]) -> dict[str, Sequence[str]]:
    """Key to lines of the answers that are not known to be right, given most often first."""
    counts: Counter[str] = Counter()
    lines: dict[str, Sequence[str]] = {}
    for poll in polls:
        for text, times in poll.said.items():
            key, said = key_of(text, canary), lines_of(text, canary)
            if key is not None and said is not None and key not in canary.passed:
                counts[key] += times
                lines.setdefault(key, said)
    return {key: lines[key] for key, _ in counts.most_common(MOST_ANSWERS)}


def _with(canary: Exercise, told: Mapping[str, bool]) -> Exercise:
    passed = [key for key, passes in told.items() if passes]
    failed = [key for key, passes in told.items() if not passes]
    return canary.model_copy(update={"passed": (*canary.passed, *passed), "failed": (*canary.failed, *failed)})
