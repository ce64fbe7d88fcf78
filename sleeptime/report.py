"""What a sleep came to, or would come to, for people and for programs."""

import json
from collections.abc import Sequence

from rich.console import Console

from agent.report import say
from memory.records import Note
from sleeptime.dry_run import Foreseen
from sleeptime.records import SleepRun


def show_run(run: SleepRun, out: Console, as_json: bool) -> None:
    """The passes that did something, and what is left."""
    if as_json:
        out.file.write(run.model_dump_json() + "\n")
        out.file.flush()
        return
    for name, count in run.passes.items():
        parts = [f"{count.finished} thought out", f"{count.notes} notes"]
        parts += [f"{count.forgotten} given up"] if count.forgotten else []
        parts += [f"{count.dropped} findings dropped"] if count.dropped else []
        parts += [f"{count.failed} failed"] if count.failed else []
        tokens = count.tokens.prompt + count.tokens.completion
        parts += [f"{tokens:,} tokens"] if tokens else []
        say(f"{name:<10}{', '.join(parts)}, {count.seconds:.1f} s", out)
    if not run.passes and not run.stopped:
        say("Nothing new to think about.", out)
    ended = "Gave way" if run.stopped else "Done"
    undo = f"; `sleepwright memory undo {run.id}` takes its notes back" if run.passes else ""
    left = f"{run.left} item{'' if run.left == 1 else 's'} left"
    say(f"{ended}: sleep run {run.id}, {left}{undo}.", out)


def show_foreseen(foreseen: Sequence[Foreseen], out: Console, as_json: bool) -> None:
    """The items, best first, each with what it would change."""
    if as_json:
        out.file.write(json.dumps([_as_json(each) for each in foreseen]) + "\n")
        return
    for each in foreseen:
        tokens = f", up to {each.item.estimated_tokens:,} tokens" if each.item.estimated_tokens else ""
        say(f"{each.item.pass_name}: {each.item.about} (expected use {each.item.expected_use:.4f}{tokens})", out)
        for note in each.added:
            say(f"  + {note.text}", out)
        for before, after in each.edited:
            say(f"  - {before.id} {before.text}", out)
            say(f"  + {before.id} {after.text}", out)
        for note in each.forgotten:
            say(f"  - {note.id} {note.text}", out)
        for reason in each.dropped:
            say(f"  ! {reason}", out)
    say(f"{len(foreseen)} items would be thought about; nothing was changed.", out)


def _as_json(foreseen: Foreseen) -> dict[str, object]:
    return {
        "item": foreseen.item.model_dump(mode="json"),
        "added": [_plain(note) for note in foreseen.added],
        "edited": [[_plain(before), _plain(after)] for before, after in foreseen.edited],
        "forgotten": [_plain(note) for note in foreseen.forgotten],
        "dropped": list(foreseen.dropped),
    }


def _plain(note: Note) -> object:
    return note.model_dump(mode="json")
