"""A repository's own history, replayed commit by commit with sleeps in between: is a stale note ever served?

Whether a note is true is not asked of the code that serves it. A tree is what git makes of the files on disk with an
index that it has never seen: a note is stale where that tree does not hold the blobs that it stands on, or where a
definition that it names is not in them. At each commit the memory is asked about what this one and the next are about,
on the commit itself and with the next one's changes lying there uncommitted, by a reader that has just opened it and by
one that has had it open all the time.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from agent.git_command import git_output
from evals.repositories import ENVIRONMENT, copy_head
from evals.survey_speed import Slept, sleep_once
from evals.tables import Column, Table
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog, new_id
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.recall import Recalled
from memory.records import Candidate, Experience, Outcome, Record, Task, Vote

PASSES = ("survey", "reflect", "merge")
"""Those that need no model and run nothing of the repository's."""
_MOST_RECALLED = 20
_BUDGET = 10_000  # tokens: more than any task asks for, so that nothing true keeps a stale note out
_MOST_PATHS = 3  # of a commit, that are asked about by their names
_LARGEST_PATCH = 200_000
_DEFINES = " defines: "

TreeKind = Literal["committed", "uncommitted"]
TREES: tuple[TreeKind, ...] = ("committed", "uncommitted")
Reader = Literal["new", "standing"]


class Visit(Record):
    """The memory was asked, at one commit, on one tree, by one reader."""

    commit: str
    tree: TreeKind
    reader: Reader
    after_sleep: bool
    questions: int
    served: int
    hidden: int
    """Notes that would have been served, had they been true of this tree."""
    stale: tuple[str, ...] = ()
    """What was served and is not true, a sentence each."""


class Commit(NamedTuple):
    """One step of a history."""

    id: str
    subject: str
    paths: tuple[str, ...]
    """What it changed, as far as it is still there."""
    patch: str
    """Empty for a merge, and for one too large."""


class Replay:
    """A copy of a repository, and its memory; `evals.own_memory` keeps both from the user's."""

    def __init__(self, source: Path, folder: Path, commits: int) -> None:
        """The last `commits` commits of HEAD. RepositoryError where there are none."""
        self.root = folder / "repository"
        head = copy_head(source, self.root)
        listed = _git(self.root, "rev-list", "--reverse", "--topo-order", f"--max-count={commits}", head)
        self.commits = listed.decode().split()
        self._scratch = folder
        self._contents: dict[str, str] = {}

    def run(self, every: int, passes: Sequence[str]) -> Iterator[Visit | Slept]:
        """Sleep at every so many commits, by turns on the commit and before the next one is committed."""
        home = MemoryHome.for_repository(self.root / ".git")
        commit = self._read(self.commits[0])
        with NoteStore.open(self.root, MemoryConfig()) as standing:
            for number, after in enumerate([*self.commits[1:], self.commits[-1]]):
                _git(self.root, "checkout", "--quiet", "--force", "--detach", commit.id)
                self._remember(commit, home)
                following = self._read(after)
                questions = _questions([commit, following])
                for place, tree in enumerate(TREES):
                    if tree == "uncommitted":
                        _git(self.root, "restore", "--source", following.id, "--worktree", "--", ".")
                    yield from self._visits(commit, tree, questions, standing, after_sleep=False)
                    if number % every == 0 and number // every % 2 == place:
                        yield sleep_once(self.root, passes)
                        yield from self._visits(commit, tree, questions, standing, after_sleep=True)
                _git(self.root, "reset", "--quiet", "--hard")
                _git(self.root, "clean", "-ffdq")
                commit = following

    def _visits(
        self, commit: Commit, tree: TreeKind, questions: Sequence[str], standing: NoteStore, *, after_sleep: bool
    ) -> Iterator[Visit]:
        held = tree_on_disk(self.root, self._scratch)
        with NoteStore.open(self.root, MemoryConfig()) as new:
            readers: tuple[tuple[Reader, NoteStore], ...] = (("new", new), ("standing", standing))
            for reader, store in readers:
                recalls = [store.recall(question, most=_MOST_RECALLED, budget=_BUDGET) for question in questions]
                served = [recalled for recall in recalls for recalled in recall.notes]
                problems = (problem_of(recalled, held, self._content) for recalled in served)
                yield Visit(
                    commit=commit.id,
                    tree=tree,
                    reader=reader,
                    after_sleep=after_sleep,
                    questions=len(questions),
                    served=len(served),
                    hidden=sum(recall.hidden for recall in recalls),
                    stale=tuple(problem for problem in problems if problem),
                )

    def _content(self, blob: str) -> str:
        if blob not in self._contents:
            text = _git(self.root, "cat-file", "blob", blob).decode("utf-8", "replace")
            self._contents[blob] = " ".join(text.split())
        return self._contents[blob]

    def _read(self, id: str) -> Commit:
        subject = _git(self.root, "show", "--no-patch", "--format=%s", id).decode("utf-8", "replace").strip()
        listed = _git(
            self.root, "diff-tree", "--root", "-r", "-z", "--no-commit-id", "--name-only", "--diff-filter=d", id
        )
        paths = tuple(path for path in listed.decode("utf-8", "surrogateescape").split("\0") if path)
        patch = _git(self.root, "diff-tree", "--root", "-p", "--no-commit-id", "--full-index", "--no-renames", id)
        text = patch.decode("utf-8", "surrogateescape")
        return Commit(id, subject, paths, text if len(text) <= _LARGEST_PATCH else "")

    def _remember(self, commit: Commit, home: MemoryHome) -> None:
        """A commit is a task that was finished: its subject was asked for, its patch was kept."""
        if not commit.patch:
            return
        experience = Experience(
            id=new_id(),
            task=Task(
                request=commit.subject, repo=str(self.root), base_commit=None, snapshot=commit.id, test_command=None
            ),
            status="unchecked",
            candidates=(Candidate(index=0, patch=commit.patch, fingerprint=commit.id),),
            vote=Vote(winner=0, votes=1, agreement=1.0, abstentions=0),
            model="the history",
            seconds={"propose": 0.0},
        )
        with ExperienceLog(home.experiences) as log:
            log.append(experience)
            log.add_outcome(Outcome(experience_id=experience.id, kind="committed", commit=commit.id))


