"""Which files of a repository does a text speak of? Several lexical signals, fused, without any model.

Text      BM25 over the words of each file, its path included
Stems     the same, of words without their endings
Passages  BM25 of the best functions of the best files, their path included: a long file is not its average
Opening   what stands at the top of the best files: there it says what they are for
Names     words of the path, and of the functions and classes that a file defines (BLUiR, Saha et al. 2013)
Path      words of the path alone
History   past commits with a similar message vote for the files that they touched (BugLocator, Zhou et al. 2012)
Company   what changed in the same commits as the files that are best by all of these
Mentions  paths, modules and rare names that stand in the text as they are (memory/mentioned_files.py)
Area      folders and files that a line begins with, as in `memory: …` (there too)
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memory.bm25 import Term, as_written, bm25, bm25_each, in_all_forms
from memory.file_text import FileText
from memory.mentioned_files import files_of_areas, mentioned_files
from memory.words import stems_of, words

_VOTERS = 20  # past commits
_PASSAGED = 60  # files whose passages are looked at
_BEST_PASSAGES = 3  # of a file, added up
_LEADERS = 3  # files whose company counts
_LARGEST_CHANGE = 30  # paths; what changes more says nothing about which files belong together
WEIGHTS = {
    "text": 0.5,
    "stems": 0.5,
    "passages": 0.6,
    "opening": 0.2,
    "names": 0.25,
    "path": 0.4,
    "history": 0.6,
    "mentions": 1.0,
    "area": 0.4,
    "company": 0.2,
}
"""Of scores that are each divided by the best file's. Near a fit on 24 repositories, and none is sharp there."""
_TRAILER = re.compile(r"^(?:signed-off-by|co-authored-by|reviewed-by|change-id|cc):.*$", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"https?://\S+")

Scores = dict[str, float]


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


def by_text(question: str, files: Mapping[str, FileText]) -> Scores:
    """BM25 over file text and path: alone, the baseline."""
    return bm25(
        as_written(Counter(words(question))),
        {path: _sum(file.words, Counter(words(path))) for path, file in files.items()},
    )


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
    for i, score in bm25_each(as_written(question), range(len(keys)), documents).items():
        best[keys[i]] = max(best.get(keys[i], 0.0), score)
    return best


def rank_files(question: str, files: Mapping[str, FileText], history: Sequence[PastCommit]) -> Scores:
    """All files that anything speaks for, best first; `history` is older than the question, the newest first."""
    asked = weighted_words(question)
    stems = stems_of(asked)
    named = {path: Counter(words(path)) for path in files}
    whole = {path: _sum(file.words, named[path]) for path, file in files.items()}
    forms = in_all_forms(stems, whole.values())
    texts = {"text": bm25(as_written(asked), whole), "stems": bm25(forms, whole)}
    candidates = _best_first(_fused(texts), _PASSAGED)
    signals = {
        **texts,
        "passages": _by_passages(forms, {path: files[path] for path in candidates}, named),
        "opening": bm25(forms, {path: files[path].passages[0].words for path in candidates if files[path].passages}),
        "names": bm25(forms, {path: _sum(named[path], file.names) for path, file in files.items()}),
        "path": bm25(forms, named),
        "history": {path: vote for path, vote in _by_history(stems, history).items() if path in files},
        "mentions": mentioned_files(question, files),
        "area": files_of_areas(question, files),
    }
    total = _fused(signals)
    return _best_first(_fused({**signals, "company": _company(total, history)}) if history else total)


def rank_definitions(question: str, files: Mapping[str, FileText], by_file: Scores) -> dict[Definition, float]:
    """The functions and classes of the best files, best first: as good as their words and as their file, 0 to 2.

    `by_file` as `rank_files` gives them.
    """
    best = list(by_file)[:_PASSAGED]
    own = definitions_by_text(weighted_words(question), {path: files[path] for path in best})
    top_file, top = max(by_file.values(), default=1.0), max(own.values(), default=1.0)
    total = {each: score / top + by_file[each.path] / top_file for each, score in own.items()}
    return {each: total[each] for each in sorted(total, key=lambda each: (-total[each], each))}


def weighted_words(question: str) -> Counter[str]:
    """The first line says most; trailers and addresses say nothing."""
    clean = _ADDRESS.sub(" ", _TRAILER.sub(" ", question)).strip()
    first, _, rest = clean.partition("\n")
    asked = Counter({word: min(count, 2) for word, count in Counter(words(rest)).items()})
    for word in set(words(first)):
        asked[word] += 2
    return asked


def _fused(signals: Mapping[str, Scores]) -> Scores:
    total: Scores = defaultdict(float)
    for signal, scores in signals.items():
        top = max(scores.values(), default=0.0)
        for path, score in scores.items():
            total[path] += WEIGHTS[signal] * score / top if top > 0 else 0.0
    return total


def _best_first(scores: Scores, most: int | None = None) -> Scores:
    return {path: scores[path] for path in sorted(scores, key=lambda path: (-scores[path], path))[:most]}


def _sum(counts: Counter[str], more: Counter[str]) -> Counter[str]:
    """`+` of counters is ten times slower."""
    sum = counts.copy()
    sum.update(more.elements())
    return sum


def _by_passages(terms: Sequence[Term], files: Mapping[str, FileText], named: Mapping[str, Counter[str]]) -> Scores:
    """The scores of each file's best passages together."""
    paths = [path for path, file in files.items() for _ in file.passages]
    passages = [_sum(passage.words, named[path]) for path, file in files.items() for passage in file.passages]
    found: dict[str, list[float]] = defaultdict(list)
    for i, score in bm25_each(terms, range(len(paths)), passages).items():
        found[paths[i]].append(score)
    return {path: sum(sorted(scores)[-_BEST_PASSAGES:]) for path, scores in found.items()}


def _by_history(stems: Mapping[str, int], history: Sequence[PastCommit]) -> Scores:
    """Votes of the most similar past commits, each shared by the files that it touched."""
    messages = [commit.words for commit in history]
    similar = bm25_each(in_all_forms(stems, messages), range(len(history)), messages)
    votes: Scores = defaultdict(float)
    for i in sorted(similar, key=lambda i: -similar[i])[:_VOTERS]:
        paths = history[i].paths
        for path in paths:
            votes[path] += similar[i] / math.sqrt(len(paths))
    return votes


def _company(scores: Scores, history: Sequence[PastCommit]) -> Scores:
    """How much of the life of each file was spent with a leader, times the leader's own score."""
    leaders = _best_first(scores, _LEADERS)
    changes = [frozenset(commit.paths) for commit in history if len(commit.paths) <= _LARGEST_CHANGE]
    count = Counter(path for change in changes for path in change)
    company: Scores = {}
    for leader in leaders:
        shared: Scores = defaultdict(float)
        for change in changes:
            if leader in change:
                for path in change - {leader}:
                    shared[path] += 1 / math.sqrt(len(change))
        for path, weight in shared.items():
            if path in scores:
                bond = scores[leader] * weight / math.sqrt(count[leader] * count[path] + 4)
                company[path] = max(company.get(path, 0.0), bond)
    return company
