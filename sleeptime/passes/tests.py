"""The second pass: runs the tests in the sandbox. What fails and where, which test covers what, what is slow or flaky.

The report of a run is kept by the tree's content, so that nobody runs the tests twice on the same tree to find out;
notes are made of what a reader of a task wants to know. A second run on the same tree finds flaky tests.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from agent.localise import suspects
from agent.mentions import Line
from agent.probed_run import NO_TESTS, Failure, ProbedRun, probed_run
from agent.source import Source
from memory.errors import UserError
from memory.note_rules import MOST_ANCHORS
from memory.records import Anchor, Note
from sleeptime.records import Item, item_key
from sleeptime.run_facts import coverage_text, failure_text, file_of, flaky_text, summary_text
from sleeptime.study import Findings, Study
from sleeptime.study_cache import FailingTest, SuspectLine, TestReport

MOST_SECONDS = 900.0
"""Wall clock for a run."""
SHORT = 120.0
"""Seconds; what takes longer is not run again only to look for flaky tests."""
_GUESS = 30.0
"""Seconds that tests take that nobody has run."""
_MOST_FAILING = 20
_MOST_FILES = 100
"""Files whose coverage is noted."""
_MOST_TESTS = 20
_MOST_SLOW = 10
_MOST_SUSPECTS = 50


class TestsFail(UserError):
    """The test command could not be run at all."""

    __test__ = False


class Tests:
    name = "tests"

    def items(self, study: Study) -> Iterator[Item]:
        """One run, and where that was short and has been done another."""
        if study.tests_key is None:
            return
        report = study.test_report
        yield self._item(study.tests_key, "the tests", "run", 1.0, report.seconds if report else _GUESS)
        if report and not report.timed_out and report.seconds <= SHORT:
            again = item_key(self.name, 1, [study.tests_key, "again"])
            yield self._item(again, "flaky tests", "again", 0.05, report.seconds)

    def work(self, item: Item, study: Study) -> Findings:
        return self._run(item.key, study) if item.subject == "run" else self._run_again(study)

    def _item(self, key: str, about: str, subject: str, use: float, seconds: float) -> Item:
        return Item(
            pass_name=self.name,
            key=key,
            about=about,
            subject=subject,
            expected_use=use,
            estimated_seconds=seconds,
        )

    def _run(self, key: str, study: Study) -> Findings:
        assert study.test_command
        with study.repository.worktree(study.snapshot, study.home.worktrees) as worktree:
            source = Source(worktree)
            coverage = _Coverage(source)
            run = _probed(worktree, study, coverage)
            ranked = suspects(run, {}, source)[:_MOST_SUSPECTS] if run.failures else ()
            report = TestReport(
                command=study.test_command,
                snapshot=study.snapshot,
                exit_code=run.command.exit_code,
                timed_out=run.command.timed_out,
                seconds=run.command.seconds,
                passed=len(run.passed),
                failing=tuple(_failing(failure, run, source) for failure in run.failures),
                suspects=tuple(SuspectLine(path=each.path, line=each.line, score=each.score) for each in ranked),
                covers=coverage.by_function(),
                slow=tuple(sorted(run.seconds.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_SLOW]),
            )
            study.cache.keep_test_report(key, report)
            return Findings(notes=tuple(_notes(report, source, study)))

    def _run_again(self, study: Study) -> Findings:
        before = study.test_report
        assert before and study.tests_key
        with study.repository.worktree(study.snapshot, study.home.worktrees) as worktree:
            run = _probed(worktree, study)
        failed_before = {failing.test for failing in before.failing}
        failed_now = {failure.test for failure in run.failures if failure.test}
        # Of those that failed before, only what passed now; a run that was cut says nothing of the others.
        flaky = (failed_before & run.passed) | (failed_now - failed_before)
        if run.command.timed_out or not run.passed:
            flaky = set()
        study.cache.keep_test_report(study.tests_key, before.model_copy(update={"flaky": tuple(sorted(flaky))}))
        command = f"`{before.command}` ran twice on this tree"
        return Findings(
            notes=tuple(
                _note(flaky_text(test), (study.anchor(path),), before.command, command)
                for test in sorted(flaky)[:_MOST_FAILING]
                if (path := file_of(test, study.blobs))
            )
        )


class _Coverage:
    """Which tests run which function, gathered line by line."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._functions: dict[str, dict[int, str]] = {}
        self._tests: dict[str, dict[str, set[str]]] = {}

    def see(self, line: Line, tests: Collection[str]) -> None:
        function = self._around(line)
        if function:
            self._tests.setdefault(line.path, {}).setdefault(function, set()).update(test for test in tests if test)

    def by_function(self) -> dict[str, dict[str, tuple[str, ...]]]:
        return {
            path: {function: tuple(sorted(tests)[:_MOST_TESTS]) for function, tests in functions.items() if tests}
            for path, functions in sorted(self._tests.items())
        }

    def _around(self, line: Line) -> str | None:
        if line.path not in self._functions:
            self._functions[line.path] = functions_by_line(line.path, self._source)
        return self._functions[line.path].get(line.line)


