"""Proposes with the embedded policy: suspects -> marked views of their functions -> sampled repairs -> edits.

Most of the answers are the usual small changes of the marked lines (fix_templates.py) that the policy finds likeliest;
they never miscopy a line. The others are sampled freely: they can say what no template does.
"""

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent.edits import Edit, decode
from agent.errors import AdapterError, EditRefused
from agent.fix_templates import variants
from agent.function_view import END, MARKS, View, edit_between, parse, prompt, read_answer, repair, units, view_unit
from agent.localise import Localisation, Suspect
from agent.lora import open_stored
from agent.policy import SHIPPED, Completion, Policy
from agent.state import OutOfTime, Proposal
from memory.adapters import active_adapter
from memory.errors import StoreError
from memory.home import MemoryHome
from memory.records import Task, Tokens

NAME = "embedded"
MOST_QUESTIONS = 6
"""Functions (or parts of one) that are asked about in a run."""
MOST_MARKS = 6
"""Suspicious lines that are marked in one prompt."""
MOST_PROMPT_TOKENS = 224
"""As long as the prompts of its training."""
TEMPERATURE = 0.8
"""Better than 1.0 and 0.6 at 64 samples, docs/lab-notes.md."""


TEMPLATE_SHARE = 0.75
"""Of the answers, docs/lab-notes.md."""


@dataclass(frozen=True)
class Question:
    """One prompt: a view of the file at `path` with the marked lines, and its share of the samples."""

    path: str
    view: View
    marked: tuple[int, ...]
    weight: float
    around: ast.ClassDef | None
    """The class that the function belongs to."""


class EmbeddedProposer:
    """Implements `agent.state.Proposer` with the policy that is shipped in the package."""

    name = NAME

    def __init__(self, policy: Policy, adapter: str | None = None) -> None:
        """`adapter` is the id of the one that the policy was loaded with."""
        self._policy = policy
        self.adapter = adapter

    @classmethod
    def of_home(cls, home: MemoryHome, notice: Callable[[str], None]) -> Self:
        """With the adapter that is active there; where that cannot be used, `notice` is told."""
        try:
            if active := active_adapter(home, NAME):
                return cls(Policy(SHIPPED, open_stored(active, SHIPPED)), active.record.id)
        except (StoreError, AdapterError) as error:
            notice(f"{error} The embedded model answers without an adapter.")
        return cls(Policy())

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        """n proposals, shared out among the most suspicious functions by the square of their suspicion."""
        found: list[Proposal] = []
        asked = questions(worktree, localisation.suspects, self._fits)
        try:
            for i, (question, share) in enumerate(zip(asked, _shares([q.weight for q in asked], n), strict=True)):
                if share:
                    found += self._ask(question, share, seed + i)
                    progress(len(found))
        except OutOfTime:
            pass
        return found

    def _fits(self, view: View, marked: Sequence[int]) -> bool:
        return self._policy.count(prompt(view.lines, marked)) <= MOST_PROMPT_TOKENS

    def _ask(self, question: Question, n: int, seed: int) -> Iterator[Proposal]:
        began = time.monotonic()
        text = prompt(question.view.lines, question.marked)
        completions = complete(self._policy, question.view.lines, question.marked, n, seed, around=question.around)
        answers: dict[str, tuple[Edit | None, str | None]] = {}
        for completion in completions:
            if completion.text not in answers:
                answers[completion.text] = _read(question, completion)
        seconds = (time.monotonic() - began) / n
        for i, completion in enumerate(completions):
            edit, problem = answers[completion.text]
            once = Tokens(prompt=self._policy.count(text), calls=1) if i == 0 else Tokens()
            yield Proposal((edit,) if edit else (), problem, once + Tokens(completion=completion.tokens), seconds)


