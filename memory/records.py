"""The nouns, each a frozen pydantic record: what is written to disk, and the glossary of the project.

Task        what the user asked, at a commit, with the command that checks it
FailureState  a test that fails, and what stands for all that its outcome hangs on
Candidate   one attempt's patch, with how it came about
Vote        which candidates are the same patch, the winner, its share
Experience  a finished task: candidates, vote, check results
Outcome     what became of it later: applied, undone; its own record, nothing is edited in place
Anchor      path + git blob id (+ symbol, lines): the evidence that a note stands on
Note        one thing worth knowing about the repository: text, kind, anchors, origin, cost
Answer      a patch worked out before anybody asked, kept with a note of that kind
NoteEvent   one change to the notes: added, edited, forgotten, restored; the notes are what the events come to
Injection   a note was put into a prompt: where, and for how many tokens; 0 where its patch was used instead
Adapter     one immutable LoRA version of a local model: parent, base, data, metrics, verdict
Verdict     what the gate found about an adapter, with its numbers
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["passed", "unchecked", "failed", "no_candidate"]
"""passed: the winner passes the check; unchecked: there was no test command; failed: a winner, but it fails."""

Origin = Literal["user-said", "observed", "inferred"]
"""Who says so: the user, something that ran or resolved, or a model. Never mixed, and none becomes another."""

NoteKind = Literal["rule", "fact", "lesson", "question", "answer"]
"""rule: what the user wants, only ever user-said; fact: how the repository is; lesson: what a task taught; question:
one that is expected; answer: worked out beforehand."""


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


class Record(BaseModel):
    """Frozen; an unknown field is an error, so that an old program never drops what a newer one wrote."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(Record):
    """What the user asked, at a state of the repository, with the command that checks it."""

    request: str
    repo: str
    """Absolute path of the work tree."""
    base_commit: str | None
    """HEAD when the task began; None in a repository without commits."""
    snapshot: str
    """Commit that holds the work tree as it was, dirty and untracked files included; patches are against it."""
    test_command: str | None = None


class CommandRun(Record):
    """One finished command."""

    command: str
    exit_code: int
    """The shell's: negative is never used, 124 a time-out, 128+n a signal."""
    output: str
    """stdout and stderr together, head and tail kept, the cut marked."""
    seconds: float
    timed_out: bool = False

    @property
    def passed(self) -> bool:
        return self.exit_code == 0


class FailureState(Record):
    """A test that fails, and all that its outcome hangs on."""

    test: str
    """Its id."""
    key: str
    """Equal where the test fails in the same way, is run in the same way, and every file that it can reach is the
    same: a patch that left it failing once leaves it failing again."""


class Check(Record):
    """What was found about one candidate."""

    problems: tuple[str, ...] = ()
    """Files that no longer parse and fatal lint errors that the old version did not have."""
    tests: CommandRun | None = None

    @property
    def passed(self) -> bool:
        return not self.problems and (self.tests is None or self.tests.passed)


class Tokens(Record):
    """What the model read and wrote; `calls` counts requests."""

    prompt: int = 0
    completion: int = 0
    calls: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            calls=self.calls + other.calls,
        )


class Candidate(Record):
    """One attempt's patch, with how it came about."""

    index: int
    """Order of sampling; the earliest wins a tie."""
    patch: str = ""
    """Unified diff against the task's snapshot, as `git diff --binary` writes it; bytes that are not UTF-8 as
    surrogate escapes."""
    fingerprint: str = ""
    """Equal for candidates that are the same patch after normalisation; empty when it abstained."""
    abstained: str | None = None
    """Why it has no vote: empty, no-op, does not apply, does not parse, touches tests, known to fail, or in a model's
    own words why there is no edit; None when it votes."""
    check: Check | None = None
    """None while unchecked, and for good where a candidate with more votes had already passed."""
    tokens: Tokens = Tokens()
    seconds: float = 0.0


class Vote(Record):
    """Which candidates are the same patch, the winner, and its share."""

    winner: int | None
    """Index of the winning candidate, the earliest of its group; None when all abstained."""
    votes: int
    """Candidates in the winner's group."""
    agreement: float
    """votes / all candidates, abstentions included in the denominator; 0 without a winner."""
    abstentions: int