def functions_by_line(path: str, source: Source) -> dict[int, str]:
    """The dotted name of the innermost function around each line of a file in which a fault may lie."""
    file = source.file(path) if source.is_suspect(path) and path.endswith(".py") else None
    found: dict[int, str] = {}
    for function in file.functions if file else ():  # outer ones first
        name = f"{function.owner}.{function.name}" if function.owner else function.name
        # Its head runs where it is defined, its body where it is called.
        found.update(dict.fromkeys(range(function.start + 1, function.end + 1), name))
    return found


def _probed(worktree: Path, study: Study, coverage: _Coverage | None = None) -> ProbedRun:
    assert study.test_command
    see = coverage.see if coverage else None
    inputs = study.repository.inputs
    run = probed_run(worktree, study.test_command, study.sandbox, MOST_SECONDS, inputs, see)
    if run.command.exit_code in (126, 127, NO_TESTS) and not run.passed:
        said = run.command.output.strip().splitlines()
        raise TestsFail(f"`{study.test_command}` runs no tests: {said[-1][:200] if said else 'it says nothing'}")
    return run


def _failing(failure: Failure, run: ProbedRun, source: Source) -> FailingTest:
    ran = {line.path for line, tests in run.lines.items() if failure.test in tests and source.is_suspect(line.path)}
    inside = failure.file.removeprefix(f"{source.root}/") if failure.file.startswith(f"{source.root}/") else ""
    return FailingTest(test=failure.test, file=inside, error=failure.error, ran=tuple(sorted(ran)))


def _notes(report: TestReport, source: Source, study: Study) -> Iterator[Note]:
    ran = f"`{report.command}` ended with {report.exit_code}"
    functions: dict[tuple[str, int], str] = {}
    for path in {suspect.path for suspect in report.suspects}:
        functions.update({(path, line): name for line, name in functions_by_line(path, source).items()})
    order = {path: rank for rank, path in enumerate(dict.fromkeys(suspect.path for suspect in report.suspects))}
    for failing in [failing for failing in report.failing if failing.test][:_MOST_FAILING]:
        # It stands on all that it ran, the most suspicious first where that is too much.
        paths = [failing.file, *sorted(failing.ran, key=lambda path: (order.get(path, len(order)), path))]
        text = failure_text(failing, report.suspects, functions)
        yield _note(text, _anchors(paths, study), report.command, ran)
    use = study.overview.use
    for path in sorted(report.covers, key=lambda path: (-use.get(path, 0.0), path))[:_MOST_FILES]:
        defined = list(dict.fromkeys(functions_by_line(path, source).values()))
        text, files = coverage_text(path, report.covers[path], defined)
        if text:
            yield _note(text, _anchors([path, *files], study), report.command, ran)
    slow = [file for test, _ in report.slow[:3] if (file := file_of(test, study.blobs))]
    if slow and report.passed:
        yield _note(summary_text(report), _anchors(slow, study), report.command, ran)


def _anchors(paths: Collection[str], study: Study) -> tuple[Anchor, ...]:
    return tuple(study.anchor(path) for path in dict.fromkeys(paths) if path in study.blobs)[:MOST_ANCHORS]


def _note(text: str, anchors: tuple[Anchor, ...], command: str, check: str) -> Note:
    return Note(id="", text=text, origin="observed", anchors=anchors, source=command, checks=(check,))
