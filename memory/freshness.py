"""Is a note still true? It is true of a tree, not of a time: of every tree that holds the blobs that it stands on.

live      the checked-out tree, index and dirty files included, holds them all, wherever they lie
stale     one was here and has changed or is gone
dormant   one was never here: the note belongs to another branch, and is live again there

A look-up in git's objects and index: no model, and no file is read whose stat data is unchanged.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from memory.note_log import AnchorRow, NoteLog
from memory.records import Anchor
from memory.work_tree import Held, WorkTree

State = Literal["live", "stale", "dormant"]


class Broken(NamedTuple):
    """An anchor whose blob the tree does not hold."""

    path: str
    blob: str
    state: State
    """stale or dormant."""
    now: str | None
    """The blob that the path has now; None where it is gone."""


def broken_anchors(
    tree: WorkTree, held: Held, log: NoteLog, ids: Sequence[str] | None = None
) -> dict[str, list[Broken]]:
    """The notes that are not live, of all or of some, each with the anchors that do not hold; `held` is the tree's."""
    failing = _failing(tree, held, log, ids)
    was_here = _was_here(failing, tree)
    broken: dict[str, list[Broken]] = {}
    for row in failing:
        state: State = "stale" if row in was_here else "dormant"
        broken.setdefault(row.note, []).append(Broken(row.path, row.blob, state, held.blobs.get(row.path)))
    return broken


def broken_notes(tree: WorkTree, held: Held, log: NoteLog, ids: Sequence[str]) -> set[str]:
    """Those of the notes that are not live; whether they are stale or dormant, which history says, is not asked."""
    return {row.note for row in _failing(tree, held, log, ids)}


def state_of(broken: Collection[Broken]) -> State:
    """What a note with these broken anchors is: one that has changed here says more than one that never was."""
    if not broken:
        return "live"
    return "stale" if any(each.state == "stale" for each in broken) else "dormant"


def current_path(anchor: Anchor, held: Held, tree: WorkTree) -> str:
    """Where an anchor's content lies now; its old path where it still lies there or nowhere."""
    if held.blobs.get(anchor.path) == anchor.blob:
        return anchor.path
    if anchor.blob in held.paths:
        return held.paths[anchor.blob]
    if tree.hashed([anchor.path]).get(anchor.path) == anchor.blob:  # git does not track it yet
        return anchor.path
    return next((path for path, blob in tree.untracked().items() if blob == anchor.blob), anchor.path)


def _failing(tree: WorkTree, held: Held, log: NoteLog, ids: Sequence[str] | None) -> list[AnchorRow]:
    """The anchors, of all notes or of some, of which no file holds the blob."""
    if ids is None:
        failing = log.anchors_outside(held.paths)
    else:
        failing = [row for row in log.anchors(ids) if row.blob not in held.paths]
    return _without_untracked(failing, held, tree)


def _without_untracked(failing: list[AnchorRow], held: Held, tree: WorkTree) -> list[AnchorRow]:
    """What lies in files that git does not track yet holds too: new ones, and those moved without `git mv`."""
    if not failing:
        return failing
    new = tree.hashed({row.path for row in failing if row.path not in held.blobs})
    failing = [row for row in failing if new.get(row.path) != row.blob]
    gone = {row for row in failing if row.path not in held.blobs}
    if gone:
        moved = set(tree.untracked().values())
        failing = [row for row in failing if row not in gone or row.blob not in moved]
    return failing


def _was_here(failing: Iterable[AnchorRow], tree: WorkTree) -> set[AnchorRow]:
    """Anchors that stand on what this history once had."""
    failing = set(failing)
    if not failing:
        return set()
    ancestors = tree.ancestors(row.commit for row in failing if row.commit)
    certain = {row for row in failing if row.commit in ancestors}
    # After a rebase the commit is another one, and the content came all the same.
    others = failing - certain
    ever = tree.ever_held({row.blob for row in others}, [row.path for row in others])
    return certain | {row for row in others if row.blob in ever}
