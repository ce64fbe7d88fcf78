"""Which tests that fail now are one question. Pure.

What fails in one file often has one reason, and then one patch mends it all; but tests that run no function in common
fail for reasons of their own.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sleeptime.study_cache import FailingTest, TestReport


class FailingGroup(NamedTuple):
    """Failing tests that may have one reason."""

    file: str
    """That they are in; "" where it is not known."""
    tests: tuple[FailingTest, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(failing.test for failing in self.tests if failing.test)


def failing_groups(report: TestReport) -> Iterator[FailingGroup]:
    """The tests of each file, taken apart as far as it is known what they run."""
    files: dict[str, list[FailingTest]] = {}
    for failing in report.failing:
        files.setdefault(failing.file, []).append(failing)
    functions = _functions(report)
    for file, tests in files.items():
        for group in _apart(tests, functions):
            yield FailingGroup(file, tuple(group))


def _functions(report: TestReport) -> dict[str, set[tuple[str, str]]]:
    """The functions that each test runs, with their files."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path, functions in report.covers.items():
        for function, tests in functions.items():
            for test in tests:
                found.setdefault(test, set()).add((path, function))
    return found


def _apart(tests: Sequence[FailingTest], functions: dict[str, set[tuple[str, str]]]) -> list[list[FailingTest]]:
    """Tests that run the same function, or with another test between them, are together."""
    if not all(functions.get(failing.test) for failing in tests):
        return [list(tests)]
    groups: list[tuple[set[tuple[str, str]], list[FailingTest]]] = []
    for failing in tests:
        runs, together = set(functions[failing.test]), [failing]
        for group in [group for group in groups if not group[0].isdisjoint(runs)]:
            groups.remove(group)
            runs |= group[0]
            together = [*group[1], *together]
        groups.append((runs, together))
    return [together for _, together in groups]
