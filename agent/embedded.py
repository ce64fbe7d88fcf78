"""Proposes with the embedded policy: suspects -> marked views of their functions -> sampled repairs -> edits.

What it answers, and in which order, is in ranked_answers.py.
"""

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from agent.edits import Edit, decode, edit_bytes
from agent.errors import AdapterError, EditRefused
from agent.function_view import END, View, edit_between, parse, prompt, read_answer, repair, units, view_unit
from agent.localise import Localisation, Suspect
from agent.lora import open_stored
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED, Policy
from agent.ranked_answers import Asked, complete
from agent.state import Proposal
from agent.vote import FileChange, fingerprint
from memory.adapters import active_adapter
from memory.errors import StoreError
from memory.home import MemoryHome
from memory.records import Task, Tokens

MOST_QUESTIONS = 6
"""Functions (or parts of one) that are asked about in a run."""
MOST_MARKS = 6
"""Suspicious lines that are marked in one prompt."""
MOST_PROMPT_TOKENS = 224
"""As long as the prompts of its training."""


@dataclass(frozen=True)
class Question:
    """A view of the file at `path`, and what is asked about it."""

    path: str
    view: View
    asked: Asked


class EmbeddedProposer:
    """Implements `agent.state.Proposer` with the policy that is shipped in the package."""

    name = EMBEDDED

    def __init__(self, policy: Policy, adapter: str | None = None) -> None:
        """`adapter` is the id of the one that the policy was loaded with."""
        self._policy = policy
        self.adapter = adapter

    @classmethod
    def of_home(cls, home: MemoryHome, notice: Callable[[str], None]) -> Self:
        """With the adapter that is active there; where that cannot be used, `notice` is told."""
        try:
            if active := active_adapter(home, EMBEDDED):
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
        """n proposals, the likeliest first."""
        began = time.monotonic()
        asked = questions(worktree, localisation.suspects, self._fits)
        vain = _Vain(asked, worktree, localisation.known_to_fail)
        told: set[int] = set()
        found = []
        texts = [question.asked for question in asked]
        judged = localisation.tests is not None
        fails = vain if localisation.known_to_fail else None
        for index, completion in complete(self._policy, texts, n, seed, progress=progress, judged=judged, fails=fails):
            edit, problem = vain.read(index, completion.text)
            once = Tokens() if index in told else Tokens(prompt=self._policy.count(asked[index].asked.text), calls=1)
            told.add(index)
            tokens = once + Tokens(completion=completion.tokens)
            found.append(Proposal((edit,) if edit else (), problem, tokens))
        if vain.skipped:
            found = found or [Proposal(problem="all that is likely is known to fail")]
            found[0] = replace(found[0], skipped=vain.skipped)
        seconds = (time.monotonic() - began) / max(1, len(found))
        return [replace(proposal, seconds=seconds) for proposal in found]

    def _fits(self, view: View, marked: Sequence[int]) -> bool:
        return self._policy.count(prompt(view.lines, marked)) <= MOST_PROMPT_TOKENS


class _Vain:
    """Reads answers, and tells which of them were tried in vain."""

    def __init__(self, asked: Sequence[Question], worktree: Path, known_to_fail: frozenset[str]) -> None:
        self._asked = asked
        self._known = known_to_fail
        self._contents = {question.path: (worktree / question.path).read_bytes() for question in asked}
        self._read: dict[tuple[int, str], tuple[Edit | None, str | None]] = {}
        self.skipped = 0

    def read(self, index: int, text: str) -> tuple[Edit | None, str | None]:
        """The edit that an answer to a question means, or why it means none."""
        if (index, text) not in self._read:
            self._read[index, text] = _read(self._asked[index], text)
        return self._read[index, text]

    def __call__(self, index: int, text: str) -> bool:
        """Counts those that were."""
        edit, _ = self.read(index, text)
        if edit is None:
            return False
        old = self._contents[edit.path]
        try:
            change = FileChange(edit.path, old, edit_bytes(old, edit.old, edit.new))
        except EditRefused:
            return False
        is_vain = fingerprint([change]) in self._known
        self.skipped += is_vain
        return is_vain


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
                suspicion = tuple(scores[line] for line in chunk)
                found.append(Question(path, view, Asked(view.lines, chunk, suspicion, files[path].class_of(unit))))
    return sorted(found, key=lambda question: -max(question.asked.suspicion))[:MOST_QUESTIONS]


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


def _read(question: Question, text: str) -> tuple[Edit | None, str | None]:
    lines = read_answer(text.removesuffix(END), question.view.lines, question.asked.marked)
    if lines is None:
        return None, "empty"
    if parse("\n".join(lines)) is None:
        return None, "does not parse"
    changed = repair(question.view, lines)
    if changed is None:
        return None, "no-op"
    return edit_between(question.path, question.view.source, changed), None
