"""Where the repositories of instances are: in a folder of mirrors, or cloned once."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.errors import RepositoryError
from agent.git_command import run_git, sentence
from evals.repositories import ENVIRONMENT


@dataclass(frozen=True)
class Mirrors:
    """A folder with a repository for each `owner/name`: owner/name, owner__name or name, with or without `.git`."""

    folder: Path
    clones_from: str = ""
    """Where one that is missing is cloned from, "https://github.com"; "" for nowhere."""

    def find(self, repo: str) -> Path:
        """The mirror of `owner/name`; RepositoryError where there is none."""
        owner, name = repo.split("/")
        for stem in (f"{owner}/{name}", f"{owner}__{name}", name):
            for path in (self.folder / stem, self.folder / f"{stem}.git"):
                if (path / ".git").exists() or (path / "HEAD").is_file():
                    return path
        if not self.clones_from:
            raise RepositoryError(f"{str(self.folder)!r} has no mirror of {repo}: clone it to {owner}__{name} there.")
        return self._clone(repo, self.folder / f"{owner}__{name}.git")

    def _clone(self, repo: str, target: Path) -> Path:
        with exclusively(target):
            if target.exists():  # another worker was first
                return target
            # A clone that outlived its evaluation, which was killed, may still be writing to the first of them.
            for left in target.parent.glob(f".{target.name}.*.unfinished"):
                shutil.rmtree(left, ignore_errors=True)
            unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".unfinished", dir=target.parent))
            source = f"{self.clones_from}/{repo}"
            done = run_git(target.parent, "clone", "--quiet", "--mirror", source, unfinished, env=ENVIRONMENT)
            if done.status:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise RepositoryError(sentence(target.parent, ["clone", source], done.errors))
            unfinished.rename(target)
        return target


@contextmanager
def exclusively(path: Path) -> Iterator[int]:
    """One process or thread at a time makes what is to be at `path`.

    The lock is a file that a child may inherit: it then lasts until the child has ended too, also where we are killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
