"""Does the memory know which files a task is about? Asked of a repository's own history, or of SWE-bench's instances.

The question is a commit's message (or a problem statement), right are the source files that it modified. Each is
answered with what could be known at its parent: that tree's files, and the commits before it. Recall@k is the mean
share of the right files among the first k, MRR the mean of 1 / rank of the first right one. Tests are left out of the
files and of what is right; beside it stands BM25 over the same files with the same words.

Of functions right are those, and the classes, that hold a line which the commit removed or replaced, or after which it
inserted one; beside them stands BM25 over all functions, the path of their file included.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from agent.git_command import git_output, run_git
from agent.relevance import is_source
from agent.word_cache import packed
from evals.charts import Chart, Series
from evals.paired import bootstrap_mean
from evals.tables import Column, Table
from memory.file_rank import (
    Definition,
    PastCommit,
    by_text,
    definitions_by_text,
    rank_definitions,
    rank_files,
)
from memory.file_text import FileText
from memory.records import Record
from memory.words import words

K = TypeVar("K")

DEPTHS = (1, 3, 5, 10)
_LARGEST = 1_000_000  # bytes of a file; larger ones are data
_MOST_RIGHT = 3  # files; a commit that touches more is no one task
_MOST_HISTORY = 5_000
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? ")
_ROUTINE = re.compile(r"(?i)^(?:merge|revert|bump|release|version|update changelog|\[pre-commit)\b|\bv?\d+\.\d+\.\d+\b")


class Question(Record):
    """What is asked at a commit."""

    id: str
    text: str
    parent: str
    """The commit at which it is answered."""
    right: tuple[str, ...]
    changed: dict[str, tuple[int, ...]] = {}
    """By file: the lines, from 0, that were changed or after which there is something new."""


class Answer(Record):
    """Where the right files came, from 1; None where they did not."""

    id: str
    ranks: tuple[int | None, ...]
    bm25_ranks: tuple[int | None, ...]
    seconds: float
    """CPU seconds of ranking all files, without reading them."""
    files: int
    function_ranks: tuple[int | None, ...] = ()
    """Empty where no function was changed."""
    bm25_function_ranks: tuple[int | None, ...] = ()
    index_bytes: int = 0
    """Of the words of all files and passages, as the agent keeps them (agent/word_cache.py)."""


class Commit(Record):
    """One of the history."""

    id: str
    parents: tuple[str, ...]
    message: str
    paths: tuple[str, ...]


class History:
    """The commits before a commit, newest first."""

    def __init__(self, repo: Path, start: Sequence[str]) -> None:
        """Of everything that can be reached from `start`, the newest few thousand."""
        self._commits = {commit.id: commit for commit in _log(repo, start)}
        self._words = {id: Counter(words(commit.message)) for id, commit in self._commits.items()}

    def __iter__(self) -> Iterator[Commit]:
        return iter(self._commits.values())

    def until(self, id: str) -> list[PastCommit]:
        """That commit and what came before it; nothing of other branches."""
        seen, left = set(), [id]
        while left:
            commit = self._commits.get(left.pop())
            if commit and commit.id not in seen:
                seen.add(commit.id)
                left += commit.parents
        return [PastCommit(self._words[id], self._commits[id].paths) for id in self._commits if id in seen]


def own_history(repo: Path, count: int) -> tuple[list[Question], History]:
    """The newest commits that are one task each: a message that says something, one to three source files modified."""
    history = History(repo, ["HEAD"])
    questions = []
    for commit in history:
        if len(commit.parents) != 1 or _ROUTINE.search(commit.message.partition("\n")[0]):
            continue
        right = _modified(repo, commit) if 1 <= sum(map(is_source, commit.paths)) <= _MOST_RIGHT else ()
        if right and len(words(commit.message)) >= 3:
            text = commit.message.strip()
            patch = _git(repo, "diff-tree", "-p", "-U0", "--no-renames", f"{commit.id}^", commit.id, "--", *right)
            changed = changed_lines(patch)
            questions.append(
                Question(id=commit.id[:12], text=text, parent=commit.parents[0], right=right, changed=changed)
            )
        if len(questions) == count:
            break
    return questions, history


def instances(repo: Path, path: Path) -> tuple[list[Question], History]:
    """The rows of a file in SWE-bench's fields whose base commit the repository has."""
    text = path.read_text(encoding="utf-8")
    rows = (
        json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line]
    )
    questions = []
    for row in rows:
        if run_git(repo, "cat-file", "-e", f"{row['base_commit']}^{{commit}}").status:
            continue
        held = {line for line in _git(repo, "ls-tree", "-r", "--name-only", row["base_commit"]).split("\n")}
        named = re.findall(r"^--- a/(.+?)\s*$", row["patch"], re.MULTILINE)
        right = tuple(dict.fromkeys(name for name in named if name in held and is_source(name)))
        if right:
            question = Question(
                id=row["instance_id"],
                text=row["problem_statement"],
                parent=row["base_commit"],
                right=right,
                changed=changed_lines(row["patch"]),
            )
            questions.append(question)
    return questions, History(repo, [question.parent for question in questions]) if questions else History(
        repo, ["HEAD"]
    )


