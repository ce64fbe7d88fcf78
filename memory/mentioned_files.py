"""Files that a text mentions: by their path or module, by a rare name that they define, or by the area of a line."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from memory.file_text import FileText

_RARE = 3  # files that may define a name that counts as a mention
_LONGEST = 400  # characters of a name; a longer one is data, and has too many beginnings and ends to be tried
_NAMED = 0.35  # beside 1 for a path or module
_NAME = re.compile(r"[A-Za-z_][\w./-]*\w")
_AREA = re.compile(r"\W*(\w[\w./-]*(?:, ?[\w./-]+)*)(?:\(([\w./, -]+)\))?[*`]*!?:[*`]* +(?=\S)")


def mentioned_files(text: str, files: Mapping[str, FileText]) -> dict[str, float]:
    """1 for a path or module that is written out, less for a rare name that a file defines; shared by those it fits."""
    said = {name.strip(".-/") for name in _NAME.findall(text) if len(name) <= _LONGEST}
    scores: dict[str, float] = {}
    defining = _index(files, lambda path, file: file.defines)
    parts = {part for name in said for part in re.split(r"[./-]", name)}
    for name in parts & defining.keys():
        # Plain English words are names too, by chance.
        if len(defining[name]) <= _RARE and (name.lower() != name or "_" in name):
            for path in defining[name]:
                scores[path] = max(scores.get(path, 0.0), _NAMED / len(defining[name]))
    called = _index(files, lambda path, file: _ways_to_write(path))
    for name in said:
        found = next((called[shorter] for shorter in _shorter(name) if shorter in called), ())
        for path in found:
            scores[path] = max(scores.get(path, 0.0), 1.0 / len(found))
    return scores


def files_of_areas(text: str, files: Iterable[str]) -> dict[str, float]:
    """1 for the files and folders that a line begins with: `memory: …`, `fix(api): …`, `a/b, c: d: …`."""
    areas = {area for line in text.split("\n") for area in _areas(line[:_LONGEST])}
    return {path: 1.0 for path in files if not areas.isdisjoint(_parts(path))} if areas else {}


def _areas(line: str) -> Iterator[str]:
    position = 0
    while found := _AREA.match(line, position):
        position = found.end()
        for name in re.split(r"[, ]+", f"{found[1]},{found[2] or ''}"):
            yield name.strip("./-").lower().replace("-", "_")


def _parts(path: str) -> Iterator[str]:
    """`a/b/c.py`: a, a/b, a/b/c, b, b/c, c."""
    parts = (path.rpartition(".")[0] or path).lower().replace("-", "_").split("/")
    return ("/".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1))


def _shorter(name: str) -> Iterator[str]:
    """What a name may mean, longest first: `/usr/lib/pkg/mod.py` the file `pkg/mod.py`, `pkg.mod.Class` `pkg.mod`."""
    yield name
    if "/" in name:
        folders = name.split("/")
        yield from ("/".join(folders[i:]) for i in range(1, len(folders) - 1))
    else:
        parts = name.split(".")
        yield from (".".join(parts[:i]) for i in range(len(parts) - 1, 1, -1))


def _ways_to_write(path: str) -> Iterable[str]:
    """`src/a/b.py`, `a/b.py`, `b.py`; `src.a.b`, `a.b`."""
    parts = path.split("/")
    stem = parts[-1].rpartition(".")[0] or parts[-1]
    for i in range(len(parts)):
        yield "/".join(parts[i:])
        if i < len(parts) - 1:
            yield ".".join([*parts[i:-1], stem])


def _index(files: Mapping[str, FileText], keys: Callable[[str, FileText], Iterable[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path, file in files.items():
        for key in keys(path, file):
            found[key].append(path)
    return found
