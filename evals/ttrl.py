"""Does a policy get better by learning from its own agreement, and does the gate tell when it does not?

Arms of one seed share the base model, the exercises and the sampling. All that was said is kept in `samples.jsonl`:
the tables are made from it alone, without a model (`--from`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent.lora import open_lora
from agent.policy import Policy
from agent.weight_file import shapes_of_model
from evals.charts import Chart, Series
from evals.paired import bootstrap_mean
from evals.run_folder import RunFolder
from evals.tables import Column, Table
from evals.ttrl_tasks import LearningTask
from memory.records import Record, Verdict
from ttrl_adapter.gate import judge, pass_at_k
from ttrl_adapter.pool import distinct
from ttrl_adapter.records import Ballot, Exercise, Poll, Recipe, Signal, Step, TrainJob
from ttrl_adapter.reward import count_votes
from ttrl_adapter.training import prepare, run, steps
from ttrl_adapter.voting import poll

SAMPLES = 64
BASE = "base"
COLLAPSE = "TTRL, no anchor, high rate"
KS = (1, 2, 4, 8, 16, 32, 64)

Split = Literal["held-out", "adapted", "practised", "canaries"]
"""Practised: other bugs in functions that were learnt from."""


@dataclass(frozen=True)
class Arm:
    """What is changed of the task's recipe."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    times_rate: float = 1.0
    """Of the recipe's learning rate."""
    on_no_prior: bool = False

    def recipe(self, task: LearningTask) -> Recipe:
        rate = task.recipe.learning_rate * self.times_rate
        return task.recipe.model_copy(update={**self.changes, "learning_rate": rate})


ARMS = {
    "TTRL": Arm({"signal": "vote"}),
    COLLAPSE: Arm({"signal": "vote", "anchored": False, "least_agreement": 0.0, "beta": 0.0}, times_rate=10),
    "true labels": Arm({"signal": "tests"}),
    "random reward": Arm({"signal": "random"}),
    "no prior": Arm({"signal": "vote"}, on_no_prior=True),
    "distilled": Arm({"signal": "distil"}),
}


_LEARNERS = ("TTRL", "true labels")
"""An arm for each of the two sets that arms learn from."""


def signals_of(arms: Iterable[str]) -> frozenset[Signal]:
    """What the arms reward."""
    return frozenset(ARMS[arm].changes["signal"] for arm in arms)


class Asked(Record):
    """What an arm said to one exercise: a line of `samples.jsonl`."""

    seed: int
    arm: str
    split: Split
    poll: Poll
    ballot: Ballot


class Trained(Record):
    """What came of an arm's training: a line of `trained.jsonl`."""

    seed: int
    arm: str
    steps: tuple[Step, ...]
    verdict: Verdict


Tell = Callable[[str], None]


def run_seed(
    task: LearningTask, arms: Sequence[str], seed: int, folder: RunFolder, workspace: Path, tell: Tell
) -> None:
    """Train and ask every arm of one seed; what is in the folder already is not done again."""
    done = {(one.seed, one.arm) for one in folder.read_records(Trained, "trained")}
    if (seed, BASE) not in done:
        _ask_all(BASE, Policy(task.model), task, seed, folder, tell)
        with folder.samples("trained") as journal:
            journal.append(_trained(seed, BASE, [], Verdict(passed=False)))
    base = _ballots(folder, seed, BASE, "canaries")
    for name in arms:
        if (seed, name) in done or (ARMS[name].on_no_prior and not task.no_prior):
            continue
        adapter = train_arm(name, task, workspace, seed, tell)
        policy = Policy(task.model, open_lora(adapter, shapes_of_model(task.model)))
        _ask_all(name, policy, task, seed, folder, tell)
        new = _ballots(folder, seed, name, "canaries")
        with folder.samples("trained") as journal:
            journal.append(_trained(seed, name, steps(adapter.parent), judge(base, base, new)))


def asked_again(name: str, task: LearningTask) -> list[Exercise]:
    """Of what an arm learns from, as many as are held out; for the base, those of all arms."""
    if name == BASE:
        return distinct(one for arm in _LEARNERS for one in asked_again(arm, task))
    return learnt(name, task)[: len(task.held_out)]


def practised(name: str, task: LearningTask) -> list[Exercise]:
    """As many bugs as are held out that an arm has not seen, in functions that it has practised on; for the base, those
    of all arms."""
    if name == BASE:
        return distinct(one for arm in _LEARNERS for one in practised(arm, task))
    return [task.twins[one.id] for one in learnt(name, task) if one.id in task.twins][: len(task.held_out)]


def learnt(name: str, task: LearningTask) -> list[Exercise]:
    """What an arm learns from, of the exercises that the base is asked too."""
    if ARMS[name].on_no_prior:
        return []
    return task.tested if ARMS[name].changes.get("signal") == "tests" else task.adapted


