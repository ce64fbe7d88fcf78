"""One call of `sleepwright train`: rounds of a learner in a repository; what comes of them is published."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agent.detect import detect_test_command
from agent.sandbox import open_sandbox
from agent.weight_file import hash_weights
from agent.workspace import Repository
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from ttrl_adapter.canary_tests import CanaryTests
from ttrl_adapter.learner import Learner
from ttrl_adapter.past_tasks import of_experience
from ttrl_adapter.pool import Pool, make_pool, own_functions
from ttrl_adapter.records import Exercise, Recipe
from ttrl_adapter.registry import Registry
from ttrl_adapter.round import (
    DONE,
    RoundContext,
    RoundResult,
    Tell,
    finish,
    promoted_rounds,
    round_folders,
    run_round,
)
from ttrl_adapter.server_pause import has_accelerator, server_paused
from ttrl_adapter.swap import promote, running_server

MOST_EXPERIENCES = 500
"""The newest are learnt from."""


@dataclass(frozen=True)
class TrainOptions:
    """What the user asked for; the defaults are the command's."""

    recipe: Mapping[str, Any] = field(default_factory=dict)
    """What is not as the learner's recipe has it."""
    seed: int | None = None
    """None for one more with each round."""
    exercises: int | None = None
    """None for as many as suit the learner."""
    canaries: int = 64
    continues: bool = False
    processes: int = 1
    test: str | None = None
    """The command whose tests judge canaries; None to find one, "" for none."""
    pause: bool | None = None
    """Whether the server is stopped while the training runs; None to do so where there is a GPU."""


class Outcome(NamedTuple):
    """What came of a round."""

    round: int
    result: RoundResult
    published: str | None
    """Id of its adapter; active where the gate let it pass."""


@dataclass(frozen=True)
class Session:
    """A learner in a repository."""

    home: MemoryHome
    repository: Repository
    learner: Learner
    options: TrainOptions
    tell: Tell
    notice: Callable[[str], None]

    def play(self) -> Outcome:
        """What is left of the round that was interrupted, else a new one.

        Where the server fails at the end, the old adapter stays, and the next call tries again."""
        rounds = round_folders(self._rounds)
        number = int(rounds[-1].name) + (rounds[-1] / DONE).exists() if rounds else 1
        folder = self._rounds / f"{number:04}"
        context = self._context(number)
        result = run_round(folder, lambda: self._pool(context), promoted_rounds(self._rounds), context)
        published = self._publish(result, context) if result.adapter else None
        if published and result.verdict.passed:
            with running_server(self.home, self.learner.base) as server:
                promote(Registry(self.home), published, server or self.learner.server)
        finish(folder, published)
        return Outcome(number, result, published)

    @property
    def _rounds(self) -> Path:
        return self.learner.rounds(self.home)

    def _context(self, number: int) -> RoundContext:
        options = self.options
        seed = number if options.seed is None else options.seed
        active = Registry(self.home).active(self.learner.base)
        pauses = has_accelerator() if options.pause is None else options.pause
        if pauses and self.learner.server:
            url = self.learner.server.client.url
            self.notice(
                f"The server at {url} was not started by `sleepwright serve`: it is not stopped for the training."
            )
        return RoundContext(
            model=self.learner.folder,
            policies=self.learner.policies,
            active=active.folder if active else None,
            active_id=active.record.id if active else None,
            recipe=Recipe(**{**self.learner.recipe, **options.recipe, "seed": seed}),
            tell=self.tell,
            continues=options.continues,
            exercises=options.exercises or self.learner.exercises,
            canaries=options.canaries,
            processes=options.processes,
            tests=self._tests(),
            alone=partial(server_paused, self.home, self.notice) if pauses else nullcontext,
        )

    def _tests(self) -> CanaryTests | None:
        """What judges canaries besides their exact form; None where the repository has no tests that could."""
        given = self.options.test
        command = detect_test_command(self.repository.root) if given is None else given.strip()
        if not command:
            return None
        snapshot = self.repository.snapshot()
        return CanaryTests(self.repository, snapshot, command, open_sandbox("auto"), self.home.worktrees)

    def _pool(self, context: RoundContext) -> Pool:
        fits, repository = self.learner.fits, self.repository
        with ExperienceLog(self.home.experiences) as log:
            past = [made for e in log.latest(MOST_EXPERIENCES) for made in of_experience(e, repository, fits)]
        functions = own_functions(repository, repository.snapshot())
        pool = make_pool(functions, past, fits, (context.pool_size, context.canaries), context.recipe.seed)
        return Pool(self._phrased(pool.exercises), self._phrased(pool.canaries))

    def _phrased(self, exercises: list[Exercise]) -> list[Exercise]:
        return [own for exercise in exercises if (own := self.learner.phrase(exercise))]

    def _publish(self, result: RoundResult, context: RoundContext) -> str:
        """The id of the round's adapter. A round that was killed after it published does not publish again."""
        assert result.adapter
        registry, ours = Registry(self.home), hash_weights(result.adapter)
        before = (e.id for e in registry.entries() if e.stored and e.stored.record.weights_hash == ours)
        if id := next(before, None):
            return id
        stored = registry.publish(
            result.adapter,
            self.learner.folder,
            base=self.learner.base,
            parent=context.active_id if context.continues else None,
            data_hash=result.chosen.data_hash,
            seed=context.recipe.seed,
            metrics=result.metrics,
            verdict=result.verdict,
        )
        return stored.record.id
