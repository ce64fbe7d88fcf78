"""`sleepwright memory ...`: the user's own hands on the notes. Heavy imports wait until a command runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memory.cli_options import json_option, opened, print_json, repo_option
from memory.upkeep_cli import export_all, gc, import_all, recover

if TYPE_CHECKING:
    from memory.records import NoteKind

_KINDS = ("rule", "fact", "lesson", "question", "answer")
_anchors = click.option(
    "--anchor",
    "places",
    metavar="PLACE",
    multiple=True,
    help="What the note stands on: PATH, PATH:FIRST-LAST or PATH::SYMBOL, from the root of the repository. Repeatable.",
)


@click.group()
def memory() -> None:
    """What is known of this repository: notes that are true of a tree, and known to be stale where it has changed."""


@memory.command(name="list")
@click.option("--state", type=click.Choice(["live", "stale", "dormant"]), help="Only these.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only these.")
@repo_option
@json_option
def list_notes(state: str | None, kind: str | None, repo: Path, as_json: bool) -> None:
    """All notes, the oldest first, with what each is in this work tree: live, stale or dormant."""
    from memory import report
    from memory.freshness import state_of

    with opened(repo) as store:
        broken = store.broken()
        notes = [(note, broken.get(note.id, [])) for note in store.log.notes() if kind in (None, note.kind)]
    chosen = [(note, why) for note, why in notes if state in (None, state_of(why))]
    if as_json:
        print_json({"notes": [report.as_json(note, why) for note, why in chosen]})
        return
    for note, why in chosen:
        click.echo(report.listed(note, state_of(why)))
    if not chosen:
        click.echo("No notes are so." if state or kind else "No notes. `sleepwright memory add` makes one.", err=True)


@memory.command()
@click.argument("id")
@repo_option
@json_option
def show(id: str, repo: Path, as_json: bool) -> None:
    """One note: who says so, what it stands on, what it cost, where it was used. The beginning of its ID is enough."""
    from memory import report

    with opened(repo) as store:
        note = store.log.get(id)
        broken = store.broken([note.id]).get(note.id, [])
        injections = store.log.injections(note.id)
    if as_json:
        used = [injection.model_dump(mode="json") for injection in injections]
        print_json({**report.as_json(note, broken), "injections": used})
    else:
        click.echo(report.shown(note, broken, injections))


@memory.command()
@click.argument("question")
@click.option("-k", "most", type=click.IntRange(1, 50), metavar="N", default=5, show_default=True, help="Most notes.")
@click.option(
    "--budget", type=click.IntRange(min=1), metavar="N", default=1000, show_default=True, help="Tokens for all."
)
@repo_option
@json_option
def search(question: str, most: int, budget: int, repo: Path, as_json: bool) -> int:
    """The live notes that bear on a QUESTION, as the agent would get them. Exit code 1 where there is none."""
    from memory import report

    with opened(repo) as store:
        recall = store.recall(question, most, budget)
    if recall.problem:
        click.echo(recall.problem, err=True)
    if as_json:
        print_json(report.recalled_json(recall))
    else:
        click.echo(report.recalled(recall) or "No note bears on that.", err=not recall.notes)
    return 0 if recall.notes else 1


@memory.command()
@click.argument("text")
@_anchors
@click.option("--kind", type=click.Choice(_KINDS), default="fact", show_default=True, help="What the note is.")
@repo_option
@json_option
def add(text: str, places: tuple[str, ...], kind: "NoteKind", repo: Path, as_json: bool) -> None:
    """Store a note of yours; - reads TEXT from stdin.

    With --anchor it is shown as long as these files are as they are now, without it always. Keys and tokens are
    refused.
    """
    from memory import report

    with opened(repo) as store:
        note = store.add(_text(text), places, origin="user-said", kind=kind, source="sleepwright memory add")
    if as_json:
        print_json(report.as_json(note))
    else:
        click.echo(f"Added {note.id}.")


@memory.command()
@click.argument("id")
@click.argument("text", required=False)
@_anchors
@click.option(
    "--still-true", is_flag=True, help="Its files have changed and the note holds: anchor it to them as they are."
)
@repo_option
@json_option
def edit(id: str, text: str | None, places: tuple[str, ...], still_true: bool, repo: Path, as_json: bool) -> None:
    """Change a note's TEXT (- reads stdin) or its anchors. From then on it is you who says so."""
    from memory import report
    from memory.anchoring import evidence
    from memory.recall import describe

    if text is None and not places and not still_true:
        raise click.UsageError("Say what to change: TEXT, --anchor or --still-true.")
    with opened(repo) as store:
        note = store.log.get(id)
        if still_true and not places:
            places = tuple(describe(anchor) for anchor in note.anchors)
        change: dict[str, Any] = {"origin": "user-said", "source": "sleepwright memory edit"}
        if text is not None:
            change["text"] = _text(text).strip()
        if places:
            change["anchors"], change["commit"] = evidence(store.tree, places)
        note = store.log.edit(note.model_copy(update=change), seen=note.revision, by="user-said")
    if as_json:
        print_json(report.as_json(note))
    else:
        click.echo(f"Edited {note.id}, now revision {note.revision}.")


