"""Brings a patch into the user's tree, or takes it back: the only code that writes there.

All or nothing. The new files are made by `git apply` in a scratch directory inside the git directory and then moved
into place, so that a kill hits whole files, old or new, and there is nothing to do over for more than an instant.
A commit is made by `git commit` from an index of its own: the user's hooks run, nothing else of theirs is in it, and
their index gets the committed change on top of whatever was staged. Commits are not signed: that could ask.
"""

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import RepositoryError
from agent.git_command import GitRun, run_git, sentence
from agent.workspace import Repository, plainly

_APPLY = ("apply", "--whitespace=nowarn", "--no-ignore-whitespace")

_SCRATCH = "sleepwright-delivery"
_COMMIT_FIRST = "commit your own changes there first, or apply without a commit; "

_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "SQUASH_MSG": "squash merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}

_REASONS = (
    (re.compile(r"error: (.*): patch does not apply"), "has changed"),
    (re.compile(r"error: (.*): already exists in (?:working directory|index)"), "exists already"),
    (re.compile(r"error: (.*): (?:No such file or directory|does not exist in index)"), "is not there"),
    (re.compile(r"error: affected file '(.*)' is beyond a symbolic link"), "is beyond a symbolic link"),
    (re.compile(r"error: the patch applies to '(.*)' \(\w+\),"), "has changed"),
)


def apply_patch(repository: Repository, patch: str) -> None:
    """Apply to the work tree, index and refs untouched; RepositoryError, nothing changed, where it does not apply."""
    if patch:
        with _scratch(repository, patch) as scratch, _applied(repository, scratch):
            pass


def commit_patch(repository: Repository, patch: str, message: str) -> str:
    """Apply, and commit exactly the patch on top of HEAD; returns the id of the commit.

    The user's other changes, staged or not, stay what they were. RepositoryError, nothing changed, where the patch
    needs changes that are not committed, where a merge or rebase is unfinished, where a hook refuses, and where git
    does not know who the user is.
    """
    return _commit(repository, patch, message)


def undo_patch(repository: Repository, patch: str, commit: str | None = None) -> str | None:
    """Take a patch back, exactly; RepositoryError, nothing changed, where its lines are no longer as it left them.

    With `commit`, the one that `commit_patch` made, the reverse is committed as well and its id returned; that has to
    be HEAD still, whatever came after it is the user's.
    """
    if commit is None:
        if patch:
            with _scratch(repository, patch) as scratch, _applied(repository, scratch, "--reverse"):
                pass
        return None
    if repository.head != commit:
        raise RepositoryError(
            f"{commit[:12]} is not the latest commit any more; take it back with `git revert {commit}`"
        )
    plain = ("-c", "log.showSignature=false", "show", "--no-patch", "--format=%s")
    subject = repository.git(*plain, commit).decode("utf-8", "surrogateescape").strip()
    return _commit(repository, patch, f'Revert "{subject}"\n\nThis reverts commit {commit}.\n', "--reverse")


def is_gone(repository: Repository, patch: str, commit: str) -> bool:
    """Whether a commit is on no branch any more and its patch not in the work tree, where an amended one still is."""
    if run_git(repository.root, "merge-base", "--is-ancestor", commit, "HEAD").status == 0:
        return False
    found = run_git(repository.root, "for-each-ref", "--count=1", "--contains", commit)
    if found.status == 0 and found.output:
        return False
    with _scratch(repository, patch) as scratch:
        return run_git(repository.root, *_APPLY, "--check", "--reverse", scratch / "patch").status != 0


def clean_leftovers(repository: Repository) -> None:
    """Remove what a killed delivery left in the git directory; one that is going on is left alone."""
    scratch = repository.git_dir / _SCRATCH
    if scratch.exists():
        handle = os.open(repository.git_dir, os.O_RDONLY)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(scratch)
        os.close(handle)


@contextmanager
def _applied(repository: Repository, scratch: Path, *options: str) -> Iterator[None]:
    """The work tree with the patch in it; if the block fails, every file is put back as it was."""
    file, old, new = scratch / "patch", scratch / "old", scratch / "new"
    paths = _paths(repository, file)
    _refuse(repository, run_git(repository.root, *_APPLY, "--check", *options, file), options)
    _copy(repository.root, old, paths)
    _make(repository, file, options, old, new, paths)
    moved: list[str] = []
    try:
        # What goes first makes room: a file may become a directory.
        for path in sorted(paths, key=lambda path: _is_file(new / path)):
            moved.append(path)
            _put(new / path, repository.root, path)
        yield
    except BaseException:
        for path in sorted(moved, key=lambda path: _is_file(old / path)):
            _put(old / path, repository.root, path)
        raise