class Experience(Record):
    """A finished task. Written once, by a run, never changed."""

    id: str
    created_at: datetime = Field(default_factory=now)
    task: Task
    status: Status
    candidates: tuple[Candidate, ...] = ()
    vote: Vote
    model: str
    adapter: str | None = None
    tokens: Tokens = Tokens()
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall-clock seconds per stage, and `total`."""
    notes: tuple[str, ...] = ()
    """Ids of the notes that were recalled."""
    failing: tuple[FailureState, ...] = ()
    """The tests that failed before any change, where candidates left one of them failing."""
    skipped: int = 0
    """Patches that the model would have tried and that were passed over, because they are known to fail."""
    passed_before: bool = False
    """Whether the test command passed before any change, too: that it passes now says nothing about the task."""

    @property
    def patch(self) -> str:
        """The winner's patch; empty without one."""
        return "" if self.vote.winner is None else self.candidates[self.vote.winner].patch

    @property
    def was_known(self) -> bool:
        """Whether the winner is an answer that was worked out beforehand, which `notes` names: no model was asked."""
        return self.vote.winner is not None and "reuse" in self.seconds and "propose" not in self.seconds


class Outcome(Record):
    """What became of an experience later."""

    experience_id: str
    kind: Literal["applied", "committed", "undone"]
    created_at: datetime = Field(default_factory=now)
    commit: str | None = None
    """The commit that `--commit` made."""


class Anchor(Record):
    """A version of a file that a note stands on."""

    path: str
    """Relative to the work tree's root, with forward slashes."""
    blob: str
    """Git's id of the content, of a submodule its commit."""
    symbol: str | None = None
    """Dotted name of a function or class in it."""
    lines: tuple[int, int] | None = None
    """First and last line, from 1."""


class Answer(Record):
    """A patch worked out before anybody asked, and what it is for."""

    patch: str
    """Unified diff against a tree that holds the note's anchors, as a candidate has it."""
    tests: tuple[str, ...] = ()
    """Ids of the tests that failed without it and passed with it."""
    request: str = ""
    """Where no failing test asked for it: the words that did, of a comment in the code or a question."""


class Note(Record):
    """One thing worth knowing about the repository, true of every tree that holds its anchors' blobs."""

    id: str
    revision: int = 1
    """One more with each edit."""
    created_at: datetime = Field(default_factory=now)
    """Of this revision."""
    text: str
    kind: NoteKind = "fact"
    origin: Origin
    anchors: tuple[Anchor, ...] = ()
    """None for what holds of every tree."""
    commit: str | None = None
    """HEAD when the evidence was read; None where there was none."""
    run: str | None = None
    """What wrote it: a sleep run, a session, an import; what `memory undo` takes back as one."""
    source: str | None = None
    """The user's words and where they stand, the command that was run, or the model that inferred it."""
    checks: tuple[str, ...] = ()
    """What was found true by machine before it was stored."""
    cost: Tokens = Tokens()
    answer: Answer | None = None
    """Only with the kind of that name."""
    predictability: float | None = None
    """Of a question: nats a token of its text after the file that it is about, at most 0; None where nobody told."""


class NoteEvent(Record):
    """One change to the notes. Appended, never changed."""

    seq: int
    action: Literal["add", "edit", "forget", "restore"]
    note: Note
    """As it is after the event; what was forgotten, as it last was."""
    run: str | None = None
    at: datetime


class Injection(Record):
    """A note was put into a prompt, or the patch of an answer was used."""

    note: str
    at: datetime = Field(default_factory=now)
    used_by: str
    """Id of an experience, or which command or client asked."""
    tokens: int


class Verdict(Record):
    """What the gate found: an adapter beside what it would replace, on canaries that no training saw."""

    passed: bool
    """Inconclusive is not passed."""
    reasons: tuple[str, ...] = ()
    """What speaks against it, a sentence for each rule that it breaks; none where it passed."""
    against: str | None = None
    """The adapter that it was compared with; None for the base model."""
    canaries: str = ""
    """Hash of the held-out tasks."""
    numbers: dict[str, float] = Field(default_factory=dict)
    """Everything that was measured, of both."""
    at: datetime = Field(default_factory=now)


class Adapter(Record):
    """One immutable LoRA version of a local model: `adapter.json` in a folder that PEFT and vLLM load too."""

    schema_version: Literal[1] = 1
    id: str
    """v0001, v0002, …: given when it is published, and never to another."""
    created_at: datetime = Field(default_factory=now)
    parent: str | None = None
    """The adapter that its training continued; None where it began from the base model."""
    base: str
    """The base model as its user knows it: a name, or a folder."""
    base_hash: str
    """Of the base model's weights; an adapter fits no others."""
    weights_hash: str
    """Of the adapter's own."""
    rank: int
    data_hash: str = ""
    """Of the tasks that it was trained on; empty where it came from elsewhere."""
    seed: int | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    """What its training measured."""
    verdict: Verdict | None = None
    """None where no gate has judged it."""
