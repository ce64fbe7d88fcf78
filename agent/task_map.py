"""The repository map of one task, and where it may be about: made from its snapshot when it is first asked for, with
symbols and words kept in the memory home by blob, so that an unchanged file is never read twice."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agent.localise import Localisation, Suspect
from agent.mentions import Line
from agent.relevance import relevant
from agent.word_cache import WordCache
from agent.workspace import Repository
from memory.home import MemoryHome
from memory.records import Task

if TYPE_CHECKING:
    from agent.symbol_rank import SymbolGraph

MOST_SECONDS = 30.0
"""Wall clock for files that were never parsed before; the next run goes on from there."""
LIKELY = 0.25
"""Score of the best guess by words: below a function that the task names as code (agent/mentions.py)."""
FEW_PLACES = 12
"""Of definitions, where even the words say nothing."""
_FAILING = 0.1  # weight of the file of a failing test: what it tests matters more

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TaskMap:
    """What the map of the repository is ranked by. Cheap until `text` is asked for, numpy for it not imported yet."""

    task: Task
    localisation: Localisation
    most_seconds: float = MOST_SECONDS

    def text(self, budget: int, shown: Mapping[str, Collection[int]] | None = None) -> str:
        """The signatures that matter most for the task, at most `budget` tokens; "" where there are none.

        What begins on a `shown` line of a path has a say in the ranking but is left out: its text is there already.
        Raises RepositoryError where git cannot read the snapshot, StoreError where there is no memory home.
        """
        if budget <= 0:
            return ""
        from agent.repo_map import repo_map

        return repo_map(self._graph, self.task.request, budget, self._suspicious, shown)

    @cached_property
    def suspects(self) -> tuple[Suspect, ...]:
        """Where the definitions begin that the task may be about, where no failing test says where to look.

        Best first; by the words of the task, or where none of them says anything, by who uses what. Scores are below
        those of code that the task names.
        """
        repository = Repository.open(Path(self.task.repo))
        with WordCache(MemoryHome.for_repository(repository.common_dir).words) as cache:
            found = relevant(repository, self.task.snapshot, self.task.request, cache, self.most_seconds)
        if found:
            places = [(Line(each.definition.path, each.definition.line + 1), each.score) for each in found]
        else:
            from agent.repo_map import best_places

            places = best_places(self._graph, self.task.request, FEW_PLACES, self._suspicious)
        top = max((score for _, score in places), default=1.0)
        return tuple(Suspect(place.path, place.line, LIKELY * score / top) for place, score in places)

    @cached_property
    def _graph(self) -> "SymbolGraph":
        from agent.symbol_cache import SymbolCache
        from agent.symbol_rank import SymbolGraph
        from agent.symbol_table import symbols_of

        repository = Repository.open(Path(self.task.repo))
        with SymbolCache(MemoryHome.for_repository(repository.common_dir).symbols) as cache:
            table = symbols_of(repository, self.task.snapshot, cache, self.most_seconds)
        if table.left_out:
            _log.warning("the repository map leaves out %d files for want of time", table.left_out)
        return SymbolGraph(table)

    @cached_property
    def _suspicious(self) -> dict[str, float]:
        weights = {test.partition("::")[0]: _FAILING for test in self.localisation.failing}
        for suspect in self.localisation.suspects:
            weights[suspect.path] = max(weights.get(suspect.path, 0.0), suspect.score)
        return weights
