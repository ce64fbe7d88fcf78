"""What `sleepwright status` looks like on a terminal."""

from datetime import datetime

from agent.output import readable
from sleeptime.caps import Caps, Spending
from sleeptime.payoff import FEWEST, Payoff
from sleeptime.settings import settings_file
from sleeptime.status import Status

_FAILURES = 3  # that are shown
_NOTES = 5


def shown(status: Status) -> str:
    """All of it, a line or a few for each thing."""
    rows = [
        ("repository", [status.repository]),
        ("daemon", [_daemon(status)]),
        ("slept", _slept(status)),
        ("backlog", _backlog(status)),
        ("today", _today(status.spent, status.caps)),
        ("notes", [", ".join(f"{count:,} {state}" for state, count in status.notes.items())]),
        ("recalls", [_recalls(status)]),
        ("paid", _paid(status.payoff)),
    ]
    # Names of files and words of tests are in it.
    return readable("\n".join(f"{'' if i else name:<12}{line}" for name, lines in rows for i, line in enumerate(lines)))


def _daemon(status: Status) -> str:
    if status.daemon is None:
        return "none runs: `sleepwright daemon start` starts one"
    if not status.is_watched:
        return f"runs (process {status.daemon.pid}), but does not watch this one: `sleepwright daemon add`"
    if status.daemon.sleeping_on == status.repository:
        return f"is studying this repository now (process {status.daemon.pid})"
    reason = status.daemon.waiting_for.get(status.repository)
    return f"runs (process {status.daemon.pid})" + (f"; {reason}" if reason else "")


def _slept(status: Status) -> list[str]:
    lines = [f"last to its end {_when(status.last_success)}" if status.last_success else "never to its end"]
    if status.failures:
        times = "once" if len(status.failures) == 1 else f"{len(status.failures)} times in a row"
        lines.append(f"failed {times} since:")
        lines += [f"  {_when(each.at)}  {each.reason}" for each in status.failures[:_FAILURES]]
    return lines


def _backlog(status: Status) -> list[str]:
    lines = []
    for name, states in status.backlog.items():
        said = [f"{count:,} {state}" for state, count in states.items() if state != "gone" and count]
        if said:
            lines.append(f"{name}: {', '.join(said)}")
    lines += [f"  {about}: {problem}" for about, problem in list(status.failed_items.items())[:_FAILURES]]
    return lines or ["nothing has been thought about yet"]


def _today(spent: Spending, caps: Caps) -> list[str]:
    parts = [
        _of(spent.tokens, caps.tokens, "tokens"),
        _of(spent.paid_tokens, caps.paid_tokens, "of them paid"),
        _of(spent.requests, caps.requests, "requests"),
        _of(spent.cpu_seconds, caps.cpu_seconds, "CPU s"),
        _of(spent.gpu_seconds, caps.gpu_seconds, "s of a local model"),
    ]
    return [", ".join(parts), f"all repositories together; caps are set in {settings_file()}"]


def _of(spent: float, cap: float | None, what: str) -> str:
    return f"{spent:,.0f} {what}" if cap is None else f"{spent:,.0f} of {cap:,.0f} {what}"


def _recalls(status: Status) -> str:
    rate = status.recalls.rate
    if rate is None:
        return "no task of a model that reads notes yet"
    return f"{status.recalls.hits} of {status.recalls.asked} tasks were given notes ({rate:.0%})"


def _paid(found: Payoff) -> list[str]:
    lines = [f"sleep has cost {found.sleep_tokens:,} tokens"]
    for name, kind in (("with notes", found.with_notes), ("without", found.without)):
        if kind.tasks:
            lines.append(f"{kind.tasks} tasks {name}: {kind.tokens:,.0f} tokens each, {kind.solved:.0%} solved")
    if found.saved_per_task is None:
        lines.append(f"too few tasks to say whether it has paid: {FEWEST} with and {FEWEST} without of one model")
        return lines
    verdict = "it has paid" if found.has_paid else "it has not paid yet"
    lines.append(
        f"a task with notes took {found.saved_per_task:,.0f} tokens less: {verdict} (tasks differ; see eval sleep)"
    )
    for each in found.notes[:_NOTES]:
        goal = f"pays after {each.break_even}" if each.break_even else "does not pay"
        lines.append(f"  {each.note}: cost {each.cost:,}, used {each.uses} times, {goal}")
    return lines


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
