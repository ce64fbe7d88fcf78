"""Small git repositories made on the spot: the demo's, and one per program that is evaluated."""

import os
import shutil
import tarfile
from importlib.resources import as_file, files
from pathlib import Path

from agent.errors import RepositoryError
from agent.git_command import git_output, run_git

_DEMO_MARK = "sleepwright.demo"

# The same commits for everyone: no identity has to be set, and nobody's templates, hooks or signing keys take part.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": str(Path(__file__).parent / "data" / "gitconfig"),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "sleepwright",
    "GIT_AUTHOR_EMAIL": "sleepwright@localhost",
    "GIT_COMMITTER_NAME": "sleepwright",
    "GIT_COMMITTER_EMAIL": "sleepwright@localhost",
}


def start_repository(directory: Path) -> None:
    """An empty repository on a branch `main`; makes the directory and its parents where they are missing.

    Raises RepositoryError where git cannot.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RepositoryError(f"{str(directory)!r} cannot be made: {error.strerror}") from error
    _git(directory, "-c", "init.defaultBranch=main", "init", "--quiet")


def unpack(archive: tarfile.TarFile, directory: Path) -> None:
    """All that is in it, and nothing outside of the directory; Python before 3.11.4 trusts the archive."""
    archive.extraction_filter = getattr(tarfile, "data_filter", None)
    archive.extractall(directory)


def commit_all(directory: Path, message: str) -> None:
    """Commit everything that is not ignored."""
    _git(directory, "add", "--all")
    _git(directory, "commit", "--quiet", "--message", message)


def require_commit(mirror: Path, commit: str) -> None:
    """RepositoryError where the mirror does not have it, or is no repository."""
    if run_git(mirror, "cat-file", "-e", f"{commit}^{{commit}}", env=ENVIRONMENT).status:
        git_output(mirror, "rev-parse", "--git-dir", env=ENVIRONMENT)
        raise RepositoryError(f"The mirror {str(mirror)!r} has no commit {commit}: fetch it there.")


def export(mirror: Path, commit: str, target: Path) -> None:
    """The files of a commit of `mirror` in a new repository at `target`, which borrows the mirror's objects.

    Quick, since nothing is copied; for who may see what came later. RepositoryError where the commit is not there.
    """
    require_commit(mirror, commit)
    _git(mirror, "clone", "--quiet", "--shared", "--no-checkout", "--no-tags", str(mirror.resolve()), str(target))
    _git(target, "checkout", "--quiet", "--detach", commit)


def copy_head(source: Path, target: Path) -> str:
    """What is checked out in the repository that the folder `source` lies in, in a copy at `target`; the commit's id.

    Unlike `export`, with objects of its own: where git writes one that is there already it renews its time stamp.
    """
    top = Path(os.fsdecode(git_output(source, "rev-parse", "--show-toplevel", env=ENVIRONMENT)).removesuffix("\n"))
    head = git_output(top, "rev-parse", "--verify", "HEAD", env=ENVIRONMENT).decode().strip()
    _git(top, "clone", "--quiet", "--no-hardlinks", "--no-checkout", "--no-tags", str(top), str(target))
    _git(target, "checkout", "--quiet", "--detach", head)
    return head


def create_demo(directory: Path) -> None:
    """The demo's repository: a shop with one bug, which one of its tests shows. An earlier demo is replaced.

    Raises RepositoryError where the directory holds anything else.
    """
    directory = directory.resolve()
    if _is_demo(directory):
        # Its contents only: it may be somebody's current directory.
        for path in directory.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    elif directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise RepositoryError(f"{str(directory)!r} is there and is no earlier demo; name a directory that is not there")
    start_repository(directory)
    _git(directory, "config", _DEMO_MARK, "true")
    with as_file(files("evals") / "data" / "demo") as source:
        shutil.copytree(source, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n", encoding="utf-8")
    commit_all(directory, "A small shop: catalogue, stock, prices, baskets")


def _is_demo(directory: Path) -> bool:
    # Its own file: asked by directory, git would answer for a repository around it.
    config = directory / ".git" / "config"
    if not config.is_file():
        return False
    asked = run_git(directory, "config", "--file", config, "--type", "bool", "--get", _DEMO_MARK, env=ENVIRONMENT)
    return asked.output.strip() == b"true"


def _git(directory: Path, *arguments: str) -> None:
    git_output(directory, *arguments, env=ENVIRONMENT)
