"""Is the user away? No run is active, nothing changes in the work tree, the machine has little to do and its power is
from the wall.

Cheap enough to be asked several times a second: of a tree only stat data is looked at, most often of what changed last.
"""

import os
import time
from collections.abc import Iterator
from heapq import nlargest
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import psutil

from agent.errors import RepositoryError
from agent.workspace import Repository
from memory.journal import is_busy
from sleeptime.settings import SleepSettings

_HOT = 256  # paths that changed last: where the next change is most likely
_SLICE = 1_000  # of all others, looked at in turn; a smaller tree is looked at whole each time

Stamp = tuple[int, int, int]
"""What changes when a file or a directory does; zeros where there is none."""


class TreeWatch:
    """Knows when one work tree last changed, by edits, commits or checkouts."""

    def __init__(self, repository: Repository) -> None:
        """Look at everything once: what changed before is known by its time."""
        self.repository = repository
        self._index = repository.git_dir / "index"
        self._git_files = [repository.git_dir / "HEAD", repository.git_dir / "logs" / "HEAD", self._index]
        self._hot: list[Path] = []
        self._stamps: dict[Path, Stamp] = {}
        self._turn: Iterator[Path] = iter(())
        self._list()
        newest = max((stamp[0] for stamp in self._stamps.values()), default=0) / 1e9
        self.changed_at = min(newest, time.time())
        """Seconds since the epoch."""
        self.changed_path = ""
        """What was seen to change last, from the root of the tree; empty before anything was."""

    def look(self) -> bool:
        """Whether something has changed since the last look."""
        others = islice(self._turn, min(_SLICE, len(self._stamps)))
        now = {path: _stamp(path) for path in (*self._git_files, *self._hot, *others)}
        changed = {path: stamp for path, stamp in now.items() if self._stamps[path] != stamp}
        if not changed:
            return False
        self.changed_at = time.time()
        self.changed_path = os.path.relpath(next(reversed(changed)), self.repository.root)
        self._stamps |= changed
        self._hot = [*changed, *(path for path in self._hot if path not in changed)][:_HOT]
        if self._index in changed:
            self._list()
        return True

    def _list(self) -> None:
        """The tracked files and the directories that they lie in, which change when a file comes or goes."""
        try:
            names = self.repository.git("ls-files", "-z").split(b"\0")
        except RepositoryError:
            names = []  # it is gone, or in the middle of something
        root = self.repository.root
        files = {root / os.fsdecode(name) for name in names if name}
        folders = {folder for file in files for folder in file.parents if folder.is_relative_to(root)} | {root}
        self._stamps = {path: _stamp(path) for path in [*self._git_files, *files, *folders]}
        self._hot = nlargest(_HOT, self._stamps, key=lambda path: self._stamps[path])
        self._turn = cycle(list(self._stamps))


class Reason(NamedTuple):
    """Why there is no sleep now."""

    kind: str
    """The same for reasons that differ in numbers and names only."""
    text: str


class Surroundings(NamedTuple):
    """What the machine does besides us, and how it is powered."""

    load: float
    """Average of the last minute, per core."""
    charge: float | None
    """Per cent of the battery; None where power comes from the wall."""


def surroundings() -> Surroundings:
    """As they are now."""
    battery = psutil.sensors_battery()
    charge = battery.percent if battery and battery.power_plugged is False else None
    return Surroundings(psutil.getloadavg()[0] / (os.cpu_count() or 1), charge)


def busy_machine(found: Surroundings, settings: SleepSettings) -> Reason | None:
    """Why the machine is not to be given work; None where it may."""
    if found.load > settings.highest_load:
        return Reason("load", f"the machine is busy, with a load of {found.load:.2f} per core")
    return on_battery(found, settings)


def on_battery(found: Surroundings, settings: SleepSettings) -> Reason | None:
    """Also a reason to end what has begun; the load is not, since sleep itself is a part of it."""
    if found.charge is not None and found.charge < settings.lowest_battery:
        return Reason("battery", f"the machine runs on its battery, at {found.charge:.0f} %")
    return None


def active_run(homes: Path) -> str | None:
    """The memory home in which a run of the user is under way, by its name; None where there is none."""
    for journal in homes.glob("*/runs/*/run.jsonl"):
        if is_busy(journal):
            return journal.parts[-4]
    return None


def _stamp(path: Path) -> Stamp:
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino
