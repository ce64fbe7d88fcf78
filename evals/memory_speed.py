"""How fast is the memory with many notes on a large repository? Made on the spot: random words, real git, real SQLite.

CPU seconds count the git processes that are asked; the wall clock is what a user waits.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from pathlib import Path

from evals.repositories import commit_all, start_repository
from evals.tables import Column, Table
from memory.config import MemoryConfig
from memory.experiences import new_id
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Anchor, Note, Record
from memory.work_tree import WorkTree

_WORDS = 20_000  # different ones, as often as Zipf says of those of a language
_CHANGED = 20  # files of the commit after which the state of all notes is asked
_QUESTION = 8  # words


class Measured(Record):
    """A step, over all rounds."""

    step: str
    cpu: float
    """Median CPU seconds."""
    p50: float
    p95: float
    """Wall clock."""
    size: str = ""
    """What else there is to say."""


def measure(notes: int, files: int, rounds: int) -> list[Measured]:
    """Fill a memory, and time what every command and every task does with it."""
    with tempfile.TemporaryDirectory() as folder, _store(Path(folder), files) as store:
        chance = random.Random(0)
        measured = [_timed(f"add {notes:,} notes", 1, lambda: store.log.add(_notes(store.tree, notes, chance)))]
        root = store.tree.root
        size = sum(path.stat().st_size for path in store.home.path.glob("notes.db*"))
        measured[0] = measured[0].model_copy(update={"size": f"{size / 1e6:.0f} MB"})
        measured.append(_timed("state of all notes", rounds, store.broken))
        for number in range(_CHANGED):
            (root / _path(number)).write_text("changed\n", encoding="utf-8")
        measured.append(_timed(f"the same with {_CHANGED} dirty files", rounds, store.broken))
        commit_all(root, "change")
        broken: list[int] = []
        measured.append(_timed("the same after a commit of them", rounds, lambda: broken.append(len(store.broken()))))
        measured[-1] = measured[-1].model_copy(update={"size": f"{broken[-1]} stale"})
        measured.append(_timed("recall", rounds * 5, lambda: store.recall(_sentence(chance, _QUESTION))))
        return measured


def table(steps: Sequence[Measured]) -> Table:
    """A row for each step."""
    names = ("CPU seconds", "p50", "p95")
    return Table(
        name="memory",
        caption="Seconds: the median of the CPU's, and the wall clock's median and 95th percentile.",
        columns=(Column(name="step"), *(Column(name=name, format=".3f") for name in names), Column(name="size")),
        rows=tuple((one.step, one.cpu, one.p50, one.p95, one.size) for one in steps),
    )


@contextmanager
def _store(folder: Path, files: int) -> Iterator[NoteStore]:
    root = folder / "repository"
    start_repository(root)
    for number in range(files):
        path = root / _path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"value = {number}\n", encoding="utf-8")
    commit_all(root, "begin")
    (folder / "home").mkdir(mode=0o700)
    # A memory of its own, never the user's.
    with NoteStore(WorkTree.open(root), MemoryHome(folder / "home"), MemoryConfig()) as store:
        yield store


def _notes(tree: WorkTree, count: int, chance: random.Random) -> list[Note]:
    held, head = tree.held(), tree.head()
    paths = sorted(held.blobs)
    return [
        Note(
            id=new_id(),
            text=_sentence(chance, 20),
            origin="inferred",
            anchors=tuple(
                Anchor(path=path, blob=held.blobs[path]) for path in chance.sample(paths, chance.randint(1, 2))
            ),
            commit=head,
        )
        for _ in range(count)
    ]


def _sentence(chance: random.Random, length: int) -> str:
    return " ".join(chance.choices(_vocabulary(), cum_weights=_weights(), k=length))


@cache
def _vocabulary() -> list[str]:
    chance = random.Random(1)
    return ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 9))) for _ in range(_WORDS)]


@cache
def _weights() -> list[float]:
    """Cumulated. The first hundred ranks are left out: of a language they are stop words."""
    return list(accumulate(1 / rank for rank in range(100, 100 + _WORDS)))


def _path(number: int) -> str:
    return f"package{number // 100}/module{number}.py"


def _timed(step: str, rounds: int, act: Callable[[], object]) -> Measured:
    cpu, wall = [], []
    for _ in range(rounds):
        began, cpu_before = time.perf_counter(), _cpu()
        act()
        wall.append(time.perf_counter() - began)
        cpu.append(_cpu() - cpu_before)
    wall.sort()
    return Measured(
        step=step,
        cpu=statistics.median(cpu),
        p50=statistics.median(wall),
        p95=wall[min(len(wall) - 1, int(len(wall) * 0.95))],
    )


def _cpu() -> float:
    """Seconds of this process and of the children that have ended."""
    return sum(os.times()[:4])
