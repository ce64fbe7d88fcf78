"""Does sleep pay? The same questions of the same model, after a sleep on the repository and without one.

Three arms: *without* memory; *with* what was worked out while the repository was as its sleeper saw it; *shuffled*,
with what was worked out on another scene, which must gain nothing. Test-time tokens are those of the answer to a
question; sleep's are counted apart.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.embedded import EmbeddedProposer
from agent.graph import solve
from agent.policy import Policy
from agent.sandbox import Sandbox
from agent.state import AgentContext, Proposer
from agent.workspace import Repository
from evals.silence import Silence
from evals.sleep_suites import TESTS, Question, Scene, begin, move_on
from evals.sleep_trials import Slept, Trial
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog, new_id
from memory.home import MemoryHome
from memory.known_failures import KnownFailures
from memory.note_log import NoteLog
from memory.note_store import NoteStore
from memory.records import Experience, Task
from memory.work_tree import WorkTree
from sleeptime.passes.presolve import CANDIDATES, Presolve
from sleeptime.passes.tests import Tests
from sleeptime.records import SleepRun
from sleeptime.sleep_pass import sleep
from sleeptime.study import Study
from sleeptime.study_cache import StudyCache
from sleeptime.work_queue import WorkQueue, only_sleeper

Arm = Literal["without", "with", "shuffled"]
ARMS: tuple[Arm, ...] = ("without", "with", "shuffled")
BUDGETS = (8, 32, 128)
"""Candidates of a run: the test-time budget."""
ASLEEP = CANDIDATES
"""Candidates of sleep, and of the tries that follow where nothing passed."""

GRADING_SECONDS = 60.0


@dataclass(frozen=True)
class Desk:
    """What all trials share."""

    folder: Path
    """Scratch; one folder a scene."""
    proposer: Proposer
    sandbox: Sandbox
    seed: int = 0
    asleep: tuple[int, ...] = ASLEEP

    def repository(self, scene: Scene) -> Path:
        return self.folder / scene.name / "repository"

    def home(self, scene: Scene) -> MemoryHome:
        home = MemoryHome(self.folder / scene.name / "home")
        home.worktrees.mkdir(parents=True, exist_ok=True)
        return home


def embedded_desk(folder: Path, sandbox: Sandbox, seed: int, asleep: Sequence[int] = ASLEEP) -> Desk:
    """With the model that is shipped."""
    return Desk(folder, EmbeddedProposer(Policy()), sandbox, seed, tuple(asleep))


def fall_asleep(scene: Scene, desk: Desk) -> Slept:
    """Make the scene's repository and sleep on it until nothing is left to think about."""
    begin(scene, desk.repository(scene))
    began = time.monotonic()
    with _study(scene, desk) as study, WorkQueue(study.home) as queue:
        run = sleep(study, [Tests(), Presolve(desk.asleep)], queue, SleepRun(id=study.run))
        if run.stopped:  # by Ctrl-C, which a sleep takes for a call to give way
            raise KeyboardInterrupt
        notes = study.notes.log.notes()
    return Slept(
        scene=scene.name,
        arm="with",
        notes=len(notes),
        answers=sum(note.answer is not None for note in notes),
        prompt=run.tokens.prompt,
        completion=run.tokens.completion,
        seconds=time.monotonic() - began,
    )


def ask(
    scenes: Sequence[Scene], desk: Desk, budgets: Sequence[int] = BUDGETS, arms: Sequence[Arm] = ARMS
) -> Iterator[Trial]:
    """Ask every question of the scenes, which were slept on, in every arm at every budget.

    Where nothing that is remembered can bear on a question, memory changes nothing: the run without is not repeated.
    """
    for place, scene in enumerate(scenes):
        move_on(scene, desk.repository(scene))
        other = scenes[(place + 1) % len(scenes)]
        for question in scene.questions:
            without: dict[int, Trial] = {}
            for arm, budget in plan(budgets, arms):
                remembered = other if arm == "shuffled" else scene
                if budget in without and not _bears_on(question, desk.home(remembered)):
                    trial = without[budget].model_copy(update={"arm": arm})
                else:
                    trial = _trial(question, scene, remembered, arm, budget, desk)
                if arm == "without":
                    without[budget] = trial
                yield trial


def plan(budgets: Sequence[int], arms: Sequence[Arm]) -> list[tuple[Arm, int]]:
    """The runs of each question; the control at the smallest budget only, where sleep gains most."""
    return [(arm, budget) for budget in budgets for arm in arms if arm != "shuffled" or budget == min(budgets)]


def _bears_on(question: Question, home: MemoryHome) -> bool:
    """Whether an answer there is for a test of the question's, or for words, or patches were tried on one in vain."""
    with NoteLog(home.notes) as log, KnownFailures(home.failures) as failures:
        known = [note.answer for note in log.notes() if note.answer]
        tests = [*failures.tests(), *(test for answer in known for test in answer.tests)]
    return any(not answer.tests for answer in known) or any(test.startswith(question.tests) for test in tests)


def _trial(question: Question, scene: Scene, remembered: Scene, arm: Arm, budget: int, desk: Desk) -> Trial:
    """`remembered` is the scene whose memory is at hand."""
    repository = Repository.open(desk.repository(scene))
    task = Task(
        request=question.request,
        repo=str(repository.root),
        base_commit=repository.head,
        snapshot=repository.snapshot(),
        test_command=question.test_command,
    )
    with ExitStack() as stack:
        tree = WorkTree.open(repository.root)
        store = NoteStore(tree, desk.home(remembered), MemoryConfig())
        context = AgentContext(
            repository=repository,
            worktrees=desk.home(scene).worktrees,
            proposer=desk.proposer,
            sandbox=desk.sandbox,
            progress=Silence(),
            candidates=budget,
            seed=desk.seed,
            memory=None if arm == "without" else stack.enter_context(store),
            reads_notes=False,
        )
        found = solve(task, context)
    return Trial(
        question=question.id,
        scene=scene.name,
        arm=arm,
        budget=budget,
        anticipated=question.anticipated,
        score=float(found.status == "passed" and _is_right(found, question, repository, desk)),
        was_known=found.was_known,
        skipped=found.skipped,
        prompt=found.tokens.prompt,
        completion=found.tokens.completion,
        seconds=found.seconds["total"],
        touched=tuple(line[6:] for line in found.patch.splitlines() if line.startswith("+++ b/")),
        right=question.right,
    )


def _is_right(found: Experience, question: Question, repository: Repository, desk: Desk) -> bool:
    """Whether the patch, which passes what the question was about, passes what it is graded by."""
    if question.graded_by == question.test_command:
        return True
    with repository.worktree(found.task.snapshot, desk.folder / "grading") as worktree:
        repository.apply(worktree, found.patch)
        return desk.sandbox.run(question.graded_by, worktree, timeout=GRADING_SECONDS).passed


@contextmanager
def _study(scene: Scene, desk: Desk) -> Iterator[Study]:
    repository, home = Repository.open(desk.repository(scene)), desk.home(scene)
    with ExitStack() as stack:
        stack.enter_context(only_sleeper(home))
        yield Study(
            repository=repository,
            home=home,
            notes=stack.enter_context(NoteStore(WorkTree.open(repository.root), home, MemoryConfig())),
            experiences=stack.enter_context(ExperienceLog(home.experiences)),
            cache=stack.enter_context(StudyCache(home)),
            sandbox=desk.sandbox,
            proposer=desk.proposer,
            model=None,
            snapshot=repository.snapshot(),
            test_command=TESTS,
            run=new_id(),
            budget=0,
            stop=lambda: False,
        )
