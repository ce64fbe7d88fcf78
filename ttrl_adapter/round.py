"""One round: pool → base votes → train → gate. No torch here; the training runs in its own environment.

A round is a folder, and each stage leaves its file there: killed and started again, it goes on with the stage that it
was in. Nothing outside of the folder changes: who publishes the adapter, and whether, is not the round's business.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from agent.errors import AdapterError
from memory.records import Record, Verdict
from ttrl_adapter.canary_tests import CanaryTests, Examined
from ttrl_adapter.gate import GateRules, judge
from ttrl_adapter.policies import Policies
from ttrl_adapter.pool import MOST_EXERCISES, MOST_VOTED, Pool, distinct, in_band
from ttrl_adapter.records import Exercise, Poll, Recipe, Step, TrainJob
from ttrl_adapter.reward import count_votes
from ttrl_adapter.training import is_trained, prepare, run, steps
from ttrl_adapter.voting import Sampler, poll

CHOSEN, VERDICT, CANARIES, DONE = "chosen.json", "verdict.json", "canaries.json", "done.json"
POLLS, EXAMINED = "polls.json", "examined.json"
MOST_CANARIES = 64
LEAST_EXERCISES = 16
"""Fewer are not worth a training."""
CANARY_TEMPERATURE = 0.8
"""That of the embedded policy's free samples."""
_BATCH = 32
ASKED_AT_MOST = 8
"""Times as many exercises as are wanted are asked at most."""

Tell = Callable[[str, int, int], None]
"""Stage, done, of how many."""


@dataclass(frozen=True)
class RoundContext:
    """What a round works with."""

    model: Path
    """Folder of the base model, in Hugging Face format."""
    policies: Policies
    """The same model, to be asked."""
    active: Path | None
    """Folder of the adapter that would be replaced."""
    recipe: Recipe
    tell: Tell
    active_id: str | None = None
    continues: bool = False
    """Begin from the active adapter instead of the base; drift adds up, so it has to be asked for."""
    exercises: int = MOST_EXERCISES
    voted: int = MOST_VOTED
    """Of these, how many at most that only votes can label."""
    canaries: int = MOST_CANARIES
    processes: int = 1
    alone: Callable[[], AbstractContextManager[object]] = nullcontext
    """Held while the training runs: who else wants the machine's memory is stopped."""
    tests: CanaryTests | None = None
    """Judges answers to canaries besides their exact form."""
    rules: GateRules = GateRules()

    @property
    def pool_size(self) -> int:
        """Exercises that a pool needs for a round: of those that only votes can label, few are in the band."""
        if self.recipe.signal == "tests":
            return self.exercises
        return ASKED_AT_MOST * min(self.exercises, self.voted)


class Chosen(Record):
    """What a round learns from."""

    schema_version: int = 1
    exercises: tuple[Exercise, ...]
    base_votes: dict[str, str]
    asked: int
    """Exercises on which the base voted."""
    replayed: int
    """Of the exercises, those from earlier rounds."""

    @property
    def data_hash(self) -> str:
        return hashlib.sha256(" ".join(exercise.id for exercise in self.exercises).encode()).hexdigest()[:16]


class Polls(Record):
    """What was said to the canaries: by the base, by the new adapter, and by the active one where there is one."""

    schema_version: int = 1
    polls: tuple[tuple[Poll, ...], ...]


class Done(Record):
    """The last file of a round."""

    published: str | None
    """Id of its adapter; None where there was none to publish."""


@dataclass(frozen=True)
class RoundResult:
    """What came of a round; no adapter where there was too little to learn from, or the training diverged."""

    chosen: Chosen
    adapter: Path | None
    verdict: Verdict
    steps: list[Step]

    @property
    def metrics(self) -> dict[str, float]:
        """What the training measured, for the adapter's record."""
        if not self.steps:
            return {}
        last = self.steps[-1]
        found = {
            "exercises": float(len(self.chosen.exercises)),
            "steps": float(last.step),
            "labelled": sum(s.labelled for s in self.steps) / len(self.steps),
            "agreement_first": self.steps[0].agreement,
            "agreement_last": last.agreement,
            "seconds": sum(s.seconds for s in self.steps),
        }
        return found | ({} if last.kl is None else {"kl": last.kl})


