"""Exercises and ballots made by hand, for the tests of this folder."""

from ttrl_adapter.bugs import Bug
from ttrl_adapter.pool import of_bug
from ttrl_adapter.records import Ballot, Exercise

BROKEN = ("def area(w, h):", "    unused = w", "    return w + h")


def area() -> Exercise:
    """`w + h` where `w * h` is right; the last two lines are marked."""
    return of_bug(Bug("arithmetic", BROKEN, 2, ("    return w * h",)), (1, 2))


def text_exercise(**fields: object) -> Exercise:
    return Exercise.model_validate({"id": "t", "prompt": "p", **fields})


def ballot(
    name: str, right: int, samples: int = 64, winner: str | None = "w", agreement: float = 0.5, distinct: int = 10,
    tokens: float = 12.0,
) -> Ballot:  # fmt: skip
    return Ballot(
        exercise=name, samples=samples, winner=winner, agreement=agreement, right=right, right_winner=right > 32,
        distinct=distinct, abstentions=0, tokens=tokens,
    )  # fmt: skip