def train_arm(name: str, task: LearningTask, workspace: Path, seed: int, tell: Tell) -> Path:
    """The adapter's folder; trained only where that was not finished before."""
    arm = ARMS[name]
    folder = workspace / f"{seed}-{_plain(name)}"
    exercises, votes = learnt(name, task), task.base_votes
    if arm.on_no_prior:
        exercises = task.no_prior
        polls = poll(Policy(task.model), exercises, SAMPLES, 1.0, 0)
        ballots = [count_votes(p, e) for p, e in zip(polls, exercises, strict=True)]
        votes = {ballot.exercise: ballot.winner for ballot in ballots if ballot.winner is not None}
    prepare(folder, TrainJob(model=str(task.model), recipe=arm.recipe(task), base_votes=votes), exercises)
    return run(folder, lambda s: tell(f"{name}: step {s.step}/{s.steps}, labelled {s.labelled:.0%}"))


def _ask_all(name: str, policy: Policy, task: LearningTask, seed: int, folder: RunFolder, tell: Tell) -> None:
    """Greedy, at 0.6 and at 1.0 on the held-out exercises; at 1.0 on the canaries; greedy and at 1.0 on those that it
    learnt from, and at 1.0 on other bugs in their functions, the base on those of all arms."""
    plan: list[tuple[Split, list[Exercise], int, float]] = [
        ("held-out", task.held_out, 1, 0.0),
        ("held-out", task.held_out, SAMPLES, 0.6),
        ("held-out", task.held_out, SAMPLES, 1.0),
        ("canaries", task.canaries, SAMPLES, 1.0),
        ("adapted", asked_again(name, task), 1, 0.0),
        ("adapted", asked_again(name, task), SAMPLES, 1.0),
        ("practised", practised(name, task), SAMPLES, 1.0),
    ]
    for split, exercises, samples, temperature in plan:
        tell(f"{name}: asking {len(exercises)} {split} at temperature {temperature}")
        polls = poll(policy, exercises, samples, temperature, 7_000_003 + 1_000 * seed)
        with folder.samples() as journal:
            for said, exercise in zip(polls, exercises, strict=True):
                ballot = count_votes(said, exercise)
                asked = Asked(seed=seed, arm=name, split=split, poll=said, ballot=ballot)
                journal.append(asked.model_dump(mode="json"))


def _trained(seed: int, arm: str, taken: Sequence[Step], verdict: Verdict) -> dict[str, Any]:
    return Trained(seed=seed, arm=arm, steps=tuple(taken), verdict=verdict).model_dump(mode="json")


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


# --- what the samples come to ---------------------------------------------------------------------------------------


def read_asked(folder: RunFolder) -> list[Asked]:
    """All samples; of what was asked twice, because it was killed in between, the later."""
    rows = folder.read_records(Asked)
    found = {(r.seed, r.arm, r.split, r.poll.temperature, r.poll.exercise): r for r in rows}
    return list(found.values())


def _ballots(folder: RunFolder, seed: int, arm: str, split: Split) -> list[Ballot]:
    return [a.ballot for a in read_asked(folder) if (a.seed, a.arm, a.split) == (seed, arm, split)]


MEASURES = ("pass@1 T=1", "pass@1 T=0.6", "greedy", "maj@64", "pass@8", "pass@64", "distinct", "tokens")


def measured(asked: Iterable[Asked], split: Split = "held-out") -> dict[tuple[str, str], dict[str, float]]:
    """(arm, measure) to values by exercise, means over the seeds that asked it."""
    every: dict[tuple[str, str], dict[str, list[float]]] = {}
    for row in asked:
        if row.split == split:
            for name, value in _values(row).items():
                every.setdefault((row.arm, name), {}).setdefault(row.poll.exercise, []).append(value)
    return {key: {e: sum(v) / len(v) for e, v in values.items()} for key, values in every.items()}


def _values(row: Asked) -> dict[str, float]:
    ballot = row.ballot
    share = ballot.right / ballot.samples
    if row.poll.temperature == 0:
        return {"greedy": share}
    if row.poll.temperature != 1:
        return {"pass@1 T=0.6": share}
    curve = {f"pass@{k}": pass_at_k(ballot.samples, ballot.right, k) for k in KS if 1 < k <= ballot.samples}
    return {
        "pass@1 T=1": share,
        "maj@64": float(ballot.right_winner),
        "distinct": float(ballot.distinct),
        "tokens": ballot.tokens,
        **curve,
    }


