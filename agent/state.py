"""What flows through the graph: records in the state, live objects in the context.

Also the seam to the models: a `Proposer` turns a task into proposals, and knows nothing of votes, checks or git.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import or_
from pathlib import Path
from threading import Lock
from typing import Annotated, Literal, Protocol, TypedDict

from agent.deadline import Deadline
from agent.edits import Edit
from agent.localise import Localisation
from agent.sandbox import Sandbox
from agent.workspace import Repository
from memory.note_store import NoteStore
from memory.records import Candidate, Check, Experience, Task, Tokens, Vote
from memory.runs import Run

Stage = Literal["recall", "localise", "reuse", "propose", "check"]


@dataclass(frozen=True)
class Proposal:
    """What a model answered, before anything has been tried."""

    edits: tuple[Edit, ...] = ()
    problem: str | None = None
    """Why there is no edit, in a few words; None where there is one or nothing was said."""
    tokens: Tokens = Tokens()
    seconds: float = 0.0
    tree: str = ""
    """In the place of edits: the git tree that holds all files as the model left them."""
    skipped: int = 0
    """Likelier ones of the same call that were passed over, because they are known to fail; with the first proposal."""


class Proposer(Protocol):
    """Asks a model."""

    @property
    def name(self) -> str:
        """The model's name, as the experience log keeps it."""

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        """Up to n proposals in one call, the same ones for the same arguments; ModelError where the model fails.

        `worktree` is a checkout of the task's snapshot, to read. `progress` is told how many there are so far, and
        raises `OutOfTime` where the time is up; a proposer that catches it may return what it has.
        """


class Progress(Protocol):
    """Is told how far a run is, from any thread."""

    def step(self, stage: Stage, done: int, total: int) -> None:
        """`done` of `total` steps of the stage are finished; 0 where the stage begins."""

    def notice(self, text: str) -> None:
        """Something that the user should know about the result."""


class OutOfTime(Exception):
    """The time is up; raised by the `progress` that a proposer is given."""


class Race:
    """What the checks that run side by side know of each other. Safe between threads."""

    def __init__(self) -> None:
        self._finished = 0
        self._best: int | None = None
        self._lock = Lock()

    def finish(self, rank: int, passed: bool) -> int:
        """A check has ended; returns how many have."""
        with self._lock:
            self._finished += 1
            if passed:
                self._best = rank if self._best is None else min(rank, self._best)
            return self._finished

    def is_lost(self, rank: int) -> bool:
        """Whether a better rank has passed, so that this one can no longer win."""
        with self._lock:
            return self._best is not None and self._best < rank


@dataclass(frozen=True)
class AgentContext:
    """The live things of one run; made anew for each."""

    repository: Repository
    worktrees: Path
    """The folder for throw-away worktrees."""
    proposer: Proposer
    sandbox: Sandbox
    progress: Progress
    candidates: int
    """How many proposals to ask for."""
    seed: int = 0
    adapter: str | None = None
    """The adapter that the proposer's model has."""
    memory: NoteStore | None = None
    reads_notes: bool = True
    """Whether the model is told what is remembered; answers worked out beforehand are tried either way."""
    deadline: Deadline = field(default_factory=Deadline)
    run: Run | None = None
    """Where the stages are kept, so that an interrupted run can be resumed; None to keep nothing."""
    race: Race = field(default_factory=Race)


class AgentState(TypedDict, total=False):
    """What the nodes hand on."""

    task: Task
    began: float
    """`time.monotonic()` when the task began."""
    notes: tuple[str, ...]
    """Ids of those that were recalled."""
    localisation: Localisation
    hints: tuple[Proposal, ...]
    """Answers worked out beforehand that nothing here can check; they stand behind what the model proposes."""
    proposals: tuple[Proposal, ...]
    candidates: tuple[Candidate, ...]
    """One for each proposal, unchecked until `choose` hands out the checks."""
    checks: Annotated[dict[int, Check], or_]
    """By the index of the first candidate of the group that was checked."""
    seconds: Annotated[dict[str, float], or_]
    """Wall clock per stage."""
    vote: Vote
    experience: Experience


class CheckState(TypedDict):
    """What one check is told: a group of candidates that are the same patch."""

    task: Task
    proposal: Proposal
    first: int
    """Index of the group's first candidate."""
    rank: int
    groups: int
    timeout: float
    """Seconds for the test command."""