def _make(repository: Repository, file: Path, options: tuple[str, ...], old: Path, new: Path, paths: list[str]) -> None:
    """Fill `new` with the files of `old` after the patch, permissions and line ends kept."""
    back = new.with_name("back")
    _copy(old, new, paths)
    _apply_in(repository, new, file, options)
    _copy(new, back, paths)
    _apply_in(repository, back, file, () if options else ("--reverse",))
    for path in paths:
        before, after, again = old / path, new / path, back / path
        if not (_is_file(before) and _is_file(after)) or before.is_symlink() or after.is_symlink():
            continue
        # Where git converts line ends it rewrites the whole file; then there and back is not the identity.
        if before.read_bytes() != again.read_bytes() and _unix(before.read_bytes()) == _unix(again.read_bytes()):
            after.write_bytes(_with_line_ends_of(before.read_bytes(), after.read_bytes(), path))
        mode = before.stat().st_mode
        if not (mode ^ after.stat().st_mode) & stat.S_IXUSR:
            after.chmod(mode)


def _with_line_ends_of(before: bytes, after: bytes, path: str) -> bytes:
    """`after` with the one kind of line end that `before` has."""
    if b"\r\n" not in before:
        return _unix(after)
    if before.count(b"\n") == before.count(b"\r\n"):
        return _unix(after).replace(b"\n", b"\r\n")
    raise RepositoryError(
        f"{path!r} has mixed line ends, and git is set to convert them (core.autocrlf or .gitattributes): "
        "make them uniform first; nothing was changed"
    )


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def _apply_in(repository: Repository, directory: Path, file: Path, options: tuple[str, ...]) -> None:
    """Apply to the files in a scratch directory, with the repository's settings and attributes."""
    env = {"GIT_DIR": repository.git_dir, "GIT_WORK_TREE": directory}
    repository.git(*_APPLY, *options, file, cwd=directory, env=env)


def _commit(repository: Repository, patch: str, message: str, *options: str) -> str:
    if not patch:
        raise RepositoryError("there is nothing to commit: the patch is empty")
    _refuse_unfinished(repository)
    with _scratch(repository, patch) as scratch:
        (scratch / "message").write_text(message, encoding="utf-8", errors="surrogateescape")
        own = {"GIT_INDEX_FILE": scratch / "index"}
        _read_head(repository, scratch / "index")
        run = run_git(repository.root, *_APPLY, "--cached", *options, scratch / "patch", env=own)
        _refuse(repository, run, options, _COMMIT_FIRST)
        expected = repository.git("write-tree", env=own).decode().strip()
        with _applied(repository, scratch, *options), _staged(repository, scratch / "patch", *options):
            # No maintenance: it would go on in the background.
            settings = ("-c", "gc.auto=0", "-c", "maintenance.auto=false")
            command = ("commit", "--quiet", "--no-gpg-sign", "--file", scratch / "message")
            run = run_git(repository.root, *settings, *command, env=own)
            if run.status:
                said = run.errors.strip() or run.output.decode(errors="replace").strip() or "no reason given"
                raise RepositoryError(f"git refused the commit, nothing was changed; it or a hook said: {said}")
        commit = repository.git("rev-parse", "HEAD").decode().strip()
        _follow_hooks(repository, expected, commit)
    return commit


def _read_head(repository: Repository, index: Path) -> None:
    """Make an index of HEAD; a copy of the user's knows the files' stat data and the sparse checkout."""
    env = {"GIT_INDEX_FILE": index}
    if (repository.git_dir / "index").exists():
        shutil.copy2(repository.git_dir / "index", index)
    repository.git("read-tree", *(["--reset", repository.head] if repository.head else ["--empty"]), env=env)


