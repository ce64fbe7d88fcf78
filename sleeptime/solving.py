"""Lets the agent's own graph work on the snapshot, giving way when it is time to; and what is kept of an answer."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.deadline import Deadline
from agent.state import AgentContext, Stage
from agent.vain import remember
from memory.note_rules import MOST_ANCHORS
from memory.records import Anchor, Candidate, Experience, Note, Task, Tokens
from sleeptime.study import Study

ITEM_SECONDS = 900.0


@dataclass(frozen=True)
class _Quiet:
    """A progress that gives way when it is time to."""

    study: Study

    def step(self, stage: Stage, done: int, total: int) -> None:
        self.study.go_on()

    def notice(self, text: str) -> None:
        pass


class _GivingWay(Deadline):
    """Asked by everything in a run that takes time; Stopped where sleep is over."""

    def __init__(self, study: Study) -> None:
        super().__init__(ITEM_SECONDS)
        self._study = study

    def left(self) -> float:
        self._study.go_on()
        return super().left()


def solve_asleep(request: str, command: str | None, study: Study, tries: Sequence[int]) -> Iterator[Experience]:
    """What a run of the user's would do with so many candidates, then with more of them; what fails is remembered, and
    not tried again.

    An answer of before, whose tree has moved on, is tried first, as it is when the user asks.
    """
    # Importing langgraph takes a CPU second, which a sleep with nothing to solve need not pay.
    from agent.graph import solve

    for seed, candidates in enumerate(tries):
        found = solve(task_of(request, command, study), context_of(study, candidates, seed))
        report = study.test_report
        flaky = report.flaky if report else ()
        reliable = tuple(state for state in found.failing if state.test not in flaky)
        remember(found.model_copy(update={"failing": reliable}), study.notes.failures)
        yield found


def task_of(request: str, command: str | None, study: Study) -> Task:
    """On the snapshot."""
    return Task(
        request=request,
        repo=str(study.repository.root),
        base_commit=study.head,
        snapshot=study.snapshot,
        test_command=command,
    )


def context_of(study: Study, candidates: int, seed: int = 0) -> AgentContext:
    return AgentContext(
        repository=study.repository,
        worktrees=study.home.worktrees,
        proposer=study.proposer,
        sandbox=study.sandbox,
        progress=_Quiet(study),
        candidates=candidates,
        seed=seed,
        memory=study.notes,
        reads_notes=study.model is not None,
        deadline=_GivingWay(study),
    )


def answer_note(
    text: str, winner: Candidate, found: Experience, spent: Tokens, evidence: Iterable[Anchor], study: Study
) -> Note:
    """Anchored to what it was worked out for, and to all files that it changes."""
    changed = [path for path in _changed(winner.patch) if path in study.blobs]
    anchors = {anchor.path: anchor for anchor in [*evidence, *(study.anchor(path) for path in changed)]}
    check = winner.check
    tried = [f"passes: {check.tests.command}"[:500]] if check and check.passed and check.tests else []
    votes = sum(candidate.fingerprint == winner.fingerprint for candidate in found.candidates)
    return Note(
        id="",
        text=f"{text}:\n{_shown(winner.patch)}",
        kind="answer",
        origin="inferred",
        anchors=tuple(anchors.values())[:MOST_ANCHORS],
        source=found.model,
        checks=(*tried, f"{votes} of {len(found.candidates)} candidates agree"),
        cost=spent,
    )


def _changed(patch: str) -> list[str]:
    """The paths that git's patch changes or takes away."""
    return [line[6:].split("\t")[0] for line in patch.split("\n") if line.startswith("--- a/")]


def _shown(patch: str) -> str:
    """The changed lines of a patch, as far as a note's text has room."""
    lines = [line for line in patch.split("\n") if re.match(r"(\+\+\+ b/|[-+](?![-+]))", line)]
    text = "\n".join(lines)
    return re.sub(r"[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]", "?", text)[:1_500]