def complete(
    policy: Policy,
    lines: Sequence[str],
    marked: Sequence[int],
    n: int,
    seed: int,
    temperature: float = TEMPERATURE,
    template_share: float = TEMPLATE_SHARE,
    around: ast.AST | None = None,
) -> list[Completion]:
    """n answers to the prompt for these lines: those held to templates, the likeliest first, then free samples."""
    text = prompt(lines, marked)
    known = variants(lines, marked, around) if template_share else []
    held = policy.choose(text, known, n=round(n * template_share)) if any(line.changed for line in known) else []
    return held + policy.sample(
        text, n=n - len(held), temperature=temperature, seed=seed, first=MARKS[: len(marked)], stop=MARKS
    )


def questions(
    worktree: Path, suspects: Sequence[Suspect], fits: Callable[[View, Sequence[int]], bool]
) -> list[Question]:
    """What to ask about these suspects, most suspicious first, at most MOST_QUESTIONS."""
    files: dict[str, _File] = {}
    marks: dict[tuple[str, int], dict[int, float]] = {}
    for suspect in suspects:
        if suspect.path not in files:
            files[suspect.path] = _File(worktree / suspect.path)
        file = files[suspect.path]
        unit = file.unit_at(suspect.line)
        view = file.view(unit)
        line = view.line_of(suspect.line) if view else None
        if line is not None:
            marks.setdefault((suspect.path, unit), {}).setdefault(line, suspect.score)
    found = []
    for (path, unit), scores in marks.items():
        if view := files[path].view(unit):
            for chunk in _chunks(view, list(scores), fits):
                weight = max(scores[line] for line in chunk)
                found.append(Question(path, view, chunk, weight, files[path].class_of(unit)))
    return sorted(found, key=lambda q: -q.weight)[:MOST_QUESTIONS]


class _File:
    """The units of one file; views are made when first asked for."""

    def __init__(self, path: Path) -> None:
        try:
            self._source = decode(path.read_bytes()).text
        except (OSError, EditRefused):
            self._source = ""
        self._tree = parse(self._source)
        self._units = list(units(self._tree)) if self._tree else []
        self._views: dict[int, View | None] = {}

    def unit_at(self, line: int) -> int:
        """Index of the unit that holds a line; -1 where none does."""
        spans = ((unit[0].lineno, unit[-1].end_lineno or unit[-1].lineno) for unit in self._units)
        return next((i for i, (first, last) in enumerate(spans) if first <= line <= last), -1)

    def class_of(self, unit: int) -> ast.ClassDef | None:
        """The class whose body holds a unit."""
        first = self._units[unit][0]
        nodes = ast.walk(self._tree) if self._tree else ()
        return next((node for node in nodes if isinstance(node, ast.ClassDef) and first in node.body), None)

    def view(self, unit: int) -> View | None:
        if unit >= 0 and unit not in self._views:
            self._views[unit] = view_unit(self._source, self._units[unit])
        return self._views.get(unit)


def _chunks(view: View, lines: list[int], fits: Callable[[View, Sequence[int]], bool]) -> Iterator[tuple[int, ...]]:
    """The suspicious lines, best first, in groups that one prompt can mark."""
    while lines:
        size = min(len(lines), MOST_MARKS)
        while size > 1 and not fits(view, lines[:size]):
            size -= 1
        if fits(view, lines[:size]):
            yield tuple(sorted(lines[:size]))
        lines = lines[size:]


def _shares(weights: Sequence[float], n: int) -> list[int]:
    """n split in proportion to the squares of the weights, by largest remainder."""
    total = sum(w * w for w in weights) or 1.0
    exact = [n * w * w / total for w in weights]
    shares = [int(x) for x in exact]
    order = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in order[: n - sum(shares)]:
        shares[i] += 1
    return shares


def _read(question: Question, completion: Completion) -> tuple[Edit | None, str | None]:
    lines = read_answer(completion.text.removesuffix(END), question.view.lines, question.marked)
    if lines is None:
        return None, "empty"
    if parse("\n".join(lines)) is None:
        return None, "does not parse"
    changed = repair(question.view, lines)
    if changed is None:
        return None, "no-op"
    return edit_between(question.path, question.view.source, changed), None
