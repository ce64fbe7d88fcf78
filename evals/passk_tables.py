"""The study of pass@k, from kept samples alone. What is said, and how it was fixed beforehand:

- an adapter *samples more efficiently* where its pass@1 is above the base's, by more than the noise: the 95 % bootstrap
  interval of the difference, paired over the exercises, is above zero; *less efficiently* where it is below;
- it *can do more* only where its pass@kmax on held-out exercises is above the base's, both intervals apart;
- an exercise is *new* where the base solved it never, also when asked four times as often.
Everything is of the last checkpoint; none is chosen by its result.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from evals.charts import Chart, Series
from evals.estimates import Interval
from evals.paired import bootstrap_mean
from evals.passk import Studied
from evals.tables import Cell, Column, Table
from evals.ttrl import ARMS, BASE
from memory.records import Record
from ttrl_adapter.gate import pass_at_k

COVER = (0.1, 0.5, 0.9)
"""Cover@tau (arXiv 2510.08325): the share of exercises of whose samples at least tau are right."""


class Solved(Record):
    """Which exercises an arm solves at all, beside the base; seed and exercise id."""

    arm: str
    split: str
    both: tuple[str, ...]
    lost: tuple[str, ...]
    """Only the base."""
    new: tuple[str, ...]
    """Only the arm, and the base not when asked more often."""
    unclear: tuple[str, ...]
    """Only the arm, but the base too when asked more often."""
    neither: tuple[str, ...]
    flipped_wrong: tuple[str, ...]
    """The base's majority is right, the arm's is wrong."""
    flipped_right: tuple[str, ...]


def ks(most: int) -> list[int]:
    """Powers of two up to `most`."""
    return [2**i for i in range(most.bit_length()) if 2**i <= most]


def of(rows: Sequence[Studied], arm: str, split: str) -> dict[str, Studied]:
    """By seed and exercise."""
    return {_name(r): r for r in rows if (r.arm, r.split, r.top_up) == (arm, split, False)}


def curve(rows: Mapping[str, Studied], k: int) -> tuple[float, Interval]:
    """pass@k and its bootstrap interval over exercises, of which several seeds may have asked the same."""
    found = [(r.poll.exercise, pass_at_k(r.ballot.samples, r.ballot.right, k)) for r in rows.values()]
    return sum(value for _, value in found) / len(found), _over_exercises(found)


def _over_exercises(found: Sequence[tuple[str, float]]) -> Interval:
    """Of the mean, by bootstrap: what several seeds say of an exercise is one value."""
    every: dict[str, list[float]] = {}
    for exercise, value in found:
        every.setdefault(exercise, []).append(value)
    return bootstrap_mean([sum(values) / len(values) for values in every.values()])


def crossover(base: Mapping[str, Studied], arm: Mapping[str, Studied], most: int) -> int | None:
    """The smallest k at which the base is at least as good; None where it never is."""
    for k in range(1, most + 1):
        if curve_mean(base, k) >= curve_mean(arm, k):
            return k
    return None


def curve_mean(rows: Mapping[str, Studied], k: int) -> float:
    return sum(pass_at_k(r.ballot.samples, r.ballot.right, k) for r in rows.values()) / len(rows)


def solved(rows: Sequence[Studied], arm: str, split: str) -> Solved:
    base, mine = of(rows, BASE, split), of(rows, arm, split)
    more = {_name(r) for r in rows if r.top_up and r.split == split and r.ballot.right}
    names = sorted(base.keys() & mine.keys())
    found = {"both": [], "lost": [], "new": [], "unclear": [], "neither": []}  # type: dict[str, list[str]]
    for name in names:
        before, after = bool(base[name].ballot.right), bool(mine[name].ballot.right)
        place = {(True, True): "both", (True, False): "lost", (False, False): "neither"}.get((before, after))
        found[place or ("unclear" if name in more else "new")].append(name)
    flips = [(n, base[n].ballot.right_winner, mine[n].ballot.right_winner) for n in names]
    return Solved(
        arm=arm,
        split=split,
        flipped_wrong=tuple(n for n, before, after in flips if before and not after),
        flipped_right=tuple(n for n, before, after in flips if after and not before),
        **{place: tuple(ids) for place, ids in found.items()},
    )


def tables(rows: Sequence[Studied], task: str) -> list[Table]:
    """Curves, capacity, solvable sets, the histogram of accuracies, perplexities."""
    arms = [arm for arm in (BASE, *ARMS) if any(r.arm == arm for r in rows)]
    splits = [split for split in ("held-out", "adapted") if any(r.split == split for r in rows)]
    pairs = [(split, arm) for split in splits for arm in arms if of(rows, arm, split)]
    most = min(r.ballot.samples for r in rows)
    return [
        _curves(rows, pairs, most, task),
        _capacity(rows, pairs, most, task),
        _sets(rows, pairs, task),
        _histogram(rows, pairs, task),
        _surprises(rows, pairs, task),
    ]


def _curves(rows: Sequence[Studied], pairs: Sequence[tuple[str, str]], most: int, task: str) -> Table:
    lines: list[tuple[Cell, ...]] = []
    for split, arm in pairs:
        found = of(rows, arm, split)
        lines.append((split, arm, len(found), *(curve_mean(found, k) for k in ks(most))))
    return Table(
        name="pass-at-k",
        caption=f"{task}: pass@k, unbiased, of {most} samples an exercise; all seeds' exercises together.",
        columns=(*_words("split", "arm", "n"), *(Column(name=f"{k}", format=".1%") for k in ks(most))),
        rows=tuple(lines),
    )


def _capacity(rows: Sequence[Studied], pairs: Sequence[tuple[str, str]], most: int, task: str) -> Table:
    lines: list[tuple[Cell, ...]] = []
    for split, arm in pairs:
        mine = of(rows, arm, split)
        base = {name: row for name, row in of(rows, BASE, split).items() if name in mine}  # of a run under way
        one, interval = curve(mine, 1)
        far, ends = curve(mine, most)
        base_far, base_ends = curve(base, most)
        crossing = None if arm == BASE else crossover(base, mine, most)
        ballots = [r.ballot for r in mine.values()]
        covered = [sum(b.right >= tau * b.samples for b in ballots) / len(ballots) for tau in COVER]
        claim = "" if arm == BASE else _claim(base, mine, ends, base_ends)
        lines.append((
            split, arm, one, interval.low, interval.high, far, ends.low, ends.high, base_far - one,
            "" if arm == BASE else "none" if crossing is None else str(crossing),
            sum(b.right_winner for b in ballots) / len(ballots), *covered,
            sum(b.distinct for b in ballots) / len(ballots), sum(b.tokens for b in ballots) / len(ballots), claim,
        ))  # fmt: skip
    share, number = ".1%", ".1f"
    return Table(
        name="capacity",
        caption=f"{task}: pass@1 and pass@{most} with 95 % bootstrap intervals over exercises; gap: the base's "
        f"pass@{most} less the arm's pass@1; crossover: the k from which the base is as good; Cover@tau: exercises of "
        "whose samples at least tau are right.",
        columns=(
            *_words("split", "arm"),
            *(Column(name=n, format=share) for n in ("pass@1", "from", "to", f"pass@{most}", "from ", "to ", "gap")),
            Column(name="crossover"),
            *(Column(name=n, format=share) for n in (f"maj@{most}", *(f"cover@{tau}" for tau in COVER))),
            *(Column(name=n, format=number) for n in ("distinct", "tokens")),
            Column(name="may be said"),
        ),
        rows=tuple(lines),
    )


def _claim(base: Mapping[str, Studied], mine: Mapping[str, Studied], far: Interval, base_far: Interval) -> str:
    if far.low > base_far.high:
        return "can do more"
    before = {name: row.ballot.right / row.ballot.samples for name, row in base.items()}
    low, high = _over_exercises(
        [(row.poll.exercise, row.ballot.right / row.ballot.samples - before[name]) for name, row in mine.items()]
    )
    if low > 0:
        return "samples more efficiently"
    return "samples less efficiently" if high < 0 else "inside the noise"


def _sets(rows: Sequence[Studied], pairs: Sequence[tuple[str, str]], task: str) -> Table:
    found = [solved(rows, arm, split) for split, arm in pairs if arm != BASE]
    return Table(
        name="solvable",
        caption=f"{task}: exercises solved at least once by both, only by the base (lost), only by the adapter (new; "
        "unclear where the base does solve it when asked four times as often); majorities that turned wrong or right.",
        columns=(
            *_words("split", "arm"),
            *_words("both", "lost", "new", "unclear", "neither", "turned wrong", "turned right", "the new ones"),
        ),
        rows=tuple(
            (
                s.split, s.arm, len(s.both), len(s.lost), len(s.new), len(s.unclear), len(s.neither),
                len(s.flipped_wrong), len(s.flipped_right), " ".join(s.new),
            )
            for s in found
        ),
    )  # fmt: skip


def bins(shares: Sequence[float]) -> list[int]:
    """How many are 0, in each tenth between, and 1."""
    counts = [0] * 12
    for share in shares:
        counts[0 if share == 0 else 11 if share == 1 else 1 + min(9, int(share * 10))] += 1
    return counts


def _histogram(rows: Sequence[Studied], pairs: Sequence[tuple[str, str]], task: str) -> Table:
    headings = ("0", *(f"to {i / 10:.1f}" for i in range(1, 11)), "1")
    return Table(
        name="accuracies",
        caption=f"{task}: how many exercises have which share of right samples.",
        columns=_words("split", "arm", *headings),
        rows=tuple(
            (split, arm, *bins([r.ballot.right / r.ballot.samples for r in of(rows, arm, split).values()]))
            for split, arm in pairs
        ),
    )


def _surprises(rows: Sequence[Studied], pairs: Sequence[tuple[str, str]], task: str) -> Table:
    lines: list[tuple[Cell, ...]] = []
    for split, arm in pairs:
        known = [r.surprise for r in of(rows, arm, split).values() if r.surprise]
        if known:
            under_base = [p for s in known for p in s.under_base]
            own = median(p for s in known for p in s.under_self)
            right = median(s.right_under_base for s in known)
            lines.append((split, arm, len(under_base), median(under_base), own, right))
    return Table(
        name="perplexity",
        caption=f"{task}: median perplexity a token of an arm's different answers, under the base and under the arm; "
        "and of the right answers under the base.",
        columns=(
            *_words("split", "arm", "answers"),
            *(Column(name=n, format=".2f") for n in ("under the base", "under itself", "right answer under the base")),
        ),
        rows=tuple(lines),
    )


def charts(rows: Sequence[Studied], task: str) -> list[Chart]:
    """pass@k of each split, and the histogram of the held-out one."""
    most = min(r.ballot.samples for r in rows)
    found = []
    for split in ("held-out", "adapted"):
        series = []
        for arm in (BASE, *ARMS):
            mine = of(rows, arm, split)
            if mine:
                points = [curve(mine, k) for k in ks(most)]
                series.append(
                    Series(
                        label=arm,
                        x=tuple(float(k) for k in ks(most)),
                        y=tuple(value for value, _ in points),
                        low=tuple(ends.low for _, ends in points),
                        high=tuple(ends.high for _, ends in points),
                    )
                )
        if series:
            found.append(
                Chart(
                    name=f"pass-at-k-{split}", title=f"{task}, {split}", x_label="k", y_label="pass@k",
                    series=tuple(series), x_scale="log2", percent=True,
                )
            )  # fmt: skip
    return found


def _words(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name) for name in names)


def _name(row: Studied) -> str:
    return f"{row.seed}:{row.poll.exercise}"