def changed_lines(patch: str) -> dict[str, tuple[int, ...]]:
    """By old path: the lines, from 0, that a patch removes, or after which it inserts; of context nothing."""
    found: dict[str, list[int]] = {}
    path, line = "", 0
    for row in patch.split("\n"):
        if row.startswith("--- a/"):
            path = row.removeprefix("--- a/").rstrip("\t\r")
        elif hunk := _HUNK.match(row):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            line = first - 1 if count else first  # a hunk that only inserts names the line before
        elif row.startswith(("+", "-")) and not row.startswith("+++ "):
            inserted_after = max(0, line - 1)
            found.setdefault(path, []).append(line if row[0] == "-" else inserted_after)
            line += row[0] == "-"
        elif row.startswith(" "):
            line += 1
    return {path: tuple(dict.fromkeys(lines)) for path, lines in found.items()}


def answer(repo: Path, questions: Sequence[Question], history: History, tell: Callable[[int], None]) -> list[Answer]:
    """Rank the files of each question's tree, by everything and by BM25 alone."""
    texts: dict[str, FileText] = {}
    answers = []
    for question in questions:
        files = _files(repo, question.parent, texts)
        past = history.until(question.parent)
        began = time.process_time()
        ranked = rank_files(question.text, files, past)
        seconds = time.process_time() - began
        scores = by_text(question.text, files)
        baseline = sorted(scores, key=lambda path: (-scores[path], path))
        made = Answer(
            id=question.id,
            ranks=_ranks(question.right, list(ranked)),
            bm25_ranks=_ranks(question.right, baseline),
            seconds=seconds,
            files=len(files),
            index_bytes=sum(sum(map(len, packed(file))) for file in files.values()),
        )
        if functions := _functions(question, files):
            own = definitions_by_text(Counter(words(question.text)), files)
            alone = sorted(own, key=lambda each: (-own[each], each))
            ours = list(rank_definitions(question.text, files, ranked))
            ranks = {"function_ranks": _ranks(functions, ours), "bm25_function_ranks": _ranks(functions, alone)}
            made = made.model_copy(update=ranks)
        answers.append(made)
        tell(len(answers))
    return answers


def recall_at(ranks: Iterable[Sequence[int | None]], k: int) -> float:
    """Mean share of the right files among the first k."""
    shares = [sum(rank is not None and rank <= k for rank in each) / len(each) for each in ranks]
    return sum(shares) / len(shares)


def mean_reciprocal_rank(ranks: Iterable[Sequence[int | None]]) -> float:
    """Of the first right file; 0 where none came."""
    firsts = [min((rank for rank in each if rank), default=None) for each in ranks]
    return sum(1 / first if first else 0.0 for first in firsts) / len(firsts)


def gain(answers: Sequence[Answer], k: int) -> tuple[float, float, float]:
    """By how much recall@k is above BM25's, and the ends of the 95 % bootstrap interval over questions."""
    each = [recall_at([a.ranks], k) - recall_at([a.bm25_ranks], k) for a in answers]
    return sum(each) / len(each), *bootstrap_mean(each)


class Ranking(NamedTuple):
    """Where the right files or functions of each question came in one order of them all."""

    what: str
    by: str
    ranks: list[tuple[int | None, ...]]


def rankings(answers: Sequence[Answer]) -> list[Ranking]:
    """Of files, and of functions where any were changed, each beside BM25's."""
    with_functions = [answer for answer in answers if answer.function_ranks]
    found = (
        Ranking("files", "BM25", [a.bm25_ranks for a in answers]),
        Ranking("files", "sleepwright", [a.ranks for a in answers]),
        Ranking("functions", "BM25", [a.bm25_function_ranks for a in with_functions]),
        Ranking("functions", "sleepwright", [a.function_ranks for a in with_functions]),
    )
    return [ranking for ranking in found if ranking.ranks]


def recall_table(answers: Sequence[Answer]) -> Table:
    """Recall at several depths."""
    return Table(
        name="recall",
        caption=f"Mean share of what is right among the first k, and MRR, over {len(answers)} questions.",
        columns=(
            Column(name="ranked"),
            Column(name="by"),
            Column(name="n", format="d"),
            *(Column(name=f"recall@{k}", format=".1%") for k in DEPTHS),
            Column(name="MRR", format=".3f"),
        ),
        rows=tuple(
            (what, by, len(ranks), *(recall_at(ranks, k) for k in DEPTHS), mean_reciprocal_rank(ranks))
            for what, by, ranks in rankings(answers)
        ),
    )


