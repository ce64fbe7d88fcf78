"""Works on tests that fail now: a patch for all of a group, else one for as many of them as a candidate mends.

The tests are those of the whole repository without the other failing ones, so that a patch which breaks anything else
does not pass.
"""

import shlex
from collections.abc import Collection, Iterator, Sequence

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
    about = describe(group, report)
    command = _command(group.file, group.names, report)
    if command is None:
        return Findings(dropped=(f"{about}: its tests cannot be run without the other failing ones",))
    spent = Tokens()
    partial: list[Note] = []
    for found in solve_asleep(_request(group), command, study, tries):
        spent += found.tokens
        if found.status == "passed" and found.vote.winner is not None:
            winner = found.candidates[found.vote.winner]
            return Findings(notes=(_mended(group.names, winner, found, spent, inputs, study),), tokens=spent)
        partial += _partial(group, report, found, inputs, study, [note.answer for note in partial if note.answer])
    if partial:
        first = partial[0].model_copy(update={"cost": spent})
        return Findings(notes=(first, *partial[1:]), tokens=spent)
    return Findings(tokens=spent, dropped=(f"{about}: no candidate passes",))


def describe(group: FailingGroup, report: TestReport) -> str:
    """The file, and where more fails in it than the group, which tests."""
    others = any(failing.file == group.file and failing not in group.tests for failing in report.failing)
    names = ", ".join(name.rpartition("::")[2] for name in group.names)
    return f"{group.file} ({names})"[:200] if others and group.file else group.file or "the test command"


def _request(group: FailingGroup) -> str:
    return f"make the failing tests of {group.file} pass" if group.file else "make the failing tests pass"


def _command(file: str, tests: Collection[str], report: TestReport) -> str | None:
    """The test command without the other failing tests; None where it cannot be told to leave them out."""
    others = [failing.test for failing in report.failing if failing.test not in tests]
    command = without(report.command, [test for test in others if test], list(tests))
    if command is None or not all(others):
        return None
    is_narrowed = report.seconds > SLOW_SUITE and file and is_pytest(command) and not names_tests(report.command)
    return f"{report.command} {shlex.quote(file)}{command.removeprefix(report.command)}" if is_narrowed else command


def _partial(
    group: FailingGroup,
    report: TestReport,
    found: Experience,
    inputs: tuple[Anchor, ...],
    study: Study,
    before: Sequence[Answer],
) -> Iterator[Note]:
    """Patches that mend some of the tests and break none, the ones that mend most first; each test once."""
    mended = {test for answer in before for test in answer.tests}
    told = [(candidate, _still_failing(candidate, group.names)) for candidate in found.candidates]
    useful = [(candidate, failing) for candidate, failing in told if failing is not None]
    tried: set[str] = set()
    for candidate, failing in sorted(useful, key=lambda pair: len(pair[1])):
        names = [test for test in group.names if test not in failing]
        if mended.issuperset(names) or candidate.fingerprint in tried:
            continue
        tried.add(candidate.fingerprint)
        if check := _checked_again(candidate, _command(group.file, names, report), report, study):
            mended |= set(names)
            winner = candidate.model_copy(update={"check": check})
            yield _mended(names, winner, found, Tokens(), inputs, study)


def _still_failing(candidate: Candidate, tests: Collection[str]) -> frozenset[str] | None:
    """Those of the tests that a candidate leaves failing, if it mends some and breaks none, as its output says."""
    if not (candidate.fingerprint and candidate.check and candidate.check.tests and has_failed(candidate)):
        return None
    failing = named_failures(candidate.check.tests.output)
    return failing if failing and failing < set(tests) else None


def _checked_again(candidate: Candidate, command: str | None, report: TestReport, study: Study) -> Check | None:
    """The check without the tests that the candidate leaves failing; None where it does not pass."""
    repository = study.repository
    study.go_on()
    with repository.worktree(study.snapshot, study.home.worktrees) as worktree:
        try:
            repository.apply(worktree, candidate.patch)
        except RepositoryError:
            return None
        check = check_worktree(
            worktree,
            lambda path: repository.read(study.snapshot, path),
            repository.changed_paths(worktree, study.snapshot),
            command,
            study.sandbox,
            5.0 + 3.0 * report.seconds,
            readable=repository.inputs,
        )
    return check if command and check.passed else None


def _mended(
    tests: Sequence[str],
    winner: Candidate,
    found: Experience,
    spent: Tokens,
    inputs: tuple[Anchor, ...],
    study: Study,
) -> Note:
    names = ", ".join(tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")
    text = f"{names or 'The test command'} fails, and this mends it"
    note = answer_note(text, winner, found, spent, inputs[:1], study)
    answer = Answer(patch=winner.patch, tests=tuple(tests), request="" if tests else found.task.request)
    return note.model_copy(update={"answer": answer})
