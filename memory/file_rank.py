"""Which files of a repository does a text speak of? Several lexical signals, fused, without any model.

Text     BM25 over the words of each file (Robertson and Zaragoza 2009), its path included
Passage  BM25 of the best function of the best files: a long file is not its average
Names    words of the path, and of the functions and classes that a file defines (BLUiR, Saha et al. 2013)
History  past commits with a similar message vote for the files that they touched (BugLocator, Zhou et al. 2012)
Mentions paths, modules and rare names that stand in the text as they are
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from memory.words import words

K = TypeVar("K")

_K1, _B = 1.5, 0.75
_VOTERS = 20  # past commits
_PASSAGED = 60  # files whose passages are looked at
_LONGEST_PASSAGE = 80  # lines
_RARE = 3  # files that may define a name that counts as a mention
WEIGHTS = {"text": 1.0, "passage": 0.4, "names": 0.4, "history": 0.35, "mentions": 1.5}
"""Of scores that are each divided by the best file's. Near those that were best by ranks on three repositories."""
_DEFINES = re.compile(
    r"^[ \t]*(?:(?:export|pub(?:\(\w+\))?|static|async|public|private|protected|abstract|final)\s+)*"
    r"(?:def|class|func|function|fn|struct|enum|trait|impl|interface|type|module)\s+(?:\([^)]*\)\s*)?(\w+)",
    re.MULTILINE,
)
_TRAILER = re.compile(r"^(?:signed-off-by|co-authored-by|reviewed-by|change-id|cc):.*$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"https?://\S+")
_NAME = re.compile(r"[A-Za-z_][\w./-]*\w")


@dataclass(frozen=True)
class FileText:
    """One version of a file; what is made of it is made once."""

    text: str

    @cached_property
    def words(self) -> Counter[str]:
        return Counter(words(self.text))

    @cached_property
    def defines(self) -> frozenset[str]:
        """Names of its functions and classes."""
        return frozenset(_DEFINES.findall(self.text))

    @cached_property
    def passages(self) -> tuple["Passage", ...]:
        """Each function in pieces of so many lines, and what stands before the first."""
        lines = self.text.split("\n")
        definitions = [i for i, line in enumerate(lines) if _DEFINES.match(line)]
        ends = [*definitions, len(lines)]
        return tuple(
            Passage(start, Counter(words("\n".join(lines[i : min(i + _LONGEST_PASSAGE, end)]))))
            for start, end in zip([None, *definitions], ends, strict=True)
            for i in range(start or 0, end, _LONGEST_PASSAGE)
        )

    def definition_at(self, line: int) -> int | None:
        """The line in which the function or class begins that holds this one; both from 0, None before the first."""
        starts = (passage.start for passage in self.passages if passage.start is not None)
        return max((start for start in starts if start <= line), default=None)


class Passage(NamedTuple):
    """A piece of a file."""

    start: int | None
    """The line, from 0, in which its function or class begins; None before the first."""
    words: Counter[str]


@dataclass(frozen=True)
class PastCommit:
    """A commit before the question."""

    words: Counter[str]
    """Of its message."""
    paths: tuple[str, ...]


class Definition(NamedTuple):
    """A function or class: its file, and the line, from 0, in which it begins."""

    path: str
    line: int


Scores = dict[str, float]


def by_text(question: str, files: Mapping[str, FileText]) -> Scores:
    """BM25 over file text and path: alone, the baseline."""
    documents = {path: file.words + Counter(words(path)) for path, file in files.items()}
    return _bm25(Counter(words(question)), documents)


def definitions_by_text(question: Mapping[str, int], files: Mapping[str, FileText]) -> dict[Definition, float]:
    """BM25 of the best passage of each function and class, its file's path included: alone, the baseline."""
    keys, documents = [], []
    for path, file in files.items():
        named = Counter(words(path))
        for passage in file.passages:
            if passage.start is not None:
                keys.append(Definition(path, passage.start))
                documents.append(passage.words + named)
    best: dict[Definition, float] = {}
    for i, score in _bm25_of(question, range(len(keys)), documents).items():
        best[keys[i]] = max(best.get(keys[i], 0.0), score)
    return best


def rank_definitions(question: str, files: Mapping[str, FileText], history: Sequence[PastCommit]) -> list[Definition]:
    """The functions and classes of the best files, best first: as good as their words and as their file."""
    by_file = _scores(question, files, history)
    best = sorted(by_file, key=lambda path: (-by_file[path], path))[:_PASSAGED]
    own = definitions_by_text(weighted_words(question), {path: files[path] for path in best})
    top_file, top = max(by_file.values(), default=1.0), max(own.values(), default=1.0)
    total = {each: score / top + by_file[each.path] / top_file for each, score in own.items()}
    return sorted(total, key=lambda each: (-total[each], each))


def rank_files(question: str, files: Mapping[str, FileText], history: Sequence[PastCommit]) -> list[str]:
    """All files that anything speaks for, best first; `history` is older than the question."""
    total = _scores(question, files, history)
    return sorted(total, key=lambda path: (-total[path], path))


def _scores(question: str, files: Mapping[str, FileText], history: Sequence[PastCommit]) -> Scores:
    asked = weighted_words(question)
    text = _bm25(asked, {path: file.words + Counter(words(path)) for path, file in files.items()})
    best = sorted(text, key=lambda path: (-text[path], path))[:_PASSAGED]
    signals = {
        "text": text,
        "passage": _by_passage(asked, {path: files[path] for path in best}),
        "names": _bm25(asked, {path: _names(path, file) for path, file in files.items()}),
        "history": {path: vote for path, vote in _by_history(asked, history).items() if path in files},
        "mentions": _by_mentions(question, files),
    }
    total: Scores = defaultdict(float)
    for signal, scores in signals.items():
        top = max(scores.values(), default=0.0)
        for path, score in scores.items():
            total[path] += WEIGHTS[signal] * score / top if top > 0 else 0.0
    return total


def weighted_words(question: str) -> Counter[str]:
    """The first line says most; trailers and addresses say nothing."""
    clean = _ADDRESS.sub(" ", _TRAILER.sub(" ", question)).strip()
    first, _, rest = clean.partition("\n")
    asked = Counter({word: min(count, 2) for word, count in Counter(words(rest)).items()})
    for word in set(words(first)):
        asked[word] += 2
    return asked


def _bm25(asked: Mapping[str, int], documents: Mapping[str, Counter[str]]) -> Scores:
    return _bm25_of(asked, list(documents), list(documents.values()))


def _bm25_of(asked: Mapping[str, int], keys: Sequence[K], documents: Sequence[Counter[str]]) -> dict[K, float]:
    lengths = [document.total() for document in documents]
    mean = sum(lengths) / len(lengths) if lengths else 1.0
    scores: dict[K, float] = defaultdict(float)
    for word, weight in asked.items():
        holding = [(i, count) for i, document in enumerate(documents) if (count := document.get(word))]
        rarity = math.log(1 + (len(documents) - len(holding) + 0.5) / (len(holding) + 0.5))
        for i, count in holding:
            damped = count + _K1 * (1 - _B + _B * lengths[i] / mean) if mean else 1.0
            scores[keys[i]] += weight * rarity * count * (_K1 + 1) / damped
    return scores


def _by_passage(asked: Mapping[str, int], files: Mapping[str, FileText]) -> Scores:
    """The score of each file's best passage."""
    paths = [path for path, file in files.items() for _ in file.passages]
    found = _bm25_of(asked, range(len(paths)), [passage.words for file in files.values() for passage in file.passages])
    best: Scores = {}
    for i, score in found.items():
        best[paths[i]] = max(best.get(paths[i], 0.0), score)
    return best


def _names(path: str, file: FileText) -> Counter[str]:
    return Counter(words(path)) + Counter(word for name in file.defines for word in words(name))


def _by_history(asked: Mapping[str, int], history: Sequence[PastCommit]) -> Scores:
    """Votes of the most similar past commits, each shared by the files that it touched."""
    similar = _bm25_of(asked, range(len(history)), [commit.words for commit in history])
    votes: Scores = defaultdict(float)
    for i in sorted(similar, key=lambda i: -similar[i])[:_VOTERS]:
        paths = history[i].paths
        for path in paths:
            votes[path] += similar[i] / math.sqrt(len(paths))
    return votes


def _by_mentions(question: str, files: Mapping[str, FileText]) -> Scores:
    """1 for a path or module that is written out, less for a rare name that a file defines."""
    said = {name.strip(".-/") for name in _NAME.findall(question)}
    said |= {name.rpartition(".")[0] for name in said if name.count(".") > 1}  # `package.module.function`
    scores: Scores = {}
    defining = _index(files, lambda path, file: file.defines)
    for name in said & defining.keys():
        # Plain English words are names too, by chance.
        if len(defining[name]) <= _RARE and (name.lower() != name or "_" in name):
            for path in defining[name]:
                scores[path] = max(scores.get(path, 0.0), 0.35 / len(defining[name]))
    called = _index(files, lambda path, file: _ways_to_write(path))
    for name in said & called.keys():
        for path in called[name]:
            scores[path] = max(scores.get(path, 0.0), 1.0 / len(called[name]))
    return scores


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