def tables(asked: Sequence[Asked], trained: Sequence[Trained], task: str) -> list[Table]:
    """What every arm comes to, and how far it is from the base; of a run under way, only seeds that all arms have."""
    had = {(row.seed, row.arm) for row in asked}
    whole = {seed for seed, _ in had if all((seed, arm) in had for _, arm in had)}
    asked = [row for row in asked if not whole or row.seed in whole]
    trained = [row for row in trained if not whole or row.seed in whole]
    values = measured(asked)
    arms = [arm for arm in (BASE, *ARMS) if any(key[0] == arm for key in values)]
    seeds = sorted({row.seed for row in asked})
    found = [
        _means(values, trained, arms, task, seeds),
        _differences(values, arms, "ttrl-differences", f"{task}: paired over the held-out exercises"),
    ]
    adapted = measured(asked, "adapted")
    if adapted:
        caption = f"{task}: the same on the very exercises that each arm learnt from, as TTRL is measured in its paper"
        found.append(_differences(adapted, arms, "ttrl-adapted", caption))
    others = measured(asked, "practised")
    if others:
        caption = f"{task}: other bugs, which nothing was learnt from, in functions that were practised on"
        found.append(_differences(others, arms, "ttrl-practised", caption))
    return found


def _means(
    values: Mapping[tuple[str, str], Mapping[str, float]],
    trained: Sequence[Trained],
    arms: Sequence[str],
    task: str,
    seeds: Sequence[int],
) -> Table:
    rows = []
    for arm in arms:
        cells = [sum(v.values()) / len(v) if (v := values.get((arm, name))) else None for name in MEASURES]
        runs = [t for t in trained if t.arm == arm and t.steps]
        accuracy = [a for t in runs for a in _last_labels(t.steps)]
        labels = sum(accuracy) / len(accuracy) if accuracy else None
        passed = f"{sum(t.verdict.passed for t in runs)}/{len(runs)}" if runs else ""
        rows.append((arm, *cells, labels, passed))
    percent = [Column(name=name, format=".1%") for name in MEASURES[:-2]]
    numbers = [Column(name=name, format=".1f") for name in MEASURES[-2:]]
    count = len({e for v in values.values() for e in v})
    return Table(
        name="ttrl",
        caption=f"{task}: {count} held-out exercises, means over the seeds {', '.join(map(str, seeds))}; label "
        "accuracy over the last quarter of the training; gate: promoted of all.",
        columns=(
            Column(name="arm"), *percent, *numbers, Column(name="label accuracy", format=".1%"), Column(name="gate")
        ),
        rows=tuple(rows),
    )  # fmt: skip


def _last_labels(taken: Sequence[Step]) -> list[float]:
    last = taken[-max(1, len(taken) // 4) :]
    return [step.label_accuracy for step in last if step.label_accuracy is not None]


def _differences(
    values: Mapping[tuple[str, str], Mapping[str, float]], arms: Sequence[str], table: str, caption: str
) -> Table:
    rows: list[tuple[str | float | None, ...]] = []
    for arm in arms:
        for name in MEASURES[:-2]:
            mine, base = values.get((arm, name)), values.get((BASE, name))
            if mine and base and arm != BASE:
                both = sorted(mine.keys() & base.keys())
                differences = [mine[e] - base[e] for e in both]
                low, high = bootstrap_mean(differences)
                before = sum(base[e] for e in both) / len(both)
                mean = sum(differences) / len(both)
                rows.append((arm, name, before, before + mean, mean, low, high, mean / before if before else None))
    headings = ("before", "after", "difference", "from", "to", "relative")
    formats = (".1%", ".1%", "+.1%", "+.1%", "+.1%", "+.0%")
    return Table(
        name=table,
        caption=f"{caption}; each is the mean over its seeds, with the 95 % bootstrap interval of the difference "
        "from the base.",
        columns=(
            Column(name="arm"),
            Column(name="measure"),
            *(Column(name=name, format=format) for name, format in zip(headings, formats, strict=True)),
        ),
        rows=tuple(rows),
    )


def chart(asked: Sequence[Asked], task: str) -> Chart:
    """pass@k of the arms at temperature 1."""
    values = measured(asked)
    series = []
    for arm in (BASE, *ARMS):
        known = [(k, v) for k in KS if (v := values.get((arm, f"pass@{k}" if k > 1 else "pass@1 T=1")))]
        if known:
            means = [sum(v.values()) / len(v) for _, v in known]
            ends = [bootstrap_mean(list(v.values())) for _, v in known]
            series.append(
                Series(
                    label=arm,
                    x=tuple(float(k) for k, _ in known),
                    y=tuple(means),
                    low=tuple(end.low for end in ends),
                    high=tuple(end.high for end in ends),
                )
            )
    return Chart(
        name="pass-at-k", title=f"{task}, held-out", x_label="k", y_label="pass@k", series=tuple(series),
        x_scale="log2", percent=True,
    )  # fmt: skip
