"""What `sleepwright eval ttrl` and `eval passk` learn and ask: a base model, and exercises in four disjoint parts."""

import random
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.errors import ConfigError
from agent.policy import SHIPPED, Policy
from evals.repair import fetch_held_out
from evals.run_folder import write_whole
from ttrl_adapter.corpus import read_functions
from ttrl_adapter.policies import LocalPolicies
from ttrl_adapter.pool import MOST_BUGS, MOST_PROMPT_TOKENS, distinct, exercise_id, self_made
from ttrl_adapter.records import Exercise, Recipe, Signal
from ttrl_adapter.round import Chosen, RoundContext, choose
from ttrl_adapter.training import trainer_python

DIGITS = 8
NO_PRIOR_DIGITS = 11
EPOCHS = 1.0
"""Of the repair task: how often each exercise is learnt from."""


NOTHING = Chosen(exercises=(), base_votes={}, asked=0, replayed=0)


@dataclass(frozen=True)
class Size:
    """How many exercises each part has."""

    adapted: int = 128
    held_out: int = 128
    canaries: int = 64


@dataclass(frozen=True)
class LearningTask:
    """One seed of a task."""

    name: str
    model: Path
    adapted: list[Exercise]
    """Learnt from, without their answers: where the base's votes say something."""
    tested: list[Exercise]
    """Learnt from with their answers as tests: where these say something."""
    base_votes: dict[str, str]
    held_out: list[Exercise]
    canaries: list[Exercise]
    recipe: Recipe
    no_prior: list[Exercise]
    """Of the same form, and beyond the base: nothing to agree on."""
    draw: Callable[[int], list[Exercise]]
    """What a round of this number may choose from; nothing of it is held out."""
    twins: Mapping[str, Exercise] = field(default_factory=dict)
    """By the id of what may be learnt from: another bug in the same function, which nothing is learnt from."""


