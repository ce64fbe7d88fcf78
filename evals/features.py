"""SWE-Features (arXiv 2504.13171, section 6) on any repository's own multi-file commits, with any endpoint.

A question is the message of a commit that modified several source files, asked of the tree before it; the answer
counts by the files that it changes: F1 against those that the commit modified, at caps on the steps of the agent.
Beside it lie the commits of that kind that came last before it. The sleeper reads them one by one and writes a note on
each, which a run then recalls; a run without sleep is given the same material with the question.

Other than there: commits stand for pull requests, and the last ones before a question for those that resemble it, so
that the choice knows nothing of the answer. The repository ends before the commit. A step is a request; the cap ends a
run and is not announced. Tests are neither asked for nor run.
"""

import io
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from agent.chat import Message
from agent.deadline import Deadline
from agent.git_command import git_output, run_git
from agent.graph import solve
from agent.permissions import Permissions
from agent.relevance import is_source
from agent.rollout.toolbox import Workplace
from agent.sandbox import Sandbox
from agent.served import ServedModel
from agent.state import AgentContext
from agent.templates import render_from
from agent.workspace import Repository
from evals.errors import DatasetError
from evals.repositories import commit_all, start_repository, unpack
from evals.silence import Silence
from evals.sleep_trials import Slept, Trial
from memory.config import MemoryConfig
from memory.errors import NoteRefused
from memory.experiences import new_id
from memory.home import MemoryHome
from memory.note_rules import LONGEST_TEXT, MOST_ANCHORS
from memory.note_store import NoteStore
from memory.records import Experience, Record, Task, Tokens
from memory.runs import Begun, Run
from memory.words import words
from memory.work_tree import WorkTree

STEPS = (5, 10, 20)
SIBLINGS = 3
LEAST_FILES, MOST_FILES = 3, 12
_MOST_COMMITS = 2_000
_LONGEST_PATCH = 12_000  # characters of a sibling that are shown
_NOTE_TOKENS = 1_024
_HERE = Path(__file__).parent

Open = Callable[[int | None], AbstractContextManager[ServedModel]]
"""Opens the model with a limit on its requests."""


class Feature(Record):
    """A commit as a question, and what came before it."""

    id: str
    request: str
    parent: str
    right: tuple[str, ...]
    siblings: tuple[str, ...]
    """Commits, the newest first."""


@dataclass(frozen=True)
class Place:
    """Where the trials of one feature are run."""

    repository: Repository
    home: MemoryHome
    sandbox: Sandbox

    def notes(self) -> NoteStore:
        return NoteStore(WorkTree.open(self.repository.root), self.home, MemoryConfig())


def own_features(repo: Path, count: int) -> list[Feature]:
    """The newest commits that modified three to twelve source files, each with those of the kind before it."""
    found = [
        (commit, right)
        for commit in _git(repo, "rev-list", "--no-merges", f"--max-count={_MOST_COMMITS}", "HEAD").split()
        if LEAST_FILES <= len(right := _modified(repo, commit)) <= MOST_FILES
    ]
    features = []
    for place, (commit, right) in enumerate(found):
        message = _git(repo, "log", "-1", "--format=%B", commit).strip()
        before = [earlier for earlier, _ in found[place + 1 :] if _is_ancestor(repo, earlier, commit)][:SIBLINGS]
        if before and len(words(message)) >= 3:
            features.append(
                Feature(id=commit[:12], request=message, parent=f"{commit}^", right=right, siblings=tuple(before))
            )
        if len(features) == count:
            return features
    if not features:
        raise DatasetError(f"No commit of {str(repo)!r} modified {LEAST_FILES} source files after another that did.")
    return features


def ask(
    repo: Path, features: Sequence[Feature], open_model: Open, sandbox: Sandbox, folder: Path, steps: Sequence[int]
) -> Iterator[Trial | Slept]:
    """Every feature without sleep and with it, at every cap on the steps. `folder` is scratch."""
    for feature in features:
        place = _place(repo, feature, sandbox, folder / feature.id)
        material = [_shown(repo, commit) for commit in feature.siblings]
        for cap in steps:
            request = render_from(_HERE, "features_request", request=feature.request, material=material)
            yield _trial(feature, place, open_model, cap, request, "without")
        yield _sleep(feature, repo, place, open_model)
        for cap in steps:
            request = render_from(_HERE, "features_request", request=feature.request, material=[])
            yield _trial(feature, place, open_model, cap, request, "with")


def f1(touched: Sequence[str], right: Sequence[str]) -> float:
    """Of two sets of files; 0 where nothing was touched."""
    both = len(set(touched) & set(right))
    return 2 * both / (len(set(touched)) + len(set(right))) if both else 0.0


