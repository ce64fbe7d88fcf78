"""Which failing tests may have one reason."""

from sleeptime.failing_tests import failing_groups
from sleeptime.study_cache import FailingTest, TestReport


def groups(covers: dict[str, dict[str, tuple[str, ...]]], *tests: str) -> list[tuple[str, ...]]:
    failing = tuple(FailingTest(test=test, file=test.partition("::")[0], error="") for test in tests)
    report = TestReport(
        command="pytest",
        snapshot="0",
        exit_code=1,
        timed_out=False,
        seconds=1.0,
        passed=1,
        failing=failing,
        covers=covers,
    )
    return [group.names for group in failing_groups(report)]


A, B, C, OTHER = "t.py::a", "t.py::b", "t.py::c", "u.py::d"


def test_tests_that_run_a_function_in_common_are_together_also_by_way_of_a_third() -> None:
    covers = {"m.py": {"f": (A, B), "g": (B, C), "h": (OTHER,)}}
    assert sorted(map(sorted, groups(covers, A, C, OTHER, B))) == [[A, B, C], [OTHER]]


def test_tests_of_one_file_that_share_no_function_are_apart() -> None:
    assert groups({"m.py": {"f": (A,)}, "n.py": {"f": (B,)}}, A, B) == [(A,), (B,)]


def test_the_same_function_of_two_files_of_tests_is_two_questions() -> None:
    assert groups({"m.py": {"f": (A, OTHER)}}, A, OTHER) == [(A,), (OTHER,)]


def test_where_it_is_not_known_what_one_of_them_runs_they_are_together() -> None:
    assert groups({"m.py": {"f": (A,)}}, A, B) == [(A, B)]
    assert groups({}, "", A) == [(), (A,)]
