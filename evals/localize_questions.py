"""What localize.py asks: commits of one task each, or SWE-bench's instances, with what is right and what was known."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ValidationError

from agent.git_command import git_output, run_git
from agent.relevance import is_source
from evals.swe.instances import read_rows
from memory.file_rank import PastCommit
from memory.records import Record
from memory.words import words

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


class Row(BaseModel):
    """Of an instance in SWE-bench's fields, what the question needs."""

    instance_id: str
    base_commit: str
    problem_statement: str
    patch: str


def instances(repo: Path, path: Path) -> tuple[list[Question], History]:
    """The rows of a file in SWE-bench's fields whose base commit the repository has; malformed ones ask nothing."""
    questions = []
    for row in _rows(path):
        if run_git(repo, "cat-file", "-e", f"{row.base_commit}^{{commit}}").status:
            continue
        held = set(_git(repo, "ls-tree", "-r", "-z", "--name-only", row.base_commit).split("\0"))
        named = re.findall(r"^--- a/(.+?)\s*$", row.patch, re.MULTILINE)
        right = tuple(dict.fromkeys(name for name in named if name in held and is_source(name)))
        if right:
            question = Question(
                id=row.instance_id,
                text=row.problem_statement,
                parent=row.base_commit,
                right=right,
                changed=changed_lines(row.patch),
            )
            questions.append(question)
    return questions, History(repo, [question.parent for question in questions] or ["HEAD"])


def _rows(path: Path) -> Iterator[Row]:
    for row in read_rows(path):
        with suppress(ValidationError):
            yield Row.model_validate(row)


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
