"""How often does the embedded policy repair a one-line bug in a function of a package that it never saw?

Functions of the packages in data/held_out.txt, each with one generated bug, or the small programs of classics.py with
theirs; the faulty line is among the marked ones.
An answer is right when it gives the original function back: stricter than tests, which would pass other repairs too.
"""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from math import inf
from pathlib import Path

from agent.errors import ConfigError
from agent.fix_templates import Variants
from agent.function_view import END, MARKS, answer, prompt, read_answer
from agent.policy import Policy
from agent.ranked_answers import TEMPERATURE, TEMPLATE_SHARE, Asked, complete
from evals.charts import Chart, Series
from evals.classics import Classic
from evals.tables import Column, Table
from memory.records import Record
from ttrl_adapter.bugs import Bug, break_function, difference
from ttrl_adapter.corpus import read_functions, units_of
from ttrl_adapter.gate import pass_at_k
from ttrl_adapter.pool import marked_lines


class Repair(Record):
    """How one broken function went."""

    kind: str
    marks: int
    prompt_tokens: int
    samples: int
    right: int
    """Free samples that gave the original back."""
    majority_right: bool
    """Whether the most frequent free sample is right; the earliest of the most frequent ones."""
    nats: float
    """-log p of the right answer, its end included: a measure that samples do not blur."""
    rank: int | None
    """The place of the right one among the command's answers, in the order in which it checks them; None where it is
    not among them."""
    distinct: int
    """Different answers of the command."""


@dataclass(frozen=True)
class Case:
    """A broken function and its marked lines."""

    bug: Bug
    marked: tuple[int, ...]

    @property
    def question(self) -> str:
        return prompt(self.bug.broken, self.marked)

    @property
    def answer(self) -> str:
        """The right one, without its end."""
        return answer(self.bug.fixed, self.bug.broken, self.marked, self.bug.line)

    @property
    def unchanged(self) -> str:
        """The faulty line as an answer."""
        line = self.bug.broken[self.bug.line]
        return answer([line], self.bug.broken, self.marked, self.bug.line)

    @property
    def original(self) -> list[str]:
        return [*self.bug.broken[: self.bug.line], *self.bug.fixed, *self.bug.broken[self.bug.line + 1 :]]


def fetch_held_out(folder: Path) -> list[Path]:
    """The wheels of the held-out packages in `folder`, fetched with pip where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [line for line in (files("evals") / "data" / "held_out.txt").read_text().splitlines() if line[:1] != "#"]
    if len(list(folder.glob("*.whl"))) < len(names):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run([*command, "--dest", str(folder), *names], capture_output=True, text=True)
        if done.returncode:
            raise ConfigError(f"pip cannot fetch the held-out packages: {done.stderr.strip().splitlines()[-1]}")
    return sorted(folder.glob("*.whl"))


def make_cases(wheels: Sequence[Path], count: int, marks: int, seed: int) -> list[Case]:
    """`count` broken functions with `marks` marked lines (fewer where the function is shorter)."""
    rng = random.Random(seed)
    functions = sorted(text for text in read_functions(wheels) if text.startswith(("def ", "async def ")))
    rng.shuffle(functions)
    cases: list[Case] = []
    for text in functions:
        bug = break_function(text, rng)
        if bug is None or len(cases) == count:
            continue
        cases.append(Case(bug, tuple(marked_lines(bug, marks, rng))))
    return cases


def classic_cases(classics: Sequence[Classic], marks: int, seed: int) -> list[Case]:
    """The same of the programs of classics.py, whose bugs were written by hand: those within one function."""
    rng = random.Random(seed)
    cases = []
    for classic in classics:
        right, wrong = (list(units_of(text, frozenset())) for text in (classic.fixed_program, classic.program))
        changed = [(r, w) for r, w in zip(right, wrong, strict=True) if r != w]
        if len(changed) == 1:
            bug = difference(classic.bug.kind, *(text.split("\n") for text in changed[0]))
            if bug:
                cases.append(Case(bug, tuple(marked_lines(bug, marks, rng))))
    return cases


@dataclass(frozen=True)
class Sampling:
    """How the answers are drawn; the defaults are the command's."""

    samples: int = 64
    temperature: float = TEMPERATURE
    template_share: float = TEMPLATE_SHARE
    """Share of the answers that is held to the templates of agent/fix_templates.py."""
    seed: int = 0


