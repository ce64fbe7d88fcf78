"""Which files use what a file defines, as far as names tell for certain. Pure.

A name ties two files where only one file of the repository defines it and its user imports that file, as far as the
names in an import of Python tell; in other languages, where it is a long compound name, which nobody uses by chance.
"""

import re
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.symbol_cache import name_key
from agent.symbol_table import SymbolTable

_WORD = re.compile(r"[^\W\d]\w*")
_SURE = 10.0  # `name_weight` of long compound names
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


class User(NamedTuple):
    """A file that uses what another one defines."""

    path: str
    names: tuple[str, ...]
    """What it uses, the most used first."""


class Ties:
    """Between the files of a table; built once."""

    def __init__(self, table: SymbolTable) -> None:
        self._table = table
        order = np.lexsort((table.definition_file, table.definitions["name"]))
        names, files = table.definitions["name"][order], table.definition_file[order]
        is_first = np.append(True, names[1:] != names[:-1])[: len(names)]
        begins = np.flatnonzero(is_first)
        # Sorted by name and file: defined by one file where the first and the last are the same.
        ends = np.append(begins[1:], len(names)) - 1
        is_alone = files[begins] == files[ends] if len(names) else is_first
        self._names = names[begins][is_alone]
        self._definer = files[begins][is_alone]

    @cached_property
    def _edges(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """Definer, user and name of every certain use, by definer, and the most used first."""
        table = self._table
        if not len(self._names):
            nothing = np.empty(0, np.int64)
            return nothing, nothing, np.empty(0, np.uint64)
        used = table.references["name"]
        place = np.minimum(np.searchsorted(self._names, used), len(self._names) - 1)
        definer = self._definer[place]
        is_tie = (self._names[place] == used) & (definer != table.reference_file)
        definer, user, name = definer[is_tie], table.reference_file[is_tie], used[is_tie]
        count = table.references["count"][is_tie]
        is_sure = np.isin(name, table.definitions["name"][table.definitions["weight"] >= _SURE])
        said = _mixed(used, table.reference_file)
        imports = np.isin(_mixed(self._modules[definer], user), said)
        imports &= (self._folders[definer] == self._folders[user]) | np.isin(_mixed(self._parents[definer], user), said)
        keep = np.where(self._is_python[definer], imports, is_sure)
        definer, user, name, count = definer[keep], user[keep], name[keep], count[keep]
        order = np.lexsort((name, -count, user, definer))
        return definer[order], user[order], name[order]

    @cached_property
    def _is_python(self) -> npt.NDArray[np.bool_]:
        return np.array([path.endswith((".py", ".pyi")) for path in self._table.paths], bool)

    @cached_property
    def _modules(self) -> npt.NDArray[np.uint64]:
        """For each file, the key of the name by which Python would import it."""
        return np.array([name_key(_module(path)) for path in self._table.paths], np.uint64)

    @cached_property
    def _folders(self) -> npt.NDArray[np.uint64]:
        """For each file, a key of its folder."""
        return np.array([name_key(path.rpartition("/")[0]) for path in self._table.paths], np.uint64)

    @cached_property
    def _parents(self) -> npt.NDArray[np.uint64]:
        """For each file, the key of the name that comes before its own in an import; its own where there is none."""
        return np.array([name_key(_parent(path)) for path in self._table.paths], np.uint64)

    @cached_property
    def _spelled(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """The keys of all defined names, sorted, and a definition of each."""
        keys, places = np.unique(self._table.definitions["name"], return_index=True)
        return keys, places

    def _spelling(self, key: int) -> str:
        keys, places = self._spelled
        signature = self._table.signatures[places[np.searchsorted(keys, np.uint64(key))]]
        return next((word for word in _WORD.findall(signature) if name_key(word) == key), "")

    def users(self, file: int) -> list[User]:
        """Of what the file of this index defines, those that use most of it first."""
        definers, users, names = self._edges
        begin, end = np.searchsorted(definers, [file, file + 1])
        found: dict[int, list[str]] = {}
        for user, name in zip(users[begin:end].tolist(), names[begin:end].tolist(), strict=True):
            if word := self._spelling(name):
                found.setdefault(user, []).append(word)
        order = sorted(found, key=lambda user: (-len(found[user]), user))
        return [User(self._table.paths[user], tuple(found[user])) for user in order]


def _mixed(names: npt.NDArray[np.uint64], files: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A name and a file in one number."""
    mixed: npt.NDArray[np.uint64] = names ^ (files.astype(np.uint64) * _SPREAD)
    return mixed


def _module(path: str) -> str:
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder.rpartition("/")[2] if stem == "__init__" else stem


def _parent(path: str) -> str:
    parts = path.split("/")[:-1]
    if _module(path) == "".join(parts[-1:]):
        parts = parts[:-1]
    # What lies at the top, or in a folder of sources, is imported by its own name alone.
    return parts[-1] if parts and parts[-1] not in ("src", "lib", "python") else _module(path)