def run_round(folder: Path, pool: Callable[[], Pool], replay: Sequence[Chosen], context: RoundContext) -> RoundResult:
    """Do what is left of the round in the folder. `pool` is asked only where nothing has been chosen yet.

    Raises ConfigError where there is no trainer or it fails, ModelError and AdapterError where a model is broken."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / CHOSEN).exists():
        made = pool()
        canaries = tuple(distinct(made.canaries)[: context.canaries])
        _write(folder / CANARIES, Chosen(exercises=canaries, base_votes={}, asked=0, replayed=0))
        worth_it = len(canaries) >= context.rules.least_canaries
        _write(folder / CHOSEN, choose(made.exercises if worth_it else [], replay, context))
    chosen = Chosen.model_validate_json((folder / CHOSEN).read_bytes())
    canaries = Chosen.model_validate_json((folder / CANARIES).read_bytes()).exercises
    why_not = _too_little(chosen, canaries, context)
    if why_not:
        return RoundResult(chosen, None, Verdict(passed=False, reasons=(why_not,)), [])
    training = folder / "training"
    start = str(context.active) if context.continues and context.active else None
    job = TrainJob(model=str(context.model.resolve()), recipe=context.recipe, base_votes=chosen.base_votes, start=start)
    prepare(training, job, chosen.exercises)
    with nullcontext() if is_trained(training) else context.alone():
        adapter = run(training, lambda step: context.tell("training", step.step, step.steps), context.processes)
    try:
        if not (folder / VERDICT).exists():
            _write(folder / VERDICT, _judge(folder, adapter, canaries, context))
    except AdapterError as error:
        if error.folder != adapter:
            raise
        diverged = Verdict(passed=False, reasons=(f"the training diverged: {error.reason}",))
        return RoundResult(chosen, None, diverged, steps(training))
    verdict = Verdict.model_validate_json((folder / VERDICT).read_bytes())
    return RoundResult(chosen, adapter, verdict, steps(training))


def finish(folder: Path, published: str | None) -> None:
    """Nothing is left to do in the round; `published` is the adapter's id."""
    _write(folder / DONE, Done(published=published))


