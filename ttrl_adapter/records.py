"""What a round of training writes down: exercises, how they were voted on, and what was trained.

Exercise    one prompt to learn from, with what tests are known to say about its answers
Ballot      what many samples of one policy came to on one exercise
Recipe      how an adapter is trained
TrainJob    one training, from its exercises to an adapter folder
Step        one optimizer step of it
Poll        what a policy said to one exercise, as often as it said it
"""

from typing import Literal

from memory.records import Record

SCHEMA = 1

Signal = Literal["vote", "tests", "random", "distil"]
"""What is rewarded: agreement; passing the tests where they are known, else agreement. For comparison: a coin's sides,
or the known answer itself is learnt by heart."""


class Exercise(Record):
    """One prompt to learn from."""

    id: str
    """16 hex digits of the prompt's hash: equal prompts are one exercise."""
    prompt: str
    first: tuple[str, ...] = ()
    """Tokens that an answer may begin with; any where there are none."""
    stop: tuple[str, ...] = ()
    """Tokens that end an answer as the end token does, except in first place."""
    form: Literal["marks", "chat"] = "marks"
    """How an answer says a repair: as the embedded model does (agent/function_view.py), or with the whole function."""
    lines: tuple[str, ...] = ()
    """The function that the prompt shows, where an answer is a repair of it; else the answer is a text."""
    marked: tuple[int, ...] = ()
    """Its marked lines."""
    passed: tuple[str, ...] = ()
    """Keys (reward.py) of answers whose tests passed."""
    failed: tuple[str, ...] = ()
    """Keys of answers whose tests failed."""
    answer: str | None = None
    """A right answer, where one is known; read only by the signal `distil` and by evaluations."""
    origin: str = "self-made"
    """Id of the experience that it came from, or `self-made`."""


class Poll(Record):
    """What a policy said to one exercise: raw, so that everything can be counted again."""

    exercise: str
    temperature: float
    said: dict[str, int]
    """Answer, its end included, to how often it was said; in the order of first saying."""
    tokens: float
    """Mean length of an answer."""

    @property
    def samples(self) -> int:
        return sum(self.said.values())


class Ballot(Record):
    """What the samples of one policy came to on one exercise."""

    exercise: str
    samples: int
    winner: str | None
    """Key of the consensus; None where all abstained or the first place is shared."""
    agreement: float
    """Votes of the first / all samples."""
    right: int
    """Samples that are known to pass."""
    right_winner: bool
    """Whether the consensus is known to pass."""
    distinct: int
    """Different keys."""
    abstentions: int
    tokens: float
    """Mean length of an answer."""


class Recipe(Record):
    """How an adapter is trained. The defaults' reasons: docs/lab-notes.md and the papers named."""

    signal: Signal = "tests"
    votes: int = 64
    """Samples per prompt that vote (TTRL, arXiv 2504.16084)."""
    trained: int = 32
    """Of these, how many are trained on."""
    spread: bool = True
    """Trained on are as many rewarded as unrewarded samples, as far as there are: where one of 64 is right, the first
    32 say nothing half of the time (max-variance down-sampling, arXiv 2504.13818). Else the first, as TTRL does."""
    prompts_per_step: int = 8
    rows: int | None = None
    """Answers that go through the model at once in training; None: those of a step on a CPU, of a prompt on a GPU."""
    epochs: float = 1.0
    """Each exercise once: many different ones carry over to others, a few gone through again are learnt by heart."""
    learning_rate: float = 2e-3
    """Peak; a cosine to zero. For the embedded policy: at 5e-3 it loses coverage, at 5e-4 it hardly moves. A large
    model wants a few hundredths of that."""
    rank: int = 16
    """No more than what vLLM takes by default."""
    beta: float = 0.02
    """Weight of the KL divergence from the base, not from the adapter that is continued."""
    epsilon_high: float = 0.28
    """Upper clip of the ratio (DAPO's clip-higher): rare answers may grow."""
    temperature: float = 1.0
    max_tokens: int = 64
    least_agreement: float = 0.25
    """Below it a vote is no label."""
    anchored: bool = True
    """A vote is a label only where the base's vote says the same: without it a vote drifts and the loop collapses while
    its own agreement rises (arXiv 2508.00410; measured by `sleepwright eval ttrl`)."""
    seed: int = 0


class TrainJob(Record):
    """One training. Beside it in its folder lie `exercises.jsonl` and, while it runs, `checkpoints`."""

    schema_version: int = SCHEMA
    model: str
    """Folder of the base model, Hugging Face format."""
    recipe: Recipe
    base_votes: dict[str, str]
    """Exercise id to the key of the base's consensus."""
    start: str | None = None
    """Adapter folder to continue from; None begins afresh from the base."""
    save_every: int = 4
    """Steps between checkpoints."""
    threads: int = 1


class Step(Record):
    """One optimizer step."""

    step: int
    steps: int
    labelled: float
    """Share of its prompts whose vote was a label."""
    agreement: float
    """Mean agreement of the votes."""
    reward: float
    """Mean reward of the labelled prompts."""
    label_accuracy: float | None
    """Of the labels, the share that is known to be right; None where nothing is known. Logged, never learnt from."""
    kl: float | None = None
    entropy: float | None = None
    seconds: float = 0.0
