"""What a model is shown of a snapshot, and the snapshot as what it says is compared with it."""

import re
from functools import lru_cache

import numpy as np

from agent.symbol_cache import name_key
from sleeptime.study import Study
from sleeptime.verification import Tree

LONGEST = 24_000
"""Characters of a file that are shown."""
_DOCUMENTS = ("readme", "contributing", "makefile", "gnumakefile", "package.json", "pyproject.toml", "tox.ini")
_DOCUMENT_ENDINGS = (".md", ".rst", ".yml", ".yaml", ".mk")
_MOST_DOCUMENTS = 60
_WORD = re.compile(r"\w+")


def tree_of(study: Study) -> Tree:
    """The snapshot, as claims are compared with it."""
    table = study.overview.table
    place = {path: index for index, path in enumerate(table.paths)}

    @lru_cache(maxsize=64)
    def read(path: str) -> str:
        return text_of(study, path) if path in study.blobs else ""

    def defines(path: str, name: str) -> bool:
        if path not in place:
            return name in _WORD.findall(read(path))
        begin, end = np.searchsorted(table.definition_file, [place[path], place[path] + 1]).tolist()
        return bool(np.any(table.definitions["name"][begin:end] == name_key(name)))

    def definer(name: str) -> str | None:
        files = np.unique(table.definition_file[table.definitions["name"] == name_key(name)])
        return table.paths[int(files[0])] if len(files) == 1 else None

    documents = [path for path in study.blobs if _is_document(path)]
    return Tree(study.blobs, read, defines, definer, study.test_command, tuple(documents[:_MOST_DOCUMENTS]))


def _is_document(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.startswith(_DOCUMENTS) or (name.endswith(_DOCUMENT_ENDINGS) and path.count("/") <= 2)


def text_of(study: Study, path: str) -> str:
    return study.repository.contents([study.blobs[path]])[0].decode("utf-8", "replace")


def shortened(text: str) -> str:
    """Whole lines, from the beginning and from the end."""
    if len(text) <= LONGEST:
        return text
    head = text[: 2 * LONGEST // 3].rpartition("\n")[0]
    tail = text[-LONGEST // 3 :].partition("\n")[2]
    return f"{head}\n⋮\n{tail}"
