"""Works on tests that fail now: a patch for all of a group, else one for as many of them as a candidate mends.

The tests are those of the whole repository without the other failing ones, so that a patch which breaks anything else
does not pass.
"""

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from agent.checks import check as check_worktree
from agent.errors import RepositoryError
from agent.probed_run import named_failures
from agent.selection import is_pytest, names_tests, without
from agent.vain import has_failed
from memory.records import Anchor, Answer, Candidate, Check, Experience, Note, Tokens
from sleeptime.failing_tests import FailingGroup
from sleeptime.solving import answer_note, solve_asleep
from sleeptime.study import Findings, Study
from sleeptime.study_cache import TestReport

SLOW_SUITE = 30.0
"""Seconds of all tests, above which a candidate is checked with the tests of the failing file only."""


def mend(
    group: FailingGroup, report: TestReport, inputs: tuple[Anchor, ...], study: Study, tries: Sequence[int]
) -> Findings:
    """Try to make the failing tests of a group pass, all together or some of them."""
    return _Mending(group, report, inputs, study).findings(tries)


def describe(group: FailingGroup, report: TestReport) -> str:
    """The file, and where more fails in it than the group, which tests."""
    others = any(failing.file == group.file and failing not in group.tests for failing in report.failing)
    names = ", ".join(name.rpartition("::")[2] for name in group.names)
    return f"{group.file} ({names})"[:200] if others and group.file else group.file or "the test command"


@dataclass
class _Mending:
    """The work on one group."""

    group: FailingGroup
    report: TestReport
    inputs: tuple[Anchor, ...]
    study: Study
    notes: list[Note] = field(default_factory=list)
    """Answers for some of the tests."""
    mended: set[str] = field(default_factory=set)

    def findings(self, tries: Sequence[int]) -> Findings:
        about = describe(self.group, self.report)
        command = self._command(())
        if command is None:
            return Findings(dropped=(f"{about}: its tests cannot be run without the other failing ones",))
        file = self.group.file
        request = f"make the failing tests of {file} pass" if file else "make the failing tests pass"
        spent = Tokens()
        for found in solve_asleep(request, command, self.study, tries):
            spent += found.tokens
            if found.status == "passed" and found.vote.winner is not None:
                names, winner = self._widened(found.candidates[found.vote.winner])
                return Findings(notes=(self._note(names, winner, found, spent),), tokens=spent)
            self._keep_partial(found)
        if self.notes:
            self.notes[0] = self.notes[0].model_copy(update={"cost": spent})
            return Findings(notes=tuple(self.notes), tokens=spent)
        return Findings(tokens=spent, dropped=(f"{about}: no candidate passes",))

    def _widened(self, winner: Candidate) -> tuple[Sequence[str], Candidate]:
        """The tests that a patch mends: where it mends all that fails in the file, it is an answer for all of it."""
        tests = tuple(each for each in self.report.failing if each.file == self.group.file)
        whole = _Mending(FailingGroup(self.group.file, tests), self.report, self.inputs, self.study)
        if tests != self.group.tests and all(each.test for each in tests):
            if check := whole._checked_again(winner, whole._command(())):
                return whole.group.names, winner.model_copy(update={"check": check})
        return self.group.names, winner

    def _command(self, left: Collection[str]) -> str | None:
        """The test command without the other failing tests and those `left` failing; None where it cannot be told."""
        others = [each.test for each in self.report.failing if each not in self.group.tests or each.test in left]
        wanted = [name for name in self.group.names if name not in left]
        whole = self.report.command
        command = without(whole, others, wanted) if all(others) else None
        is_slow = self.report.seconds > SLOW_SUITE and is_pytest(whole) and not names_tests(whole)
        if command is None or not (is_slow and self.group.file):
            return command
        return f"{whole} {shlex.quote(self.group.file)}{command.removeprefix(whole)}"

    def _keep_partial(self, found: Experience) -> None:
        """Patches that mend some of the tests and break none, those that mend most first; each test once."""
        useful = {candidate.fingerprint: candidate for candidate in reversed(found.candidates)}
        for candidate, left in sorted(self._partial(useful.values()), key=lambda pair: len(pair[1])):
            names = [name for name in self.group.names if name not in left]
            if self.mended.issuperset(names):
                continue
            if check := self._checked_again(candidate, self._command(left)):
                self.mended.update(names)
                winner = candidate.model_copy(update={"check": check})
                self.notes.append(self._note(names, winner, found, Tokens()))

    def _partial(self, candidates: Collection[Candidate]) -> Iterator[tuple[Candidate, frozenset[str]]]:
        """Those that mend some of the tests and break none, as their output says, with the tests that they leave."""
        for candidate in sorted(candidates, key=lambda candidate: candidate.index):
            if candidate.fingerprint and candidate.check and candidate.check.tests and has_failed(candidate):
                left = named_failures(candidate.check.tests.output)
                if left and left < set(self.group.names):
                    yield candidate, left

    def _checked_again(self, candidate: Candidate, command: str | None) -> Check | None:
        """The check without the tests that the candidate leaves failing; None where it does not pass."""
        repository, snapshot = self.study.repository, self.study.snapshot
        self.study.go_on()
        with repository.worktree(snapshot, self.study.home.worktrees) as worktree:
            try:
                repository.apply(worktree, candidate.patch)
            except RepositoryError:
                return None
            check = check_worktree(
                worktree,
                lambda path: repository.read(snapshot, path),
                repository.changed_paths(worktree, snapshot),
                command,
                self.study.sandbox,
                5.0 + 3.0 * self.report.seconds,
                readable=repository.inputs,
            )
        return check if command and check.passed else None

    def _note(self, tests: Sequence[str], winner: Candidate, found: Experience, spent: Tokens) -> Note:
        names = ", ".join(tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")
        text = f"{names or 'The test command'} fails, and this mends it"
        note = answer_note(text, winner, found, spent, self.inputs[:1], self.study)
        answer = Answer(patch=winner.patch, tests=tuple(tests), request="" if tests else found.task.request)
        return note.model_copy(update={"answer": answer})