@contextmanager
def _staged(repository: Repository, file: Path, *options: str) -> Iterator[None]:
    """The user's index with the patch in it, taken out again if the block fails.

    Before the commit, so that a kill while the hooks run leaves no index that would commit the reverse.
    """
    apply = (*_APPLY, "--cached", file)
    _refuse(repository, run_git(repository.root, *apply, *options), options, _COMMIT_FIRST)
    try:
        yield
    except BaseException:
        run_git(repository.root, *apply, *(() if options else ("--reverse",)))
        raise


def _follow_hooks(repository: Repository, expected: str, commit: str) -> None:
    """Bring into the user's index what a hook has added to the commit."""
    change = repository.git("diff-tree", "-p", "--binary", "--full-index", "--no-ext-diff", expected, commit)
    if change:
        run = run_git(repository.root, *_APPLY, "--cached", "-", stdin=change)
        if run.status:
            reason = sentence(repository.root, ["apply"], run.errors)
            raise RepositoryError(f"{commit[:12]} is committed, but the index could not follow a hook: {reason}")


def _refuse_unfinished(repository: Repository) -> None:
    for name, kind in _UNFINISHED.items():
        if (repository.git_dir / name).exists():
            raise RepositoryError(f"a {kind} is unfinished; finish or abort it before a commit, or apply without one")
    lock = repository.git_dir / "index.lock"
    if lock.exists():
        raise RepositoryError(
            f"another git process is at work, or one has crashed; if none is running, remove {str(lock)!r}"
        )
    if any(run_git(repository.root, "var", f"GIT_{role}_IDENT").status for role in ("AUTHOR", "COMMITTER")):
        raise RepositoryError(
            "git does not know who you are, so there can be no commit; tell it with "
            "`git config --global user.name NAME` and `git config --global user.email ADDRESS`"
        )


def _refuse(repository: Repository, run: GitRun, options: tuple[str, ...], advice: str = "") -> None:
    """Raise what a user should read about a `git apply` that failed."""
    if run.status == 0:
        return
    lines = run.errors.splitlines()
    found = [f"{match[1]!r} {words}" for line in lines for reason, words in _REASONS if (match := reason.match(line))]
    verb = "taken back" if "--reverse" in options else "applied"
    if not found:
        raise RepositoryError(sentence(repository.root, ["apply"], run.errors))
    reasons = ", ".join(dict.fromkeys(found))
    raise RepositoryError(f"the patch cannot be {verb}: {reasons}; {advice}nothing was changed")


def _paths(repository: Repository, file: Path) -> list[str]:
    """All paths that a patch reads or writes; git lists the new names, and of the reversed patch the old ones."""
    listings = [repository.git("apply", "--numstat", "-z", *way, file) for way in ((), ("--reverse",))]
    lines = b"".join(listings).split(b"\0")
    return sorted({os.fsdecode(line.split(b"\t", 2)[2]) for line in lines if line})


@contextmanager
def _scratch(repository: Repository, patch: str) -> Iterator[Path]:
    """A directory that holds the patch; one delivery at a time, and the next clears up after one that was killed.

    Inside the git directory: nearly always that is the file system of the work tree, where files can just be moved.
    """
    scratch = repository.git_dir / _SCRATCH
    handle = os.open(repository.git_dir, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no directories
            fcntl.flock(handle, fcntl.LOCK_EX)
        shutil.rmtree(scratch, ignore_errors=True)
        with plainly(f"change {str(repository.root)!r}, and nothing was changed"):
            scratch.mkdir(mode=0o700)
            (scratch / "patch").write_bytes(patch.encode("utf-8", "surrogateescape"))
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(handle)


def _copy(source: Path, target: Path, paths: list[str]) -> None:
    """Copy those files that are there, and the attributes that rule them."""
    target.mkdir(exist_ok=True)
    parents = {parent for path in paths for parent in Path(path).parents}
    for path in [*paths, *(str(parent / ".gitattributes") for parent in parents)]:
        if _is_file(source / path):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / path, target / path, follow_symlinks=False)


def _put(source: Path, root: Path, path: str) -> None:
    """Make root/path what `source` is: the file moved there, or none, and then no empty directories either."""
    target = root / path
    if _is_file(source):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.move(source, target)
        return
    if _is_file(target):
        target.unlink()
    for parent in target.parents:
        if parent == root or not parent.is_dir() or any(parent.iterdir()):
            break
        parent.rmdir()


def _is_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()
