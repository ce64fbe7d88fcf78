"""What came of a nap: read from what a sleep printed, and said in a line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory.records import Tokens
from sleeptime.daemon_record import Ending, Nap
from sleeptime.nap_report import described, result_of
from sleeptime.records import PassCount, SleepRun

BEGAN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RUN = SleepRun(
    id="r1", passes={"infer": PassCount(finished=4, notes=7, dropped=2, tokens=Tokens(prompt=5_000, completion=234))}
)


def nap(ending: Ending, run: SleepRun | None = RUN, reason: str = "") -> Nap:
    ended = BEGAN + timedelta(seconds=125)
    return Nap(began=BEGAN, ended=ended, ending=ending, reason=reason, run=run, cpu_seconds=3.2)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            nap("finished"),
            "slept 2 min 5 s; 4 things thought about, 7 notes added, 2 findings dropped; 5,234 tokens; 3 CPU s",
        ),
        (nap("finished", SleepRun(id="r")), "slept 2 min 5 s; nothing to think about; 3 CPU s"),
        (
            nap("yielded", SleepRun(id="r"), "you are back"),
            "sleep ended early, after 2 min 5 s: you are back; nothing finished yet; 3 CPU s",
        ),
        (nap("capped", None, "all is used up"), "sleep ended early, after 2 min 5 s: all is used up; 3 CPU s"),
    ],
)
def test_a_nap_is_one_line(given: Nap, line: str) -> None:
    assert described(given, []) == line


def test_failures_in_a_row_are_counted() -> None:
    failed = nap("failed", None, "the disk is full")
    assert described(failed, [failed]) == "sleep failed after 2 min 5 s: the disk is full"
    assert described(failed, [failed] * 3) == "sleep failed after 2 min 5 s, 3 times in a row: the disk is full"


@pytest.mark.parametrize(
    ("code", "said", "errors", "problem"),
    [
        (0, RUN.model_dump_json(), "", None),
        (0, "", "", None),
        (0, RUN.model_copy(update={"problem": "a\u2028pass"}).model_dump_json() + "\n", "", "a\u2028pass"),
        (0, RUN.model_copy(update={"problem": "a pass failed"}).model_dump_json(), "", "a pass failed"),
        (3, '{"status": "error", "error": "refused"}', "tests …\nother words", "refused"),
        (1, "no json", "Traceback\nValueError: x", "ValueError: x"),
        (1, "", "", "exit code 1"),
        (-9, "", "", "its process was ended by SIGKILL"),
    ],
)
def test_why_a_sleep_failed_is_found_in_what_it_said(
    tmp_path: Path, code: int, said: str, errors: str, problem: str | None
) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    out.write_text(said)
    err.write_text(errors)
    assert result_of(code, out, err)[1] == problem


def test_what_another_version_printed_is_no_run(tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    out.write_text('{"id": 1, "passes": []}')
    err.write_text("")
    assert result_of(0, out, err) == (None, None)
