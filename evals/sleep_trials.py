"""What `eval sleep` keeps of a run, whatever the suite: one question asked once, and one sleep."""

from memory.records import Record


class Trial(Record):
    """One question, asked once."""

    question: str
    scene: str
    """What it is about, and what was slept on: a repository state, a context."""
    arm: str
    """What was at hand. The first arm of a run is the one without sleep."""
    budget: int
    """Of test time: candidates, verbosity, or steps."""
    anticipated: bool = True
    """Whether the sleeper saw what the question is about."""
    score: float
    """1 for solved and 0 for not, or a share."""
    was_known: bool = False
    """Whether an answer of sleep's won without a token."""
    skipped: int = 0
    """Patches that were passed over, because sleep had tried them in vain."""
    prompt: int
    completion: int
    seconds: float
    touched: tuple[str, ...] = ()
    """The files that were changed."""
    right: tuple[str, ...] = ()
    """The files that had to be."""

    @property
    def precision(self) -> float | None:
        """Of the files touched; None where there are none."""
        return sum(path in self.right for path in self.touched) / len(self.touched) if self.touched else None

    @property
    def recall(self) -> float | None:
        """Of the files that had to be changed; None where there are none."""
        return sum(path in self.touched for path in self.right) / len(self.right) if self.right else None


class Slept(Record):
    """One sleep."""

    scene: str
    arm: str
    """That has its memory."""
    notes: int
    answers: int = 0
    """Notes with a patch."""
    prompt: int
    completion: int
    seconds: float