def measure(cases: Sequence[Case], policy: Policy, sampling: Sampling) -> Iterator[Repair]:
    """Sample answers for every case that the policy can read, and count the right ones."""
    for i, case in enumerate(cases):
        if policy.count(case.question) + 64 <= policy.limit:
            yield _attempt(case, policy, replace(sampling, seed=sampling.seed + i))


RATES = ("pass@1", "maj@n", "pass@8", "pass@64", "first", "first 8", "any")


def table(repairs: Sequence[Repair]) -> Table:
    """A row for all, then for each kind of bug."""
    return Table(
        name="repair",
        caption="In per cent: pass@k and maj@n of free samples; first, first 8 and any of the command's answers in the "
        "order of its checks. Nats of the right answer.",
        columns=(
            *(Column(name="kind of bug"), Column(name="n")),
            *(Column(name=name, format=".1f") for name in RATES),
            Column(name="nats", format=".2f"),
        ),
        rows=tuple(
            (name, len(group), *(100 * value for value in rates(group)), surprise(group))
            for name, group in _by_kind(repairs).items()
        ),
    )


def chart(repairs: Sequence[Repair]) -> Chart:
    """The command's answers by kind of bug."""
    groups = _by_kind(repairs)
    series = tuple(
        Series(label=name, y=tuple(rates(group)[RATES.index(name)] for group in groups.values()))
        for name in ("first", "first 8", "any")
    )
    return Chart(
        name="repair", title="The right answer is the command's first, among its first 8, among all",
        x_label="kind of bug", y_label="functions", kind="bars", categories=tuple(groups), series=series,
        y_range=(0.0, 1.0), percent=True,
    )  # fmt: skip


def scores(repairs: Sequence[Repair]) -> dict[str, float]:
    """For each function, by its place, whether the right answer is among the command's first 8."""
    return {f"{place:04}": float(one.rank is not None and one.rank <= 8) for place, one in enumerate(repairs)}


def _by_kind(repairs: Sequence[Repair]) -> dict[str, list[Repair]]:
    kinds = sorted({one.kind for one in repairs})
    return {"all": list(repairs), **{kind: [one for one in repairs if one.kind == kind] for kind in kinds}}


def rates(group: Sequence[Repair]) -> list[float]:
    """Means over functions: pass@1, majority, pass@8, pass@64 (as far as there are samples) of free samples, then the
    shares whose right answer is the command's first, among its first 8, and among all."""

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    return [
        mean([r.right / r.samples for r in group]),
        mean([float(r.majority_right) for r in group]),
        *(mean([pass_at_k(r.samples, r.right, min(k, r.samples)) for r in group]) for k in (8, 64)),
        *(mean([float(r.rank is not None and r.rank <= k) for r in group]) for k in (1, 8, inf)),
    ]


def surprise(group: Sequence[Repair]) -> float:
    """Mean nats of the right answer."""
    return sum(r.nats for r in group) / len(group)


def _attempt(case: Case, policy: Policy, sampling: Sampling) -> Repair:
    first = MARKS[: len(case.marked)]
    free = policy.sample(
        case.question, n=sampling.samples, temperature=sampling.temperature, seed=sampling.seed, first=first, stop=MARKS
    )
    drawn = Counter(c.text for c in free)
    asked = Asked(case.bug.broken, case.marked, (1.0,) * len(case.marked))
    told = complete(
        policy, [asked], sampling.samples, sampling.seed, sampling.temperature, sampling.template_share, judged=True
    )
    ranked = [answer.completion.text for answer in told]
    verdict = {text: _is_right(case, text) for text in {*drawn, *ranked}}
    return Repair(
        kind=case.bug.kind,
        marks=len(case.marked),
        prompt_tokens=policy.count(case.question),
        samples=sampling.samples,
        right=sum(number for text, number in drawn.items() if verdict[text]),
        majority_right=verdict[drawn.most_common(1)[0][0]],
        nats=-float(policy.score(case.question, [Variants(case.unchanged, (case.answer,))])[0]),
        rank=next((place for place, text in enumerate(ranked, 1) if verdict[text]), None),
        distinct=len(ranked),
    )


def _is_right(case: Case, text: str) -> bool:
    if text == case.answer + END:
        return True
    return read_answer(text.removesuffix(END), case.bug.broken, case.marked) == case.original
