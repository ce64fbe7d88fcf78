"""A proposer that says what it was told: for tests and documentation. Part of the package, deterministic."""

from collections.abc import Callable, Sequence
from pathlib import Path

from agent.edits import Edit
from agent.localise import Localisation
from agent.state import Proposal
from memory.records import Task, Tokens


class ScriptedProposer:
    """Answers with its script, one sequence of edits per sample, however often it is asked."""

    name = "scripted"

    def __init__(self, script: Sequence[Sequence[Edit]]) -> None:
        self.script = script

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        proposals = []
        for edits in self.script[:n]:
            proposals.append(Proposal(tuple(edits), tokens=Tokens(prompt=1, completion=1, calls=1)))
            progress(len(proposals))
        return proposals
