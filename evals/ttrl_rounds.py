"""Many rounds in a row with the gate on: does what is active ever get worse?

The rounds are those of `sleepwright train` (ttrl_adapter/round.py), each with exercises of its own; what the gate let
pass is active in the next one. After each promotion the active policy is asked the held-out exercises. A collapse
would show there, whatever the gate and the policy's own agreement say.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from evals.charts import Chart, Series
from evals.run_folder import RunFolder
from evals.tables import Column, Table
from evals.ttrl_tasks import LearningTask
from memory.records import Record, Verdict
from ttrl_adapter.gate import pass_at_k
from ttrl_adapter.policies import LocalPolicies
from ttrl_adapter.pool import Pool
from ttrl_adapter.records import Recipe
from ttrl_adapter.reward import count_votes
from ttrl_adapter.round import Chosen, RoundContext, RoundResult, run_round
from ttrl_adapter.voting import Sampler, poll

SAMPLES = 64
MEASURES = ("pass@1 T=1", "greedy", "maj@64", "pass@64", "agreement")


class Played(Record):
    """One round and what was active after it: a line of `samples.jsonl`. Round 0 is the base."""

    number: int
    promoted: bool
    verdict: Verdict
    agreement: float | None
    """Of the votes in the last step of its training."""
    held_out: dict[str, float]
    """Measure to value, of what is active after the round."""


class Active(NamedTuple):
    """The adapter of the last promotion."""

    adapter: Path | None = None
    id: str | None = None


def play(
    task: LearningTask, recipe: Recipe, rounds: int, size: int, continues: bool, folder: RunFolder,
    tell: Callable[[str], None],
) -> None:  # fmt: skip
    """Rounds until there are so many; those that are in the folder are not done again."""
    played = read_played(folder)
    policies = LocalPolicies(task.model)
    place = folder.path / "rounds"
    if not played:
        held_out = ask_held_out(policies.base, task)
        _keep(
            Played(number=0, promoted=False, verdict=Verdict(passed=False), agreement=None, held_out=held_out), folder
        )
        played = read_played(folder)
    for number in range(len(played), rounds + 1):
        active = _active(place, played)
        context = RoundContext(
            model=task.model,
            policies=policies,
            active=active.adapter,
            active_id=active.id,
            recipe=recipe.model_copy(update={"seed": recipe.seed * 1000 + number}),
            tell=lambda stage, done, wanted: None,
            continues=continues,
            exercises=size,
            canaries=len(task.canaries),
        )
        pool = partial(_pool, task, number)
        replay = [_chosen(place, each.number) for each in played if each.promoted]
        result = run_round(place / f"{number:04}", pool, replay, context)
        played.append(_played(number, result, task, policies, played[-1]))
        _keep(played[-1], folder)
        tell(f"round {number}/{rounds}: {_in_words(played[-1])}")


def _pool(task: LearningTask, number: int) -> Pool:
    return Pool(task.draw(number), task.canaries)


def ask_held_out(sampler: Sampler, task: LearningTask) -> dict[str, float]:
    """The measures of a policy on the held-out exercises."""

    def ballots(samples: int, temperature: float) -> list[tuple[int, bool, float]]:
        polls = poll(sampler, task.held_out, samples, temperature, 7_000_003, max_tokens=task.recipe.max_tokens)
        found = [count_votes(said, exercise) for said, exercise in zip(polls, task.held_out, strict=True)]
        return [(ballot.right, ballot.right_winner, ballot.agreement) for ballot in found]

    drawn, greedy, count = ballots(SAMPLES, 1.0), ballots(1, 0.0), len(task.held_out)
    return {
        "pass@1 T=1": sum(right for right, _, _ in drawn) / SAMPLES / count,
        "greedy": sum(right for right, _, _ in greedy) / count,
        "maj@64": sum(is_right for _, is_right, _ in drawn) / count,
        "pass@64": sum(pass_at_k(SAMPLES, right, SAMPLES) for right, _, _ in drawn) / count,
        "agreement": sum(agreement for _, _, agreement in drawn) / count,
    }


def read_played(folder: RunFolder) -> list[Played]:
    return list(folder.read_records(Played))


def table(played: Sequence[Played], task: str) -> Table:
    """A row a round."""
    rows = []
    for each in played:
        n = each.verdict.numbers
        shown = "base" if not each.number else "promoted" if each.promoted else "; ".join(each.verdict.reasons)
        judged = (n.get("pass@1 before"), n.get("pass@1 after"))
        rows.append((each.number, *(each.held_out[name] for name in MEASURES), *judged, shown))
    worst = min(each.held_out["pass@1 T=1"] for each in played)
    promoted = sum(each.promoted for each in played)
    percent = [Column(name=name, format=".1%") for name in (*MEASURES, "canaries before", "canaries after")]
    return Table(
        name="rounds",
        caption=f"{task}: {len(played) - 1} rounds, {promoted} promoted; what is active after each, on held-out "
        f"exercises. pass@1 of the base {played[0].held_out['pass@1 T=1']:.1%}, at the end "
        f"{played[-1].held_out['pass@1 T=1']:.1%}, at worst {worst:.1%}. The gate's canaries: pass@1 of what was "
        "active before, and of the round's adapter.",
        columns=(Column(name="round"), *percent, Column(name="gate")),
        rows=tuple(rows),
    )


def chart(played: Sequence[Played], task: str) -> Chart:
    x = tuple(float(each.number) for each in played)
    series = [Series(label=name, x=x, y=tuple(each.held_out[name] for each in played)) for name in MEASURES]
    return Chart(
        name="rounds", title=f"{task}: what is active, on held-out exercises", x_label="round", y_label="share",
        series=tuple(series), y_range=(0.0, 1.0), percent=True,
    )  # fmt: skip


def _played(number: int, result: RoundResult, task: LearningTask, policies: LocalPolicies, before: Played) -> Played:
    promoted = result.verdict.passed and result.adapter is not None
    held_out = before.held_out
    if promoted and result.adapter:
        with policies.adapted(result.adapter) as sampler:
            held_out = ask_held_out(sampler, task)
    agreement = result.steps[-1].agreement if result.steps else None
    return Played(number=number, promoted=promoted, verdict=result.verdict, agreement=agreement, held_out=held_out)


def _active(place: Path, played: Sequence[Played]) -> Active:
    last = next((each.number for each in reversed(played) if each.promoted), None)
    return Active() if last is None else Active(place / f"{last:04}" / "training" / "adapter", f"round {last}")


def _chosen(place: Path, number: int) -> Chosen:
    return Chosen.model_validate_json((place / f"{number:04}" / "chosen.json").read_bytes())


def _keep(played: Played, folder: RunFolder) -> None:
    with folder.samples() as journal:
        journal.append(played.model_dump(mode="json"))


def _in_words(played: Played) -> str:
    what = "promoted" if played.promoted else f"rejected ({'; '.join(played.verdict.reasons)})"
    return f"{what}; active: pass@1 {played.held_out['pass@1 T=1']:.1%}, greedy {played.held_out['greedy']:.1%}"
