"""A map of the repository for a task: the signatures that matter most, within a budget of tokens."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from agent.chat import count_tokens
from agent.mentions import MOST_NAMESAKES, Line, named_files, names_in
from agent.symbol_rank import Indices, Ranking, SymbolGraph

_CODE, _WORD = 1.0, 0.2  # a name written as code, and a plain word that happens to be one
_PATH, _STEM = 1.0, 0.2  # a path, and a plain word that happens to be a file's name


def repo_map(
    graph: SymbolGraph,
    task: str,
    budget: int,
    suspicious: Mapping[str, float] | None = None,
    shown: Mapping[str, Collection[int]] | None = None,
) -> str:
    """The map for a task, at most `budget` tokens by `count_tokens`; "" where nothing fits or nothing is defined.

    `suspicious`: paths with weights above 0, 1.0 as much as a path that the task names. `shown`: by path the lines
    whose text is known already; what they define is ranked with the rest, but left out. Files come in the order of
    their rank, each with its chosen signatures in the file's order. The same arguments give the same map.
    """
    table = graph.table
    ranking, order = _ranked(graph, task, suspicious)
    chosen: dict[int, set[int]] = {}
    for best in order[_is_new(graph, shown or {})[order]].tolist():
        added = [index for index in _with_owners(graph, best) if index not in chosen.get(_file(graph, index), ())]
        file = _file(graph, best)
        cost = sum(count_tokens(table.signatures[index]) + 1 for index in added)
        cost += 0 if file in chosen else count_tokens(table.paths[file]) + 2
        if cost > budget:
            break
        budget -= cost
        chosen.setdefault(file, set()).update(added)
    by_rank = sorted(chosen, key=lambda file: (-ranking.files[file], file))
    return "\n\n".join("\n".join(_lines(graph, file, sorted(chosen[file]))) for file in by_rank)


def best_places(
    graph: SymbolGraph, task: str, count: int, suspicious: Mapping[str, float] | None = None
) -> list[tuple[Line, float]]:
    """Where the definitions begin that matter most for the task, best first, with their shares of the rank."""
    table = graph.table
    ranking, order = _ranked(graph, task, suspicious)
    return [
        (Line(table.paths[_file(graph, best)], int(table.definitions["line"][best])), float(ranking.definitions[best]))
        for best in order[:count].tolist()
    ]


def mentions(task: str, paths: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """The identifiers and the files of `paths` that a text names, each with a weight above 0."""
    names = {name: _CODE if is_code else _WORD for name, is_code in names_in(task).items()}
    stems: dict[str, list[str]] = {}
    for path in paths:
        stems.setdefault(path.rpartition("/")[2].partition(".")[0], []).append(path)
    files = {
        path: _STEM for name in names if len(stems.get(name, ())) <= MOST_NAMESAKES for path in stems.get(name, ())
    }
    return names, files | dict.fromkeys(named_files(task, paths), _PATH)


def _ranked(graph: SymbolGraph, task: str, suspicious: Mapping[str, float] | None) -> tuple[Ranking, Indices]:
    """The ranking for a task, and the definitions' indices, best first."""
    names, files = mentions(task, graph.table.paths)
    for path, weight in (suspicious or {}).items():
        files[path] = files.get(path, 0.0) + weight
    ranking = graph.rank(names, files)
    return ranking, np.argsort(-ranking.definitions, kind="stable")


def _is_new(graph: SymbolGraph, shown: Mapping[str, Collection[int]]) -> npt.NDArray[np.bool_]:
    """Of each definition, whether it begins on a line that is not shown."""
    table = graph.table
    is_new = np.ones(len(table.signatures), bool)
    for file, path in enumerate(table.paths):
        if path in shown:
            lines = np.fromiter(shown[path], np.int64)
            is_new &= (table.definition_file != file) | ~np.isin(table.definitions["line"], lines)
    return is_new


def _file(graph: SymbolGraph, index: int) -> int:
    return int(graph.table.definition_file[index])


def _with_owners(graph: SymbolGraph, index: int) -> Iterator[int]:
    """A definition and the ones around it."""
    while index >= 0:
        yield index
        index = int(graph.table.definitions["owner"][index])


def _lines(graph: SymbolGraph, file: int, indices: Sequence[int]) -> Iterator[str]:
    table = graph.table
    # Not UTF-8 is as escapes here: a prompt has to be text.
    yield table.paths[file].encode("utf-8", "backslashreplace").decode()
    last = 0
    for index in indices:
        line = int(table.definitions["line"][index])
        if line > last:
            yield table.signatures[index]
        last = max(last, line)