def choose(exercises: Sequence[Exercise], replay: Sequence[Chosen], context: RoundContext) -> Chosen:
    """The exercises of the round: up to half of them those that earlier rounds were promoted with, then new ones. Those
    that only a vote can label come first, at most MOST_VOTED: they are asked until so many are in the band. Where tests
    tell answers apart there is nothing to ask beforehand."""
    old = distinct(exercise for earlier in replay for exercise in earlier.exercises)
    votes = {id: vote for earlier in replay for id, vote in earlier.base_votes.items()}
    rng = random.Random(context.recipe.seed)
    old = rng.sample(old, min(len(old), context.exercises // 2))
    known = {exercise.id for exercise in old}
    fresh = [exercise for exercise in distinct(exercises) if exercise.id not in known]
    by_tests = context.recipe.signal == "tests"
    voted = [exercise for exercise in fresh if not (by_tests and exercise.passed)]
    tested = [exercise for exercise in fresh if by_tests and exercise.passed]
    wanted = min(context.exercises - len(old), context.voted)
    new: list[Exercise] = []
    asked = 0
    for start in range(0, min(len(voted), ASKED_AT_MOST * wanted), _BATCH):
        some = voted[start : start + _BATCH]
        polls = ask(context.policies.base, some, context.recipe, context.recipe.temperature, start)
        ballots = [count_votes(said, exercise) for said, exercise in zip(polls, some, strict=True)]
        kept, winners = in_band(some, ballots)
        new, votes, asked = new + kept, votes | winners, asked + len(some)
        context.tell("choosing", min(len(new), wanted), wanted)
        if len(new) >= wanted:
            break
    chosen = [*old, *new[:wanted], *tested][: context.exercises]
    return Chosen(
        exercises=tuple(chosen),
        base_votes={exercise.id: votes[exercise.id] for exercise in chosen if exercise.id in votes},
        asked=asked,
        replayed=len(old),
    )


def ask(
    sampler: Sampler, exercises: Sequence[Exercise], recipe: Recipe, temperature: float, offset: int = 0
) -> list[Poll]:
    """What a policy says to each exercise."""
    seed = recipe.seed * 1_000_003 + offset
    return poll(sampler, exercises, recipe.votes, temperature, seed, max_tokens=recipe.max_tokens)


def round_folders(rounds: Path) -> list[Path]:
    """Of the rounds of one model, named after their numbers, the oldest first."""
    return sorted(rounds.glob("[0-9]*"), key=lambda folder: int(folder.name))


def promoted_rounds(rounds: Path) -> list[Chosen]:
    """What the rounds learnt from that the gate let pass, the oldest first."""
    found = []
    for folder in round_folders(rounds):
        if (folder / VERDICT).exists() and Verdict.model_validate_json((folder / VERDICT).read_bytes()).passed:
            found.append(Chosen.model_validate_json((folder / CHOSEN).read_bytes()))
    return found


def _judge(folder: Path, adapter: Path, canaries: Sequence[Exercise], context: RoundContext) -> Verdict:
    if not (folder / POLLS).exists():
        _write(folder / POLLS, Polls(polls=tuple(_ask_canaries(adapter, canaries, context))))
    polls = Polls.model_validate_json((folder / POLLS).read_bytes()).polls
    known = _examined(folder, canaries, polls, context)
    base, new, *old = [[count_votes(p, e) for p, e in zip(said, known, strict=True)] for said in polls]
    verdict = judge(base, old[0] if old else base, new, context.rules, context.active_id)
    by_tests = sum(after != before for before, after in zip(canaries, known, strict=True))
    return verdict.model_copy(update={"numbers": {**verdict.numbers, "judged by tests": by_tests}})


def _ask_canaries(adapter: Path, canaries: Sequence[Exercise], context: RoundContext) -> Iterator[tuple[Poll, ...]]:
    """Base, new and active adapter, one after the other: not every server answers for two at once without mistakes."""
    folders = [None, adapter, *([context.active] if context.active else [])]
    for number, folder in enumerate(folders):
        context.tell("judging", number, len(folders))
        with ExitStack() as holding:
            policies = context.policies
            sampler = holding.enter_context(policies.adapted(folder)) if folder else policies.base
            yield tuple(ask(sampler, canaries, context.recipe, CANARY_TEMPERATURE, 500_000))


def _examined(
    folder: Path, canaries: Sequence[Exercise], polls: Sequence[Sequence[Poll]], context: RoundContext
) -> Sequence[Exercise]:
    """The canaries with what the repository's tests say of the answers."""
    if context.tests is None:
        return canaries
    context.tell("testing", 0, len(canaries))
    file = folder / EXAMINED
    kept = Examined.model_validate_json(file.read_bytes()) if file.exists() else Examined()
    return context.tests.examine(canaries, polls, kept, lambda examined: _write(file, examined))


def _too_little(chosen: Chosen, canaries: Sequence[Exercise], context: RoundContext) -> str | None:
    least = context.rules.least_canaries
    if len(canaries) < least:
        return f"there are {len(canaries)} canaries to judge by, {least} are needed: the repository is too small"
    if len(chosen.exercises) < LEAST_EXERCISES:
        why = f": of {chosen.asked} voted on, the base agrees with itself on the rest too little or entirely"
        return (
            f"there are {len(chosen.exercises)} exercises to learn from, {LEAST_EXERCISES} are needed"
            f"{why if chosen.asked else ''}"
        )
    return None


def _write(path: Path, record: Record) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    part.replace(path)
