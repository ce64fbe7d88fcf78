"""Does the memory know which files a task is about? Asked of a repository's own history, or of SWE-bench's instances.

The question is a commit's message (or a problem statement), right are the source files that it modified. Each is
answered with what could be known at its parent: that tree's files, and the commits before it. Tests are left out of
the files and of what is right; beside it stands BM25 over the same files with the same words.

Of functions right are those, and the classes, that hold a line which the commit removed or replaced, or after which it
inserted one; beside them stands BM25 over all functions, the path of their file included. What is asked is in
localize_questions.py, what the answers come to in localize_tables.py.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from agent.git_command import git_output, run_git
from agent.relevance import is_source
from agent.word_cache import packed
from evals.localize_questions import History, Question
from memory.file_rank import (
    Definition,
    by_text,
    definitions_by_text,
    rank_definitions,
    rank_files,
)
from memory.file_text import FileText
from memory.records import Record
from memory.words import words

K = TypeVar("K")

_LARGEST = 1_000_000  # bytes of a file; larger ones are data


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
    listed = git_output(repo, "ls-tree", "-r", "-l", "-z", commit).decode("utf-8", "surrogateescape").split("\0")
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
