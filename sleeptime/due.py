"""When a repository is to be studied again: from how its last naps ended and when it last changed. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sleeptime.daemon_record import Nap, failures, last_success

REST = timedelta(hours=6)
"""Between two sleeps where nothing has changed."""
SHORT_REST = timedelta(minutes=15)
"""Where something was left to do, but nothing of it could be finished."""
BACKOFF = timedelta(minutes=1)
"""After a failure; doubled with each."""
LONGEST_BACKOFF = timedelta(hours=6)


class Due(NamedTuple):
    """What is to be done."""

    is_now: bool
    with_model: bool = True
    """False where the model has failed and is left alone for a while; there is work that needs none."""
    reason: str = ""
    """Why it is not now."""


def due(naps: Sequence[Nap], changed_at: datetime, now: datetime) -> Due:
    """`naps` are of one work tree, the newest first; `changed_at` is when it, or its past tasks, last changed."""
    if not naps:
        return Due(True)
    last = naps[0]
    failed = failures(naps)
    if failed and now < (again := _ended(failed[0]) + _backoff(len(failed))):
        done = last_success(naps)
        if failed[0].is_fault_of_model and not (done and _is_done(done, changed_at, now)):
            return Due(True, with_model=False)
        times = "once" if len(failed) == 1 else f"{len(failed)} times in a row"
        return Due(False, reason=f"sleep failed {times}, it is tried again at {_clock(again)}: {failed[0].reason}")
    if failed or not _is_done(last, changed_at, now):
        return Due(True)
    return Due(False, reason=f"nothing new since {_clock(last.began)}")


def _is_done(last: Nap, changed_at: datetime, now: datetime) -> bool:
    """Whether there is nothing to think about, as far as the last nap tells."""
    if last.ending != "finished" or changed_at > last.began:
        return False
    left = last.run.left if last.run else 0
    has_progress = bool(last.run and any(count.finished for count in last.run.passes.values()))
    rest = REST if not left else timedelta() if has_progress else SHORT_REST
    return now < _ended(last) + rest


def _backoff(failed: int) -> timedelta:
    return min(BACKOFF * float(1 << min(failed - 1, 20)), LONGEST_BACKOFF)


def _ended(nap: Nap) -> datetime:
    return nap.ended or nap.began


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M")
