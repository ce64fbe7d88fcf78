"""What adapters look like: to people on a terminal, and to programs as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from memory.adapters import AdapterEvent
from memory.records import Adapter, Verdict
from ttrl_adapter.registry import Entry

_MOST_NUMBERS = 4


def as_json(entry: Entry) -> dict[str, Any]:
    """The record, and what has become of it."""
    if entry.stored is None:
        return {"id": entry.id, "state": entry.state, "problem": entry.problem}
    record = entry.stored.record.model_dump(mode="json")
    return {**record, "state": entry.state, "folder": str(entry.stored.folder), "served_as": entry.stored.served_name}


def listed(entry: Entry) -> str:
    """One line."""
    if entry.stored is None:
        return f"{entry.id}  {entry.state:8}  {entry.problem}"
    record = entry.stored.record
    said = "; ".join(record.verdict.reasons) if record.verdict and not record.verdict.passed else ""
    line = f"{entry.id}  {entry.state:8}  {_when(record.created_at)}  {record.base}"
    return f"{line}  {said or _numbers(record, _MOST_NUMBERS)}".rstrip()


def shown(entry: Entry, events: Sequence[AdapterEvent]) -> str:
    """Everything that is known of one."""
    if entry.stored is None:
        return f"{entry.id} is broken: {entry.problem}"
    record, stored = entry.stored.record, entry.stored
    rows = [
        ("id", f"{record.id}, {entry.state}, made {_when(record.created_at)}"),
        ("base", f"{record.base} ({record.base_hash[:12]})"),
        ("parent", record.parent or ""),
        ("rank", str(record.rank)),
        ("data", record.data_hash),
        ("seed", "" if record.seed is None else str(record.seed)),
        ("folder", str(stored.folder)),
        ("served as", stored.served_name),
        *((f"  {name}", f"{value:g}") for name, value in record.metrics.items()),
        *_verdict(record.verdict),
        *(("", f"{_when(event.at)}  {_happened(event)}") for event in events),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:{width}}{value}".rstrip() for name, value in rows if value)


def _verdict(verdict: Verdict | None) -> list[tuple[str, str]]:
    if verdict is None:
        return [("verdict", "none: no gate has judged it")]
    said = "passed" if verdict.passed else "rejected"
    return [
        ("verdict", f"{said} on {_when(verdict.at)}, against {verdict.against or 'the base model'}"),
        *(("", reason) for reason in verdict.reasons),
        *((f"  {name}", f"{value:g}") for name, value in verdict.numbers.items()),
    ]


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _happened(event: AdapterEvent) -> str:
    if event.action == "rolled-back":
        return f"{event.adapter} was rolled back to {event.active or 'the base model'}"
    return f"{event.adapter} was {event.action}"


def _numbers(record: Adapter, most: int) -> str:
    numbers: Mapping[str, float] = record.verdict.numbers if record.verdict else record.metrics
    return ", ".join(f"{name} {value:g}" for name, value in list(numbers.items())[:most])