def modified_paths(patch: str) -> tuple[str, ...]:
    """The files of a patch that were there before and still are."""
    found = []
    before = ""
    for line in patch.split("\n"):
        if line.startswith("--- "):
            before = line
        elif line.startswith("+++ b/") and before.startswith("--- a/"):
            found.append(line[6:].split("\t")[0])
    return tuple(dict.fromkeys(found))


def _sleep(feature: Feature, repo: Path, place: Place, open_model: Open) -> Slept:
    """One note for each sibling; what may not be stored is left out."""
    began = time.monotonic()
    spent = Tokens()
    stored = 0
    with open_model(None) as served, place.notes() as notes:
        there = notes.tree.held().blobs
        for commit in feature.siblings:
            prompt = [Message("user", render_from(_HERE, "features_sleep", commit=_shown(repo, commit)))]
            for reply in served.model.sample(prompt, n=1, temperature=0.0, max_tokens=_NOTE_TOKENS):
                spent += reply.tokens
                text = reply.text.encode()[:LONGEST_TEXT].decode(errors="ignore")
                paths = [path for path in _modified(repo, commit) if path in there][:MOST_ANCHORS]
                try:
                    notes.add(text, paths, origin="inferred", run="sleep", source=served.model.name)
                    stored += 1
                except NoteRefused:
                    continue
    seconds = time.monotonic() - began
    return Slept(
        scene=feature.id, arm="with", notes=stored, prompt=spent.prompt, completion=spent.completion, seconds=seconds
    )


def _trial(feature: Feature, place: Place, open_model: Open, cap: int, request: str, arm: str) -> Trial:
    found = _solve(request, place, open_model, cap, reads_notes=arm == "with")
    touched = modified_paths(found.patch)
    return Trial(
        question=feature.id,
        scene=feature.id,
        arm=arm,
        budget=cap,
        score=f1(touched, feature.right),
        prompt=found.tokens.prompt,
        completion=found.tokens.completion,
        seconds=found.seconds["total"],
        touched=touched,
        right=feature.right,
    )


def _solve(request: str, place: Place, open_model: Open, cap: int, *, reads_notes: bool) -> Experience:
    repository = place.repository
    task = Task(
        request=request,
        repo=str(repository.root),
        base_commit=repository.head,
        snapshot=repository.snapshot(),
    )
    begun = Begun(id=new_id(), task=task, model=None, base_url=None, strategy="rollout", candidates=1, seed=0)
    deadline = Deadline()
    with open_model(cap) as served, place.notes() as notes, Run.begin(place.home.runs, begun) as run:
        permissions = Permissions(is_sandboxed=place.sandbox.name == "bwrap")
        # What it remembers is in its prompt or nowhere: both arms have the same tools.
        workplace = Workplace(repository, place.home.worktrees, place.sandbox, permissions, deadline)
        silence = Silence()
        context = AgentContext(
            repository=repository,
            worktrees=place.home.worktrees,
            proposer=served.proposer("rollout", workplace, run, silence.notice, lambda live: None),
            sandbox=place.sandbox,
            progress=silence,
            candidates=1,
            memory=notes,
            reads_notes=reads_notes,
            deadline=deadline,
        )
        return solve(task, context)


def _place(repo: Path, feature: Feature, sandbox: Sandbox, folder: Path) -> Place:
    """A repository of one commit, the tree before the feature: nothing in it knows what came next."""
    start_repository(folder / "repository")
    archive = git_output(repo, "archive", "--format=tar", feature.parent)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        unpack(tar, folder / "repository")
    commit_all(folder / "repository", "before")
    home = MemoryHome(folder / "home")
    home.worktrees.mkdir(parents=True, mode=0o700)
    return Place(Repository.open(folder / "repository"), home, sandbox)


def _shown(repo: Path, commit: str) -> str:
    """A commit as it is read: its message, the files with what became of them, its patch as far as there is room."""
    shown = _git(repo, "show", "--no-color", "--no-ext-diff", "--name-status", "--patch", "--format=%B", commit)
    return shown if len(shown) <= _LONGEST_PATCH else f"{shown[:_LONGEST_PATCH]}\n[cut]"


def _modified(repo: Path, commit: str) -> tuple[str, ...]:
    """The source files that a commit modified; not those that it added or deleted."""
    options = ("-r", "-z", "--root", "--no-commit-id", "--no-renames", "--name-only", "--diff-filter=M")
    listed = _git(repo, "diff-tree", *options, commit)
    return tuple(path for path in listed.split("\0") if path and is_source(path))


def _is_ancestor(repo: Path, earlier: str, later: str) -> bool:
    return not run_git(repo, "merge-base", "--is-ancestor", earlier, later).status


def _git(repo: Path, *arguments: str) -> str:
    return git_output(repo, *arguments).decode("utf-8", "surrogateescape")
