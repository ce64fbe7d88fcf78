"""What is worth saying about a run of the tests: what fails and where, what covers a file, what is flaky. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence

from sleeptime.study_cache import FailingTest, SuspectLine, TestReport

_MOST_SUSPECTS = 4
_MOST_FUNCTIONS = 8
_MOST_TESTS = 3
_MOST_SLOW = 3
_LONGEST_ERROR = 200
_CONTROL = re.compile(r"[^\w\s!-~]|[\x00-\x1f]")


Functions = Mapping[tuple[str, int], str]
"""The names of the functions around lines, by path and line."""


def failure_text(failing: FailingTest, suspects: Sequence[SuspectLine], functions: Functions) -> str:
    """A note on a failing test; `functions` are those around the suspicious lines."""
    error = _CONTROL.sub(" ", failing.error)[:_LONGEST_ERROR].strip()
    text = f"{failing.test} fails{': ' + error if error else ''}."
    mine = [suspect for suspect in suspects if suspect.path in failing.ran][:_MOST_SUSPECTS]
    if mine:
        places = ", ".join(_place(suspect, functions) for suspect in mine)
        text += f" Most suspicious of the lines that it ran: {places}."
    return text


def coverage_text(path: str, covers: Mapping[str, Sequence[str]], functions: Sequence[str]) -> tuple[str, list[str]]:
    """A note on which tests run which function of a file, and the test files that it names; "" where none does."""
    parts, files = [], []
    # What few tests run says most about where to look.
    for function in sorted(covers, key=lambda function: (len(covers[function]), function))[:_MOST_FUNCTIONS]:
        tests = covers[function][:_MOST_TESTS]
        more = len(covers[function]) - len(tests)
        parts.append(f"{function} by {', '.join(tests)}" + (f" and {more} more" if more else ""))
        files += [test.partition("::")[0] for test in tests]
    bare = [name for name in functions if name not in covers and not name.rpartition(".")[2].startswith("_")]
    text = f"Tests run functions of {path}: {'; '.join(parts)}."
    if bare:
        text += f" No test runs {', '.join(bare[:_MOST_FUNCTIONS])}."
    return (text, list(dict.fromkeys(files))) if parts else ("", [])


def summary_text(report: TestReport) -> str:
    """A note on how the tests run."""
    count = report.passed + len(report.failing)
    text = f"`{report.command}` ran {count} tests in {_seconds(report.seconds)}"
    slow = [f"{test} ({_seconds(seconds)})" for test, seconds in report.slow[:_MOST_SLOW]]
    return text + (f"; the slowest: {', '.join(slow)}." if slow else ".")


def flaky_text(test: str) -> str:
    """A note on a test that cannot be relied on."""
    return f"{test} is flaky: it passed in one run and failed in another on the same tree."


def file_of(test: str, paths: Collection[str]) -> str | None:
    """The file of a test by its id, as pytest and unittest form it; None where it is not in the repository."""
    path = test.partition("::")[0]
    if path in paths:
        return path
    parts = test.split(".")
    for length in range(len(parts), 0, -1):
        if (path := "/".join(parts[:length]) + ".py") in paths:
            return path
    return None


def _place(suspect: SuspectLine, functions: Functions) -> str:
    function = functions.get((suspect.path, suspect.line), "")
    return f"{suspect.path}:{suspect.line}{' in ' + function if function else ''} ({suspect.score:.2f})"


def _seconds(seconds: float) -> str:
    """To one digit: the same run takes a bit more or less each time."""
    return f"{float(f'{seconds:.1g}'):g} s"