def tree_on_disk(root: Path, scratch: Path) -> dict[str, str]:
    """Blob ids by path of the files that lie there, ignored ones left out, as git finds them when it looks at each."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, "read-tree", "HEAD", **index)  # no stat data comes with it, so that every file is read
        _git(root, "add", "--all", **index)
        tree = _git(root, "write-tree", **index).decode().strip()
    held = {}
    for entry in _git(root, "ls-tree", "-r", "-z", tree).split(b"\0"):
        about, _, path = entry.partition(b"\t")
        if path:
            held[path.decode("utf-8", "surrogateescape")] = about.split()[2].decode()
    return held


def problem_of(recalled: Recalled, held: Mapping[str, str], content: Callable[[str], str]) -> str | None:
    """Why a note is not true of a tree; None where it is. `content` gives a blob's words, one space between them."""
    note = recalled.note
    for anchor in recalled.anchors:
        if held.get(anchor.path) != anchor.blob:
            now = held.get(anchor.path, "gone")
            return f"{note.id} stands on {anchor.blob[:10]} at {anchor.path}, which is {now[:10]}"
    if note.source == "its symbols" and _DEFINES in note.text:
        [anchor] = recalled.anchors
        for signature in note.text.partition(_DEFINES)[2].split(" | "):
            words = signature.rstrip("…")
            if not signature.startswith("and ") and words not in content(anchor.blob):
                return f"{note.id} says that {anchor.path} defines {words!r}"
    return None


def served_table(visits: Sequence[Visit]) -> Table:
    """A row for each kind of tree and reader, and one for all."""
    rows: list[tuple[str | int, ...]] = []
    for tree in TREES:
        for reader in ("new", "standing"):
            rows.append((tree, reader, *_sums([v for v in visits if (v.tree, v.reader) == (tree, reader)])))
    rows.append(("all", "", *_sums(visits)))
    commits = len({visit.commit for visit in visits})
    return Table(
        name="served",
        caption=f"Notes served over {commits} commits, and how many of them were not true of the tree as git has it.",
        columns=(
            Column(name="tree"),
            Column(name="reader"),
            *(Column(name=name, format=",") for name in ("questions", "served", "hidden", "stale served")),
        ),
        rows=tuple(rows),
    )


def sleeps_table(sleeps: Sequence[Slept]) -> Table:
    """What the sleeps of a replay came to."""
    notes = sum(count.notes for slept in sleeps for count in slept.run.passes.values())
    forgotten = sum(count.forgotten for slept in sleeps for count in slept.run.passes.values())
    seconds = sorted(slept.cpu_seconds for slept in sleeps[1:]) or [sleeps[0].cpu_seconds]
    return Table(
        name="sleeps",
        caption="The sleeps: CPU seconds of the whole process with its start.",
        columns=(
            Column(name="sleeps"),
            Column(name="notes written", format=","),
            Column(name="given up", format=","),
            Column(name="the first, CPU s", format=".2f"),
            Column(name="later ones, median", format=".2f"),
        ),
        rows=((len(sleeps), notes, forgotten, sleeps[0].cpu_seconds, seconds[len(seconds) // 2]),),
    )


def _sums(visits: Sequence[Visit]) -> tuple[int, int, int, int]:
    return (
        sum(visit.questions for visit in visits),
        sum(visit.served for visit in visits),
        sum(visit.hidden for visit in visits),
        sum(len(visit.stale) for visit in visits),
    )


def _questions(commits: Sequence[Commit]) -> list[str]:
    """What somebody would ask who works on these: their subjects, and the files that have changed or are about to."""
    questions = [commit.subject for commit in commits]
    for commit in commits:
        questions += [f"what is {path} for, what does it define, who uses it" for path in commit.paths[:_MOST_PATHS]]
    return list(dict.fromkeys(question for question in questions if question.isprintable()))


def _git(root: Path, *arguments: str, **environment: str) -> bytes:
    return git_output(root, *arguments, env={**ENVIRONMENT, **environment})