@memory.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@repo_option
@json_option
def forget(ids: tuple[str, ...], repo: Path, as_json: bool) -> None:
    """Forget notes; `sleepwright memory undo` with the run that is named here brings them back."""
    from memory.experiences import new_id

    run = f"forget-{new_id()}"
    with opened(repo) as store:
        notes = store.log.forget([store.log.get(id).id for id in ids], by="user-said", run=run)
    if as_json:
        print_json({"forgotten": [note.id for note in notes], "run": run})
    else:
        click.echo(f"Forgot {', '.join(note.id for note in notes)} (run {run}).")


@memory.command()
@click.option("--note", metavar="ID", help="Only of this note, forgotten or not; its beginning is enough.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), metavar="N", default=20, show_default=True, help="How many."
)
@repo_option
@json_option
def log(note: str | None, limit: int, repo: Path, as_json: bool) -> None:
    """What happened to the notes, the newest first; with the run that did it, for `undo`."""
    from memory import report

    with opened(repo) as store:
        events = store.log.events(limit, note)
    if as_json:
        print_json({"events": [event.model_dump(mode="json") for event in events]})
    else:
        for event in events:
            click.echo(report.happened(event))
        if not events:
            click.echo(f"There never was a note {note!r}." if note else "Nothing has happened to the notes.", err=True)


@memory.command()
@click.argument("run")
@repo_option
@json_option
def undo(run: str, repo: Path, as_json: bool) -> None:
    """Take back everything that a RUN did to the notes; `log` names the runs. An undo can be undone."""
    from memory.experiences import new_id

    by_run = f"undo-{new_id()}"
    with opened(repo) as store:
        undone = store.log.undo(run, by_run)
    if as_json:
        changed = [event.note.id for event in undone.events]
        print_json({"changed": changed, "left": undone.left, "run": by_run})
        return
    click.echo(f"Took back {len(undone.events)} changes (run {by_run}).")
    if undone.left:
        click.echo(f"Left as they are, because they were changed later: {', '.join(undone.left)}", err=True)


@memory.command()
@click.argument("ids", metavar="[ID...]", nargs=-1)
@repo_option
@json_option
def check(ids: tuple[str, ...], repo: Path, as_json: bool) -> int:
    """Compare the notes with the work tree, and explain each that does not hold. Exit code 1 where one is stale."""
    from memory import report

    with opened(repo) as store:
        wanted = [store.log.get(id).id for id in ids] or None
        broken = store.broken(wanted)
        notes = sorted(store.log.notes(list(broken)), key=lambda note: note.id)
        total = len(wanted) if wanted else store.log.count()
    counts = report.counted(total, broken)
    if as_json:
        print_json({**counts, "notes": [report.as_json(note, broken[note.id]) for note in notes]})
    else:
        click.echo(report.checked(total, broken, notes))
    return 1 if counts["stale"] else 0


def _text(given: str) -> str:
    return sys.stdin.read() if given == "-" and sys.stdin else given


for command in (export_all, import_all, recover, gc):
    memory.add_command(command)