def gain_table(answers: Sequence[Answer]) -> Table:
    """What was gained at 5, and what an answer costs."""
    mean, low, high = gain(answers, 5)
    seconds = sorted(answer.seconds for answer in answers)[len(answers) // 2]
    return Table(
        name="gain",
        caption="Recall@5 above BM25's with the 95 % bootstrap interval over questions; the median of CPU seconds a "
        "question; the newest files, and what their words take.",
        columns=(
            Column(name="questions"),
            *(Column(name=name, format="+.1%") for name in ("recall@5", "from", "to")),
            Column(name="CPU s", format=".2f"),
            *(Column(name="files"), Column(name="MB", format=".1f")),
        ),
        rows=((len(answers), mean, low, high, seconds, answers[-1].files, answers[-1].index_bytes / 1e6),),
    )


def recall_chart(answers: Sequence[Answer]) -> Chart:
    """The same as curves."""
    depths = tuple(map(float, DEPTHS))
    series = tuple(
        Series(label=f"{what}, {by}", x=depths, y=tuple(recall_at(ranks, k) for k in DEPTHS))
        for what, by, ranks in rankings(answers)
    )
    return Chart(
        name="recall", title="What is a task about?", x_label="k", y_label="recall@k", series=series,
        y_range=(0.0, 1.0), percent=True,
    )  # fmt: skip


def _functions(question: Question, files: Mapping[str, FileText]) -> list[Definition]:
    """The functions and classes of the right files that were changed."""
    found: dict[Definition, None] = {}
    for path in question.right:
        for line in question.changed.get(path, ()) if path in files else ():
            start = files[path].definition_at(line)
            if start is not None:
                found[Definition(path, start)] = None
    return list(found)


def _ranks(right: Sequence[K], ranked: Sequence[K]) -> tuple[int | None, ...]:
    place = {each: number for number, each in enumerate(ranked, start=1)}
    return tuple(place.get(each) for each in right)


def _files(repo: Path, commit: str, texts: dict[str, FileText]) -> dict[str, FileText]:
    """The source files of a commit by path; each blob is read once."""
    listed = _git(repo, "ls-tree", "-r", "-l", "-z", commit).split("\0")
    wanted: dict[str, str] = {}
    for about, _, path in (line.partition("\t") for line in listed if line):
        _, kind, blob, size = about.split()
        if kind == "blob" and is_source(path) and int(size) <= _LARGEST:
            wanted[path] = blob
    missing = sorted(set(wanted.values()) - texts.keys())
    texts.update(zip(missing, map(FileText.of, _blobs(repo, missing)), strict=True))
    return {path: texts[blob] for path, blob in wanted.items()}


def _blobs(repo: Path, ids: Sequence[str]) -> Iterator[str]:
    output = run_git(repo, "cat-file", "--batch", stdin="\n".join(ids).encode()).output if ids else b""
    position = 0
    for _ in ids:
        end = output.index(b"\n", position)
        size = int(output[position:end].split()[2])
        yield output[end + 1 : end + 1 + size].decode("utf-8", "replace")
        position = end + 1 + size + 1


def _log(repo: Path, start: Sequence[str]) -> Iterator[Commit]:
    command = ("log", f"--max-count={_MOST_HISTORY}", "--topo-order", "--name-only", "--no-renames", "-z")
    starts = list(dict.fromkeys(start))
    raw = _git(repo, *command, "--format=%x01%H%x02%P%x02%B%x03", "--stdin", stdin="\n".join(starts).encode())
    for part in raw.split("\x01")[1:]:
        about, _, paths = part.partition("\x03")
        id, parents, message = about.split("\x02", 2)
        names = tuple(path.strip("\n") for path in paths.split("\0") if path.strip("\n"))
        yield Commit(id=id, parents=tuple(parents.split()), message=message, paths=names)


@cache
def _modified(repo: Path, commit: Commit) -> tuple[str, ...]:
    """Source files that it modified, not added or deleted."""
    raw = _git(
        repo, "diff-tree", "-r", "-z", "--no-renames", "--name-only", "--diff-filter=M", f"{commit.id}^", commit.id
    )
    return tuple(path for path in raw.split("\0") if path and is_source(path))


def _git(repo: Path, *arguments: str, stdin: bytes = b"") -> str:
    return git_output(repo, *arguments, stdin=stdin).decode("utf-8", "surrogateescape")
