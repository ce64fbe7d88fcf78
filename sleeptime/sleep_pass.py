"""One sleep: all passes say what they would think about, the queue says what is best, and so it goes until nothing is
left, the budget is used up, or somebody wants the machine back."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.errors import ModelError
from memory.errors import StoreError, UserError
from memory.records import Tokens, now
from sleeptime.note_keeping import NoteKeeper
from sleeptime.records import Item, PassCount, SleepRun
from sleeptime.study import Findings, Pass, Stopped, Study
from sleeptime.work_queue import Leased, WorkQueue

MOST_ROUNDS = 10
"""What was found may give more to think about, and the tree may move on; but a sleep comes to its end."""
BATCH = 50
"""Items without a model that are leased together, ..."""
FLUSH_SECONDS = 0.5
"""... and the time after which what came of some is stored."""

LOOK_SECONDS = 5.0
"""Between two looks whether the tree has moved on: nobody asks about what was there before."""

Progress = Callable[[SleepRun, Item], None]
"""Is told what is being thought about, and what the run has come to so far."""


def sleep(
    study: Study,
    passes: Sequence[Pass],
    queue: WorkQueue,
    run: SleepRun,
    progress: Progress = lambda run, item: None,
) -> SleepRun:
    """Think until nothing is left, the budget is used up or `study.stop` says so; what the run came to.

    For the only sleeper of the memory home. Every item that is finished is stored; StoreError, TreeError and
    RepositoryError where the memory or the repository cannot be used.
    """
    queue.begin(run)
    desk = _Desk(passes, queue, run, progress)
    try:
        for _ in range(MOST_ROUNDS):
            if not desk.round(study):
                break
            study = study.anew()
    except (Stopped, KeyboardInterrupt):
        desk.run = desk.run.model_copy(update={"stopped": True})
    except BaseException as error:
        desk.run = desk.run.model_copy(update={"problem": str(error) or type(error).__name__})
        raise
    finally:
        queue.release(run.id)
        left = sum(states.get("waiting", 0) for states in queue.counts().values())
        desk.run = desk.run.model_copy(update={"ended": now(), "left": left})
        queue.update(desk.run)
    return desk.run


@dataclass
class _Desk:
    """The run as it goes."""

    passes: Sequence[Pass]
    queue: WorkQueue
    run: SleepRun
    progress: Progress

    def round(self, study: Study) -> bool:
        """Survey the items of all passes and work them off, best first; whether there was anything to work on."""
        names = [each.name for each in self.passes]
        for each in self.passes:
            study.go_on()
            try:
                self.queue.offer(each.name, list(each.items(study)))
            except StoreError:
                raise
            except UserError as error:  # one pass that fails does not keep the others awake
                study.notice(f"{each.name}: {error}")
                self._count(each.name, failed=1)
        has_worked = False
        looked = time.monotonic()
        while leased := self.queue.take(self.run.id, names, BATCH, self._tokens_left(study)):
            self._work_off(leased, study)
            has_worked = True
            if time.monotonic() - looked > LOOK_SECONDS:
                if study.has_moved():
                    break
                looked = time.monotonic()
        return has_worked

    def _work_off(self, leased: Sequence[Leased], study: Study) -> None:
        """Work on these items, storing what came of them every now and then, and at the end, whatever ended it."""
        keeper = NoteKeeper(self.queue)
        worked: list[tuple[Leased, Findings]] = []
        began = time.monotonic()
        try:
            for each in leased:
                study.go_on()
                self.progress(self.run, each.item)
                if notes := keeper.stored(each, study):
                    keeper.finish_stored(each, notes, study)
                elif (findings := self._think(each.item, study)) is not None:
                    worked.append((each, findings))
                if time.monotonic() - began > FLUSH_SECONDS:
                    self._store(keeper, worked, study)
                    worked, began = [], time.monotonic()
        finally:
            self._store(keeper, worked, study)

    def _think(self, item: Item, study: Study) -> Findings | None:
        """None where it failed, which is noted."""
        began = time.monotonic()
        [thinker] = [each for each in self.passes if each.name == item.pass_name]
        try:
            findings = thinker.work(item, study)
        except StoreError:
            raise
        except ModelError as error:
            # The next item would fail likewise; this one waits for the next sleep.
            self.run = self.run.model_copy(update={"problem": str(error)})
            study.notice(f"The model is asked no more in this sleep: {error}")
            return None
        except UserError as error:
            self.queue.fail(item, str(error))
            study.notice(f"{item.pass_name}: {item.about}: {error}")
            self._count(item.pass_name, failed=1, seconds=time.monotonic() - began)
            return None
        self._count(item.pass_name, tokens=findings.tokens, seconds=time.monotonic() - began)
        return findings

    def _store(self, keeper: NoteKeeper, worked: Sequence[tuple[Leased, Findings]], study: Study) -> None:
        if not worked:
            return
        for kept in keeper.keep(worked, study):
            self._count(
                kept.item.pass_name,
                finished=1,
                notes=kept.added,
                forgotten=kept.forgotten,
                dropped=len(kept.dropped),
            )
        self.queue.update(self.run)

    def _count(self, pass_name: str, *, tokens: Tokens | None = None, seconds: float = 0.0, **more: int) -> None:
        before = self.run.passes.get(pass_name, PassCount())
        after = before.model_copy(
            update={
                "tokens": before.tokens + (tokens or Tokens()),
                "seconds": before.seconds + seconds,
                **{name: getattr(before, name) + count for name, count in more.items()},
            }
        )
        self.run = self.run.model_copy(update={"passes": {**self.run.passes, pass_name: after}})

    def _tokens_left(self, study: Study) -> int:
        """0 after the model has failed: what needs none goes on."""
        if self.run.problem:
            return 0
        used = self.run.tokens
        return max(0, study.budget - used.prompt - used.completion)