def sorting(folder: Path, size: Size, seed: int, tell: Callable[[str], None]) -> LearningTask:
    """Digits to sort, and a tiny model that does it half the time."""
    model = folder / "model"
    if not (model / "tokenizer_config.json").exists():
        tell("teaching the tiny model")
        command = [trainer_python(), "-m", "evals.sorting_model", "--out", str(model), "--seed", str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
        if done.returncode:
            raise ConfigError(f"the tiny model cannot be made: {done.stderr.strip().splitlines()[-1]}")
    rng = random.Random(f"sorting {seed}")
    fresh = distinct(_sorting(rng, DIGITS) for _ in range(4 * (size.adapted + size.held_out + size.canaries)))
    held_out, canaries = fresh[: size.held_out], fresh[size.held_out :][: size.canaries]
    chosen = _adapted(folder, model, fresh[size.held_out + size.canaries :], size, "vote", seed, tell)
    recipe = Recipe(seed=seed, prompts_per_step=16, trained=16, epochs=10, learning_rate=1e-3, max_tokens=DIGITS + 4)
    no_prior = [_sorting(rng, NO_PRIOR_DIGITS) for _ in range(size.adapted)]
    kept = {exercise.id for exercise in (*held_out, *canaries)}

    def draw(number: int) -> list[Exercise]:
        own = random.Random(f"sorting {seed} round {number}")
        drawn = distinct(_sorting(own, DIGITS) for _ in range(4 * size.adapted))
        return [exercise for exercise in drawn if exercise.id not in kept]

    adapted = list(chosen.exercises)
    return LearningTask(
        "sorting", model, adapted, adapted, chosen.base_votes, held_out, canaries, recipe, no_prior, draw
    )


def repair(
    folder: Path,
    wheels: Path,
    size: Size,
    seed: int,
    tell: Callable[[str], None],
    signals: Collection[Signal],
    epochs: float = EPOCHS,
) -> LearningTask:
    """One-line bugs in functions of packages that the embedded policy never saw; exercises for what is rewarded."""
    policy = Policy()
    functions = sorted(t for t in read_functions(fetch_held_out(wheels)) if t.startswith(("def ", "async def ")))
    held_out, canaries, rest, twins = shared_out(
        functions, size, seed, lambda prompt: policy.count(prompt) <= MOST_PROMPT_TOKENS
    )
    by_vote = _adapted(folder, SHIPPED, rest, size, "vote", seed, tell) if set(signals) - {"tests"} else NOTHING
    by_tests = _adapted(folder, SHIPPED, rest, size, "tests", seed, tell) if "tests" in signals else NOTHING
    recipe = Recipe(seed=seed, epochs=epochs)

    def draw(number: int) -> list[Exercise]:
        return random.Random(f"repair {seed} round {number}").sample(rest, len(rest))

    votes = {**by_tests.base_votes, **by_vote.base_votes}
    adapted, tested = list(by_vote.exercises), list(by_tests.exercises)
    return LearningTask("repair", SHIPPED, adapted, tested, votes, held_out, canaries, recipe, [], draw, twins)


class Parts(NamedTuple):
    """Bugs in functions; no function is in two of the first three."""

    held_out: list[Exercise]
    canaries: list[Exercise]
    rest: list[Exercise]
    """What may be learnt from: each function has one bug before any has two."""
    twins: dict[str, Exercise]
    """Other bugs in the functions of `rest`, by the id of the first one there."""


def shared_out(functions: Sequence[str], size: Size, seed: int, fits: Callable[[str], bool]) -> Parts:
    """Held out and canaries are the same for all seeds."""
    shuffled = list(functions)
    random.Random(0).shuffle(shuffled)
    rng = random.Random(0)
    of_function: dict[str, tuple[str, Exercise]] = {}
    for text in shuffled:
        for made in self_made([text], rng):
            if fits(made.prompt):
                of_function.setdefault(made.id, (text, made))
    asked = size.held_out + size.canaries
    fixed = [made for _, made in of_function.values()][:asked]
    learnt = list(of_function.values())[asked:]
    rest = [made for _, made in learnt]
    random.Random(f"repair {seed}").shuffle(rest)
    for number in range(1, MOST_BUGS):
        again = random.Random(f"repair {seed} bug {number}")
        more = self_made(again.sample([text for text, _ in learnt], len(learnt)), again)
        rest += [made for made in more if fits(made.prompt)]
    rest = distinct(rest)
    known = {made.id for made in rest}
    rng = random.Random(f"repair {seed} twins")
    twins = {made.id: twin for text, made in learnt for twin in self_made([text], rng) if fits(twin.prompt)}
    twins = {id: twin for id, twin in twins.items() if twin.id not in known}
    return Parts(fixed[: size.held_out], fixed[size.held_out :], rest, twins)


def _adapted(
    folder: Path,
    model: Path,
    candidates: Sequence[Exercise],
    size: Size,
    signal: Signal,
    seed: int,
    tell: Callable[[str], None],
) -> Chosen:
    """As a round does it: the base votes, and what something can be learnt from by this signal is kept. Once."""
    file = folder / f"chosen-{signal}.json"
    if not file.exists():
        context = RoundContext(
            model=model,
            policies=LocalPolicies(model),
            active=None,
            recipe=Recipe(signal=signal, seed=seed),
            tell=lambda stage, done, wanted: tell(f"{stage} {done}/{wanted}"),
            exercises=size.adapted,
            voted=size.adapted,
        )
        chosen = choose(candidates, [], context)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, chosen.model_dump_json())
    return Chosen.model_validate_json(file.read_bytes())


def _sorting(rng: random.Random, digits: int) -> Exercise:
    text = "".join(rng.choice("0123456789") for _ in range(digits))
    right = "".join(sorted(text))
    return Exercise(id=exercise_id(text), prompt=f"{text}>", passed=(right,), answer=right)
