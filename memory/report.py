"""What notes look like: to people on a terminal, and to programs as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from memory.freshness import Broken, State, state_of
from memory.recall import Recall, describe
from memory.records import Injection, Note, NoteEvent

_WIDTH = 100


def as_json(note: Note, broken: Sequence[Broken] = ()) -> dict[str, Any]:
    """The record, and what it is in this tree."""
    return {**note.model_dump(mode="json"), "state": state_of(broken), "broken": [each._asdict() for each in broken]}


def listed(note: Note, state: State) -> str:
    """One line."""
    first = " ".join(note.text.split())
    places = ", ".join(describe(anchor) for anchor in note.anchors)
    line = f"{note.id}  {state:7}  {note.origin:9}  {note.kind:8}  {first}"
    shown = line if len(line) <= _WIDTH else line[: _WIDTH - 1].rstrip() + "…"
    return f"{shown}  ({places})" if places else shown


def shown(note: Note, broken: Sequence[Broken], injections: Sequence[Injection]) -> str:
    """Everything that is known of a note."""
    rows = [
        ("id", f"{note.id}, revision {note.revision} of {note.created_at.astimezone():%Y-%m-%d %H:%M}"),
        ("says so", f"{note.origin} ({note.kind})" + (f": {note.source}" if note.source else "")),
        ("state", state_of(broken)),
        *(("stands on", f"{describe(anchor)} at {anchor.blob[:12]}") for anchor in note.anchors),
        *(("but", explained(each)) for each in broken),
        *(("checked", check) for check in note.checks),
        ("answers", _answers(note)),
        ("written by", note.run or ""),
        ("cost", f"{note.cost.prompt} + {note.cost.completion} tokens" if note.cost.calls else ""),
        ("used", _used(injections)),
    ]
    return "\n".join([*(f"{name + ':':12}{value}" for name, value in rows if value), "", note.text])


def explained(broken: Broken) -> str:
    """Why an anchor does not hold."""
    if broken.state == "dormant":
        return f"no commit of this branch has {broken.path} like that: the note sleeps until the tree has"
    return f"{broken.path} has changed since" if broken.now else f"{broken.path} is gone, or cannot be read"


def recalled(recall: Recall) -> str:
    """The notes as a model gets them, and what was left out."""
    lines = [each.text for each in recall.notes]
    if recall.hidden:
        lines.append(f"({recall.hidden} more not shown: stale or of another branch, see `sleepwright memory check`)")
    return "\n".join(lines)


def recalled_json(recall: Recall) -> dict[str, Any]:
    """The notes with where they lie now, and what they cost."""
    notes = [
        {
            **each.note.model_dump(mode="json"),
            "anchors": [anchor.model_dump(mode="json") for anchor in each.anchors],
            "tokens": each.tokens,
        }
        for each in recall.notes
    ]
    return {"notes": notes, "tokens": recall.tokens, "hidden": recall.hidden, "problem": recall.problem}


def happened(event: NoteEvent) -> str:
    """One line of the history."""
    first = " ".join(event.note.text.split())[:60]
    when = f"{event.at.astimezone():%Y-%m-%d %H:%M}"
    return f"{event.seq:>5}  {when}  {event.action:8} {event.note.id}  {event.run or '':16}  {first}"


def checked(total: int, broken: Mapping[str, Sequence[Broken]], notes: Sequence[Note]) -> str:
    """Every note that is not live with its reasons, and how many of each there are."""
    lines = []
    for note in notes:
        lines.append(listed(note, state_of(broken[note.id])))
        lines += [f"    {explained(each)}" for each in broken[note.id]]
    counts = counted(total, broken)
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items()))
    return "\n".join(lines)


def counted(total: int, broken: Mapping[str, Sequence[Broken]]) -> dict[str, int]:
    """How many notes there are in each state."""
    states = [state_of(each) for each in broken.values()]
    stale, dormant = states.count("stale"), states.count("dormant")
    return {"live": total - stale - dormant, "stale": stale, "dormant": dormant}


def _answers(note: Note) -> str:
    """What the patch of a note is for."""
    return (", ".join(note.answer.tests) or note.answer.request) if note.answer else ""


def _used(injections: Sequence[Injection]) -> str:
    if not injections:
        return ""
    tokens = sum(injection.tokens for injection in injections)
    return f"{len(injections)} times for {tokens} tokens, last by {injections[-1].used_by}"
