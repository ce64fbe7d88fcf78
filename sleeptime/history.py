"""What the history of a repository says about its files: how often they change, and which change together.

Commits never change, so what each did is kept; only those that were never seen before are asked of git.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.workspace import Repository
from sleeptime.study_cache import Change, StudyCache

LONGEST = 2_000
"""Commits without merges; what lies further back says little about what comes."""
HALF_LIFE = 100
"""Commits after which a change counts a half."""
LARGEST_CHANGE = 30
"""Paths; what changes more is a reformat, a move or an import, and says nothing about which files belong together."""
OFTEN_TOGETHER = 3
"""Commits that two files have to share, at least, ..."""
MOSTLY_TOGETHER = 0.3
"""... and the share of the one's commits."""

_CHUNK = 100  # commits that git is asked about at once, between two looks at the time
_HEADER = re.compile(rb"\x01([0-9a-f]{40,64}) (\d+)")


@dataclass(frozen=True)
class History:
    """The last commits of HEAD, the newest first."""

    changes: tuple[Change, ...]

    @cached_property
    def commits(self) -> Counter[str]:
        """By path, the commits that changed it."""
        return Counter(path for change in self.changes for path in set(change.paths))

    @cached_property
    def churn(self) -> dict[str, float]:
        """By path, its changes, each worth less the more commits came after it."""
        found: dict[str, float] = {}
        for age, change in enumerate(self.changes):
            # A commit that changes much says little about each.
            weight = 0.5 ** (age / HALF_LIFE) / max(1.0, len(change.paths) / LARGEST_CHANGE)
            for path in change.paths:
                found[path] = found.get(path, 0.0) + weight
        return found

    @cached_property
    def _together(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for change in self.changes:
            if 1 < len(change.paths) <= LARGEST_CHANGE:
                for path in change.paths:
                    found.setdefault(path, Counter()).update(other for other in change.paths if other != path)
        return found

    def together(self, path: str, there: Collection[str], most: int) -> list[tuple[str, int]]:
        """The files among `there` that mostly change in the same commits as this one, and in how many."""
        least = max(OFTEN_TOGETHER, MOSTLY_TOGETHER * self.commits[path])
        found = [
            (other, count)
            for other, count in self._together.get(path, Counter()).items()
            if count >= least and other in there
        ]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:most]


def read_history(
    repository: Repository, cache: StudyCache, go_on: Callable[[], None] = lambda: None, most: int = LONGEST
) -> History:
    """The last `most` commits of HEAD. `go_on` raises where there is no time left; the next call goes on from there.

    RepositoryError where git fails.
    """
    if repository.head is None:
        return History(())
    listed = repository.git("rev-list", f"--max-count={most}", "--no-merges", "HEAD", "--")
    commits = listed.decode().split()
    known = cache.changes(commits)
    missing = [commit for commit in commits if commit not in known]
    for begin in range(0, len(missing), _CHUNK):
        go_on()
        read = _changes(repository, missing[begin : begin + _CHUNK])
        cache.keep_changes(read)
        known |= read
    return History(tuple(known[commit] for commit in commits if commit in known))


def _changes(repository: Repository, commits: Sequence[str]) -> dict[str, Change]:
    options = ("--no-walk=unsorted", "--name-only", "--no-renames", "-z", "--format=%x01%H %ct")
    listed = repository.git("log", "--stdin", *options, stdin="\n".join([*commits, ""]).encode())
    found: dict[str, tuple[int, list[str]]] = {}
    paths: list[str] = []
    for field in listed.split(b"\0"):
        if header := _HEADER.fullmatch(field):
            paths = []
            found[header[1].decode()] = int(header[2]), paths
        elif name := field.removeprefix(b"\n"):
            paths.append(os.fsdecode(name))
    return {commit: Change(at, tuple(paths)) for commit, (at, paths) in found.items()}
