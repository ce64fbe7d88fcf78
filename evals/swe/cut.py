"""A repository that ends at an instance's base commit, and the proof that nothing later can be found in it.

Published runs have read the fix with `git log --all`: later commits have to be absent, not merely not checked out.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from agent.git_command import git_output, run_git
from evals.repositories import ENVIRONMENT, require_commit, start_repository

# Nothing of the place that it came from is written down, and nothing is tidied up in the background.
_QUIET = ("-c", "core.logAllRefUpdates=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false")
_ELSEWHERE = (
    "objects/info/alternates",
    "objects/info/http-alternates",
    "FETCH_HEAD",
    "ORIG_HEAD",
    "modules",
    "shallow",
)
_ID = re.compile(r"\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b")


def cut(mirror: Path, base: str, target: Path) -> None:
    """Make a repository at `target` with `base` checked out on `main`, its history, and nothing else of the mirror.

    RepositoryError where the mirror has no such commit, or git fails.
    """
    require_commit(mirror, base)
    start_repository(target)
    source = ("--no-tags", "--no-write-fetch-head", "--update-head-ok", str(mirror.resolve()))
    _git(target, *_QUIET, "fetch", "--quiet", *source, f"{base}:refs/heads/main")
    _git(target, *_QUIET, "checkout", "--quiet", "--force")


def leaks(repository: Path, base: str) -> list[str]:
    """Everything by which something later than `base` could be found in the repository, a sentence each.

    Objects of every kind are looked at, reachable or not, loose or packed, and so are refs, reflogs, and places that
    git would look elsewhere for: alternates, remotes, submodules, other work trees.
    """
    git_dir = repository / ".git"
    if not git_dir.is_dir():
        return [".git is no folder of this repository's own"]
    found = [f".git/{name} is there" for name in _ELSEWHERE if (git_dir / name).exists()]
    if any((git_dir / "worktrees").glob("*")):
        found.append(".git/worktrees is not empty")
    if remotes := run_git(
        repository, "config", "--local", "--get-regexp", r"^(remote|include|url)", env=ENVIRONMENT
    ).output:
        found.append(f"the configuration names {remotes.decode('utf-8', 'replace').split()[0]!r}")
    known = set(_lines(repository, "rev-list", "--objects", "--no-object-names", base, "--"))
    extra = [line for line in _lines(repository, *_EVERY_OBJECT) if line.split()[0] not in known]
    if extra:
        found.append(f"{len(extra)} objects do not belong to the base commit or its history, the first: {extra[0]}")
    for line in _lines(repository, "for-each-ref", "--format=%(objectname) %(refname)"):
        id, name = line.split(" ", 1)
        if id not in known:
            found.append(f"{name} leads to {id}")
    found += [f"the reflog {name} names {id}" for name, id in _logged(git_dir) if id not in known and id.strip("0")]
    return found


_EVERY_OBJECT = ("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype)")


def _logged(git_dir: Path) -> Iterator[tuple[str, str]]:
    for file in sorted((git_dir / "logs").rglob("*")):
        if file.is_file():
            for id in _ID.findall(file.read_text(errors="replace")):
                yield os.path.relpath(file, git_dir), id


def _lines(repository: Path, *arguments: str) -> list[str]:
    return _git(repository, *arguments).decode("utf-8", "replace").splitlines()


def _git(directory: Path, *arguments: str | Path) -> bytes:
    return git_output(directory, *arguments, env=ENVIRONMENT)
