"""What sleep writes to disk: the things to think about, and what became of each sleep run.

Item        one thing to think about, known by its content: what has the same inputs is thought about once
PassCount   what one pass came to in a run
SleepRun    one sleep, from its beginning to its end; a run that was killed has no end
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from pydantic import Field

from memory.records import Anchor, Record, Tokens, now

A_SECOND = 50
"""Tokens that a second of this machine counts as much as."""


class Item(Record):
    """One thing to think about."""

    pass_name: str
    """Of the pass that it is work for."""
    key: str
    """`item_key` of its inputs: an item whose key is finished is never worked on again."""
    about: str
    """A path, a test, a question, as a person is told what is being thought about."""
    inputs: tuple[Anchor, ...] = ()
    """What it is thought out from."""
    subject: str = ""
    """Whatever else its pass has to know: the id of a test or of an experience, the words of a question."""
    expected_use: float
    """How likely it is that somebody will soon want what this gives, above 0; compared between all passes."""
    estimated_tokens: int = 0
    """Of a model, at most; 0 for work without one."""
    estimated_seconds: float = 0.0
    """Of this machine, where it takes any worth mentioning."""

    @property
    def worth(self) -> float:
        """Expected use per token: the best item comes first."""
        return self.expected_use / (1 + self.estimated_tokens + A_SECOND * self.estimated_seconds)


class PassCount(Record):
    """What one pass came to in a run."""

    finished: int = 0
    failed: int = 0
    notes: int = 0
    """Added."""
    forgotten: int = 0
    dropped: int = 0
    """Findings that were not good enough to be stored."""
    tokens: Tokens = Tokens()
    seconds: float = 0.0


class SleepRun(Record):
    """One sleep."""

    id: str
    began: datetime = Field(default_factory=now)
    ended: datetime | None = None
    """None while it is under way, and for good where it was killed."""
    model: str | None = None
    """The served model that it asked; None for the embedded one."""
    budget: int = 0
    """Tokens that it might use."""
    passes: dict[str, PassCount] = Field(default_factory=dict)
    stopped: bool = False
    """It gave way before all was done."""
    left: int = 0
    """Items that were still waiting when it ended."""
    problem: str | None = None
    """Why it failed, in a sentence."""

    @property
    def tokens(self) -> Tokens:
        return sum((count.tokens for count in self.passes.values()), Tokens())


def item_key(pass_name: str, version: int, inputs: Iterable[str]) -> str:
    """The key for a pass at a version of its own and the blob ids, or other words, that it thinks from, in order."""
    return sha256("\0".join([pass_name, str(version), *inputs]).encode("utf-8", "surrogateescape")).hexdigest()
