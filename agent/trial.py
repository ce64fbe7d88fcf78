"""A proposal on the tree: what it comes to as a candidate, and whether that passes the check."""

from collections.abc import Sequence
from pathlib import Path

from agent.checks import Original, touches_tests
from agent.checks import check as check_worktree
from agent.edits import apply_edits
from agent.errors import EditRefused
from agent.lint import still_parses
from agent.state import AgentContext, Proposal
from agent.vote import FileChange, fingerprint
from agent.workspace import Repository
from memory.records import Candidate, Check, CommandRun, Task

TEST_SECONDS = 60.0
"""What the test command may take before the change, at least; a fifth of the run's time limit if that is more."""


def candidate(proposal: Proposal, repository: Repository, worktree: Path, task: Task) -> Candidate:
    """What a proposal comes to in the worktree, which is left as it was."""
    edits, snapshot = proposal.edits, task.snapshot
    if not edits and not proposal.tree:
        return Candidate(index=0, abstained=proposal.problem or "empty")
    if edits and all(edit.old.rstrip("\r\n") == edit.new.rstrip("\r\n") for edit in edits):
        return Candidate(index=0, abstained="no-op")
    try:
        _make_change(proposal, repository, worktree)
    except EditRefused:
        return Candidate(index=0, abstained="does not apply")
    patch = repository.diff(worktree, snapshot)
    changes = [
        FileChange(path, repository.read(snapshot, path), _content(worktree / path))
        for path in repository.changed_paths(worktree, snapshot)
    ]
    repository.reset(worktree, snapshot)
    tests = touches_tests([change.path for change in changes], _original(repository, task), task.test_command)
    if abstained := _abstention(changes, bool(tests)):
        return Candidate(index=0, patch=patch, abstained=abstained)
    return Candidate(index=0, patch=patch, fingerprint=fingerprint(changes))


def checked(proposal: Proposal, task: Task, context: AgentContext, timeout: float) -> Check | None:
    """The check of a proposal in a worktree of its own; None where the run's limit ended it, which says nothing."""
    repository = context.repository
    with repository.worktree(task.snapshot, context.worktrees) as worktree:
        _make_change(proposal, repository, worktree)
        found = check_worktree(
            worktree,
            _original(repository, task),
            repository.changed_paths(worktree, task.snapshot),
            task.test_command,
            context.sandbox,
            min(timeout, context.deadline.left()),
            readable=repository.inputs,
        )
    return None if found.tests and found.tests.timed_out and context.deadline.passed else found


def check_seconds(before: CommandRun | None) -> float:
    """Seconds for the tests of a candidate: a patch that makes them several times slower is no fix.

    Where they did not end before the change, they are more likely to hang than to be slow.
    """
    if before is None:
        return TEST_SECONDS
    return before.seconds / 3 if before.timed_out else 5.0 + 3.0 * before.seconds


def _make_change(proposal: Proposal, repository: Repository, worktree: Path) -> None:
    """Do to the worktree, which is at its snapshot, what was proposed; raises EditRefused."""
    if proposal.tree:
        repository.restore(worktree, proposal.tree)
    apply_edits(worktree, proposal.edits)


def _original(repository: Repository, task: Task) -> Original:
    return lambda path: repository.read(task.snapshot, path)


def _abstention(changes: Sequence[FileChange], has_touched_tests: bool) -> str | None:
    """Why a change that applies has no vote; None where it has one."""
    if not fingerprint(changes):
        return "no-op"
    if not all(still_parses(change.path, change.old, change.new) for change in changes if change.new is not None):
        return "does not parse"
    if has_touched_tests:
        return "touches tests"
    return None


def _content(path: Path) -> bytes | None:
    """What git sees there: of a symlink its target, None where there is nothing."""
    if path.is_symlink():
        return bytes(path.readlink())
    return path.read_bytes() if path.is_file() else None
