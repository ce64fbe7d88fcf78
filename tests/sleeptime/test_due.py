"""When a repository is studied again."""

from datetime import UTC, datetime, timedelta

import pytest

from sleeptime.daemon_record import Ending, Nap
from sleeptime.due import LONGEST_BACKOFF, REST, SHORT_REST, due
from sleeptime.records import PassCount, SleepRun

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def nap(ending: Ending, minutes_ago: float, *, left: int = 0, finished: int = 0, **more: object) -> Nap:
    ended = NOW - timedelta(minutes=minutes_ago)
    run = SleepRun(id="r", left=left, passes={"survey": PassCount(finished=finished)})
    return Nap(began=ended - timedelta(minutes=1), ended=ended, ending=ending, run=run, **more)  # type: ignore[arg-type]


def test_what_was_never_studied_is_due() -> None:
    assert due([], LONG_AGO, NOW).is_now


def test_where_nothing_has_changed_there_is_rest() -> None:
    found = due([nap("finished", 1)], LONG_AGO, NOW)
    assert not found.is_now and "nothing new since" in found.reason
    assert due([nap("finished", 1)], LONG_AGO, NOW + REST).is_now
    assert due([nap("finished", 1)], NOW, NOW).is_now  # it has changed since


def test_what_was_left_is_gone_on_with_as_long_as_something_comes_of_it() -> None:
    assert due([nap("finished", 1, left=5, finished=3)], LONG_AGO, NOW).is_now
    assert not due([nap("finished", 1, left=5)], LONG_AGO, NOW).is_now
    assert due([nap("finished", 1, left=5)], LONG_AGO, NOW + SHORT_REST).is_now


@pytest.mark.parametrize("ending", ["yielded", "capped", "killed"])
def test_what_was_cut_is_gone_on_with(ending: Ending) -> None:
    assert due([nap(ending, 0)], LONG_AGO, NOW).is_now


def test_failures_are_tried_again_ever_later() -> None:
    waits = []
    for count in range(1, 15):
        naps = [nap("failed", 0, reason="no bus")] * count
        found = due(naps, NOW, NOW)
        assert not found.is_now and "no bus" in found.reason
        later = (minutes for minutes in range(1, 400) if due(naps, NOW, NOW + timedelta(minutes=minutes)).is_now)
        waits.append(next(later))
    assert waits[:4] == [1, 2, 4, 8] and waits[-1] == LONGEST_BACKOFF / timedelta(minutes=1)


def test_a_success_ends_the_backoff() -> None:
    assert due([nap("failed", 2), nap("finished", 5), *[nap("failed", 9)] * 9], LONG_AGO, NOW).is_now


def test_while_the_model_is_left_alone_the_rest_is_done_without_it() -> None:
    dead = nap("failed", 0.5, reason="refused", exit_code=3)
    first = due([dead], LONG_AGO, NOW)
    assert first.is_now and not first.with_model
    done = nap("finished", 0.1, with_model=False)
    assert "refused" in due([done, dead], LONG_AGO, NOW).reason
    again = due([done, dead], LONG_AGO, NOW + timedelta(minutes=2))
    assert again.is_now and again.with_model
    twice = due([nap("failed", 0, reason="refused", exit_code=3), done, dead], LONG_AGO, NOW)
    assert not twice.is_now and "2 times in a row" in twice.reason
    assert not due([nap("failed", 0, exit_code=3), done, dead], NOW, NOW).with_model  # it has changed since
