"""Which definitions of a repository matter for a task: personalised PageRank over who uses whose names. Pure.

After aider's repository map (repomap.py, 0.86), in two ways different: a name's references are weighted by the square
root of their number once, and a name that several files define shares its weight out among them.
A walk goes from a file to a name that it uses, and from there to a file that defines it. So the matrix of files by
files is never built: it is the product of two sparse ones, of which each has an entry per file and name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from agent.symbol_cache import name_key
from agent.symbol_table import SymbolTable

DAMPING = 0.85
"""Share of the rank that follows references (Page et al. 1999, section 2.6)."""
MENTIONED = 10.0
"""How many times more a name counts that the task mentions."""
COMMON = 5
"""A name that more files define says little: a tenth."""
FOCUS = 0.9
"""Share of the restarts that go to what the task names, where it names anything."""

_PRECISION = 1e-5  # of the sum of all ranks; the order is settled long before
_MOST_ROUNDS = 100

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """How much each file and each definition matters; each sums up to 1, or less where files define nothing."""

    files: Floats
    """(F)"""
    definitions: Floats
    """(D)"""


class SymbolGraph:
    """The references between the files of a table; built once, ranked for many tasks."""

    def __init__(self, table: SymbolTable) -> None:
        self.table = table
        defined = table.definitions["name"]
        self._names, self._name_of = np.unique(defined, return_inverse=True)
        self._weight = np.zeros(len(self._names))
        self._weight[self._name_of] = table.definitions["weight"]
        # Each file once per name, however often it defines it.
        pairs = self._name_of * len(table.paths) + table.definition_file
        entries, self._entry_of, self._repeats = np.unique(pairs, return_inverse=True, return_counts=True)
        self._entry_name, self._entry_file = np.divmod(entries, max(1, len(table.paths)))
        self._definers = np.bincount(self._entry_name, minlength=len(self._names))
        self._weight *= np.where(self._definers > COMMON, 0.1, 1.0)
        place = np.searchsorted(self._names, table.references["name"])
        place[place == len(self._names)] = 0
        is_defined = self._names[place] == table.references["name"] if len(self._names) else place < 0
        self._use_name: Indices = place[is_defined]
        self._use_file: Indices = table.reference_file[is_defined]
        self._use_weight: Floats = np.sqrt(table.references["count"][is_defined]) * self._weight[self._use_name]

    def rank(self, names: Mapping[str, float], files: Mapping[str, float]) -> Ranking:
        """The ranking for a task that mentions these identifiers and paths, with weights above 0.

        The paths are as in the table, others do not count, nor do identifiers that nothing in it defines.
        """
        table = self.table
        if not table.paths:
            return Ranking(np.zeros(0), np.zeros(0))
        mentioned = self._mentioned(names)
        restart = self._restart(mentioned, files)
        use = self._use_weight * np.where(mentioned > 0, MENTIONED, 1.0)[self._use_name]
        use /= np.bincount(self._use_file, use, len(table.paths))[self._use_file]
        uses_nothing = np.bincount(self._use_file, minlength=len(table.paths)) == 0
        rank = restart
        flow = np.zeros(len(self._entry_name))
        for _ in range(_MOST_ROUNDS):
            at_names = np.bincount(self._use_name, use * rank[self._use_file], len(self._names))
            flow = (at_names / np.maximum(1, self._definers))[self._entry_name]
            arrived = np.bincount(self._entry_file, flow, len(table.paths))
            following = DAMPING * (arrived + rank[uses_nothing].sum() * restart) + (1 - DAMPING) * restart
            change = np.abs(following - rank).sum()
            rank = following
            if change < _PRECISION:
                break
        # What came to a file by a name belongs to the definition of the name, the rest to all of the file.
        rest = np.maximum(0, rank - DAMPING * np.bincount(self._entry_file, flow, len(table.paths)))
        definitions = DAMPING * (flow / self._repeats)[self._entry_of]
        definitions += rest[table.definition_file] * self._shares(mentioned)
        return Ranking(rank, definitions)

    @cached_property
    def _file_index(self) -> dict[str, int]:
        return {path: index for index, path in enumerate(self.table.paths)}

    def _mentioned(self, names: Mapping[str, float]) -> Floats:
        """For each defined name, the weight with which the task mentions it."""
        weights = np.zeros(len(self._names))
        for name, weight in names.items():
            place = int(np.searchsorted(self._names, np.uint64(name_key(name))))
            if place < len(self._names) and self._names[place] == name_key(name):
                weights[place] = weight
        return weights

    def _restart(self, mentioned: Floats, files: Mapping[str, float]) -> Floats:
        """Where a walk begins anew: mostly in the files that the task names, or that define what it names."""
        count = len(self.table.paths)
        focus = np.bincount(self._entry_file, (mentioned / np.maximum(1, self._definers))[self._entry_name], count)
        for path, weight in files.items():
            if path in self._file_index:
                focus[self._file_index[path]] += weight
        total = focus.sum()
        anywhere = np.full(count, 1 / count)
        return FOCUS * focus / total + (1 - FOCUS) * anywhere if total > 0 else anywhere

    def _shares(self, mentioned: Floats) -> Floats:
        """How the definitions of a file share what is for all of them; they sum up to 1 in each file."""
        share = np.minimum(1.0, self._weight)[self._name_of] * np.where(mentioned > 0, MENTIONED, 1.0)[self._name_of]
        shares: Floats = (
            share / np.bincount(self.table.definition_file, share, len(self.table.paths))[self.table.definition_file]
        )
        return shares
