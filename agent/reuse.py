"""Asks memory before a model is asked: answers worked out beforehand, tried on the tree as it is; where none passes,
the model is told what is known to fail.

An answer wins only by what any candidate wins by: the test command fails without it and passes with it. That holds
where the tree has moved on since it was found, too. Where the tests can tell nothing, because there are none or they
pass as it is, the newest answer that is still true of the tree becomes one more candidate behind those of the model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from agent.errors import RepositoryError
from agent.localise import Localisation
from agent.state import AgentContext, AgentState, Proposal
from agent.trial import candidate, check_seconds, checked
from agent.vain import known_to_fail
from memory.errors import UserError
from memory.known_answers import KnownAnswer
from memory.records import Candidate, Note, Task

MOST_TRIES = 4
"""Each is a run of the tests."""


def reuse_answers(state: AgentState, context: AgentContext) -> AgentState:
    """Try what is known; without a passing answer `hints` are given back, or what is known to fail."""
    found = state["localisation"]
    known = _known(state["task"], found, context)
    if not _can_tell(found):
        return _hint(state, known, context)
    tries = list(_tries(known, found.failing))[:MOST_TRIES]
    for done, notes in enumerate(tries):
        context.progress.step("reuse", done, len(tries))
        if update := _tried(notes, state, context):
            ids = ", ".join(note.id for note in notes)
            context.progress.notice(f"An answer worked out beforehand passes (notes {ids}): no model is asked.")
            return update
    if tries:
        context.progress.notice("What was worked out beforehand does not pass on the tree as it is: sampling.")
    return {"hints": (), "localisation": replace(found, known_to_fail=known_to_fail(found, state["task"], context))}


def _known(task: Task, found: Localisation, context: AgentContext) -> list[KnownAnswer]:
    if context.memory is None:
        return []
    try:
        return context.memory.answers(found.failing, task.request)
    except UserError as error:
        context.progress.notice(f"What was worked out beforehand cannot be looked up: {error}")
        return []


def _can_tell(found: Localisation) -> bool:
    return found.tests is not None and found.tests.exit_code not in (0, 126, 127)


def _tries(known: Sequence[KnownAnswer], failing: Sequence[str]) -> Iterator[tuple[Note, ...]]:
    """What may pass: an answer for all that fails, answers that together are for all of it, those for a request."""
    wanted = set(failing)
    patches: set[str] = set()
    partial: list[Note] = []
    in_words: list[tuple[Note, ...]] = []
    for note, _ in known:
        if note.answer is None or note.answer.patch in patches:
            continue
        patches.add(note.answer.patch)
        if not note.answer.tests:
            in_words.append((note,))
        elif wanted <= set(note.answer.tests):
            yield (note,)
        elif not wanted <= {test for other in partial if other.answer for test in other.answer.tests}:
            partial.append(note)
    if len(partial) > 1 and wanted <= {test for note in partial if note.answer for test in note.answer.tests}:
        yield tuple(partial)
    yield from in_words


def _tried(notes: Sequence[Note], state: AgentState, context: AgentContext) -> AgentState | None:
    """What the node gives back where these answers together pass."""
    task = state["task"]
    with context.repository.worktree(task.snapshot, context.worktrees) as worktree:
        proposal, found = _as_candidate(notes, task, worktree, context)
    if proposal is None or found.abstained or context.deadline.passed:
        return None
    check = checked(proposal, task, context, check_seconds(state["localisation"].tests))
    if check is None or not check.passed:
        return None
    ids = tuple(note.id for note in notes)
    return {"hints": (), "proposals": (proposal,), "candidates": (found,), "checks": {0: check}, "notes": ids}


def _as_candidate(
    notes: Sequence[Note], task: Task, worktree: Path, context: AgentContext
) -> tuple[Proposal | None, Candidate]:
    """The patches of these answers as one; without a proposal where they do not apply."""
    repository = context.repository
    try:
        for note in notes:
            repository.apply(worktree, note.answer.patch if note.answer else "")
    except RepositoryError:
        return None, Candidate(index=0, abstained="does not apply")
    proposal = Proposal(tree=repository.tree(worktree))
    repository.reset(worktree, task.snapshot)
    return proposal, candidate(proposal, repository, worktree, task)


def _hint(state: AgentState, known: Sequence[KnownAnswer], context: AgentContext) -> AgentState:
    """The first that is live as a candidate among those of the model, where it applies."""
    task = state["task"]
    for note, is_live in known:
        if not is_live:
            continue
        with context.repository.worktree(task.snapshot, context.worktrees) as worktree:
            proposal, _ = _as_candidate([note], task, worktree, context)
        if proposal:
            context.progress.notice(f"An answer worked out beforehand is one of the candidates (note {note.id}).")
            return {"hints": (proposal,), "notes": (*state["notes"], note.id)}
    return {"hints": ()}
