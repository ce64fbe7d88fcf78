"""The user's repository: the work tree as a snapshot commit, throw-away worktrees of it, and the patches made there.

Nothing here changes the user's files, index, stash or refs: snapshots are made with a temporary index, and are commits
that no ref names. delivery.py is the one that writes. Bytes in paths that are not UTF-8 are surrogate escapes.
"""

import fcntl
import logging
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from agent.errors import RepositoryError
from agent.git_command import GitPipe, check_version, run_git, sentence

_log = logging.getLogger(__name__)

HUGE = 50 * 1024 * 1024
"""Untracked files of more bytes are left out of a snapshot."""

INPUTS = (".venv", "venv", "node_modules", ".tox")
"""Top-level directories that commands need and git ignores: linked into each worktree, never in a patch."""

# What tests leave behind, also where the repository has no .gitignore. Tracked files are not concerned.
_DROPPINGS = (
    *("__pycache__/", "*.pyc", "*.pyo", ".pytest_cache/", ".coverage", ".coverage.*"),
    *(".hypothesis/", ".mypy_cache/", ".ruff_cache/"),
)
_EXCLUDED = (*_DROPPINGS, *(f"/{name}" for name in INPUTS))
_EXCLUDES = tuple(f"--exclude={pattern}" for pattern in _EXCLUDED)


def _as_expression(pattern: str) -> str:
    """Of a path, for a pattern of .gitignore without brackets."""
    name = re.escape(pattern.strip("/")).replace(r"\*", "[^/]*")
    return (r"\A" if pattern[0] == "/" else r"(?:\A|/)") + name + ("/" if pattern[-1] == "/" else r"(?:/|\Z)")


_IS_EXCLUDED = re.compile("|".join(map(_as_expression, _EXCLUDED)).encode())

# Our own git calls run no hooks, start no file system monitor, and never refuse mixed line ends.
_QUIET = tuple(
    part
    for setting in ("hooksPath=/dev/null", "fsmonitor=false", "splitIndex=false", "safecrlf=false", "quotePath=true")
    for part in ("-c", f"core.{setting}")
)

# Fixed, so that equal trees on one HEAD are one snapshot, and no identity has to be set.
_IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "sleepwright"), ("EMAIL", "sleepwright@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}


class Blob(NamedTuple):
    """A file of a commit: its path, and the git id of its content."""

    path: str
    id: str


class Entry(NamedTuple):
    """What a commit holds at a path: git's mode, blob or commit (of a submodule), its id."""

    mode: str
    kind: str
    id: str


@dataclass(frozen=True)
class Repository:
    """A git repository with a work tree. `open` makes one."""

    root: Path
    """The top of the work tree, symlinks resolved."""
    git_dir: Path
    """Index and HEAD of this work tree."""
    common_dir: Path
    """Objects and refs, the same for all work trees of the repository."""

    @classmethod
    def open(cls, path: Path) -> "Repository":
        """The repository that holds the directory `path`; RepositoryError, in a sentence, where it cannot be used."""
        if not os.path.isdir(path):
            raise RepositoryError(f"{str(path)!r} is not a directory")
        check_version(path)

        def ask(*questions: str) -> list[str]:
            found = run_git(path, "rev-parse", *questions)
            if found.status:
                raise RepositoryError(sentence(path, ["rev-parse"], found.errors))
            return os.fsdecode(found.output).removesuffix("\n").split("\n")

        is_inside, is_bare = ask("--is-inside-work-tree", "--is-bare-repository")
        if is_inside != "true":
            kind = "a bare repository" if is_bare == "true" else "inside of a .git directory"
            raise RepositoryError(f"{str(path)!r} is {kind}; a work tree is needed, `git worktree add` makes one")
        questions = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        places = ask(*questions)
        if len(places) > len(questions):  # a name with a line break in it
            places = ["\n".join(ask(question)) for question in questions]
        root, git_dir, common_dir = places
        return cls(Path(root).resolve(), Path(git_dir).resolve(), (path / common_dir).resolve())

    @property
    def head(self) -> str | None:
        """The commit id of HEAD; None in a repository without commits."""
        found = run_git(self.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return found.output.decode().strip() or None

    @property
    def inputs(self) -> list[Path]:
        """The user's directories that worktrees link to; a sandbox has to show them."""
        return [self.root / name for name in INPUTS if (self.root / name).is_dir()]

    def has(self, commit: str) -> bool:
        """Whether the commit is there."""
        return not run_git(self.root, "cat-file", "-e", f"{commit}^{{commit}}").status

    def git(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | Path] | None = None,
        stdin: bytes = b"",
    ) -> bytes:
        """stdout of a git command in the root, or in `cwd`, without hooks; RepositoryError where it fails."""
        run = run_git(cwd or self.root, *_QUIET, *arguments, env=env, stdin=stdin)
        if run.status:
            raise RepositoryError(sentence(self.root, arguments, run.errors))
        return run.output

    def snapshot(self) -> str:
        """The id of a commit on HEAD that holds the work tree as it is now: tracked, changed and untracked files.

        Ignored and huge files, nested repositories and what tests leave behind are not in it; submodules are, as the
        commit that the index names. Also works between conflicts and beside a left-over index.lock.
        """
        with plainly("make a snapshot"), tempfile.TemporaryDirectory(prefix="sleepwright-") as scratch:
            index = Path(scratch) / "index"
            env = {"GIT_INDEX_FILE": index}
            if (self.git_dir / "index").exists():
                # The stat data in it saves reading unchanged files. Its own time stamp says which of them to distrust.
                shutil.copy2(self.git_dir / "index", index)
            self._stage(self.root, env)
            tree = self.git("write-tree", env=env).decode().strip()
        head = self.head
        parents = ["-p", head] if head else []
        message = ["-m", "The work tree, as sleepwright found it"]
        return self.git("commit-tree", tree, *parents, *message, env=_IDENTITY).decode().strip()

    @contextmanager
    def worktree(self, snapshot: str, parent: Path) -> Iterator[Path]:
        """A worktree of the snapshot under `parent`, removed on exit, or by `clean_leftovers` after a kill."""
        parent = _own_directory(parent)
        path = parent / f"sleepwright-{secrets.token_hex(6)}"
        with plainly(f"lock {str(parent)!r}"), _guard(parent):
            alive = _lock(_lock_file(path))
        try:
            with _guard(parent):
                self.git("worktree", "add", "--detach", "--no-checkout", path, snapshot)
            # The slow part needs no guard.
            self.git("reset", "--hard", "--quiet", "--no-recurse-submodules", cwd=path, env=self.inside(path))
            with plainly(f"link into {str(path)!r}"):
                for directory in self.inputs:
                    if not os.path.lexists(path / directory.name):
                        (path / directory.name).symlink_to(directory)
            yield path
        finally:
            with _guard(parent):
                self._discard(path)
                alive.close()

    def clean_leftovers(self, parent: Path) -> None:
        """Remove the worktrees under `parent` whose run is dead."""
        if not parent.is_dir():
            return
        parent = _own_directory(parent)
        with plainly(f"clean {str(parent)!r}"), _guard(parent):
            for file in parent.glob("sleepwright-*.lock"):
                try:
                    lock = _lock(file, wait=False)
                except BlockingIOError:
                    continue
                self._discard(file.with_suffix(""))
                lock.close()

    def diff(self, worktree: Path, snapshot: str) -> str:
        """What changed in the worktree since the snapshot, as a patch for `git apply`; "" where nothing did.

        New, deleted, renamed and binary files and modes are in it. The user's diff settings have no say.
        """
        shape = ("--patch", "--binary", "--full-index", "--find-renames")
        plain = ("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3")
        return self._changes(worktree, snapshot, *shape, *plain).decode("utf-8", "surrogateescape")

    def changed_paths(self, worktree: Path, snapshot: str) -> list[str]:
        """The paths that differ from the snapshot, posix, relative to the root; of a rename, both."""
        return _names(self._changes(worktree, snapshot, "--name-only", "--no-renames", "-z"))

    def pipe(self, worktree: Path, *arguments: str) -> GitPipe:
        """A git process in a worktree of ours that answers question after question."""
        return GitPipe(worktree, *_QUIET, *arguments, env=self.inside(worktree))

    def tree(self, worktree: Path) -> str:
        """The id of a git tree that holds the files of a worktree of ours as they are now.

        step_trees.py has the same for less, where it is wanted again and again.
        """
        env = self.inside(worktree)
        self._stage(worktree, env)
        return self.git("write-tree", cwd=worktree, env=env).decode().strip()

    def apply(self, worktree: Path, patch: str) -> None:
        """Make the change of a patch in a worktree of ours; RepositoryError, nothing changed, where it does not fit."""
        text = patch.encode("utf-8", "surrogateescape")
        plain = ("--whitespace=nowarn", "--no-ignore-whitespace")
        self.git("apply", *plain, "-", cwd=worktree, env=self.inside(worktree), stdin=text)

    def restore(self, worktree: Path, tree: str) -> None:
        """Bring a worktree of ours, which is at its snapshot, to what `tree` has kept."""
        self.git("read-tree", "--reset", "-u", tree, cwd=worktree, env=self.inside(worktree))

    def history(self, worktree: Path) -> list[Path]:
        """What git reads to show status, differences and log in a worktree of ours; a sandbox has to show them.

        Not the configuration, which could hold secrets, nor the hooks.
        """
        shared = ("HEAD", "objects", "refs", "packed-refs", "shallow", f"worktrees/{worktree.name}")
        return [path for name in shared if (path := self.common_dir / name).exists()]

    def reset(self, worktree: Path, snapshot: str) -> None:
        """Bring a worktree of ours back to the snapshot; ignored files go as well, the linked inputs stay."""
        env = self.inside(worktree)
        self.git("reset", "--hard", "--quiet", "--no-recurse-submodules", snapshot, cwd=worktree, env=env)
        kept = [f"--exclude=/{name}" for name in INPUTS]
        self.git("clean", "-ffdxq", *kept, cwd=worktree, env=env)

    def files(self, snapshot: str) -> list[str]:
        """The paths of all files in a commit, symlinks included, submodules not."""
        return [path for path, entry in self.entries(snapshot).items() if entry.kind == "blob"]

    def blobs(self, snapshot: str) -> list[Blob]:
        """The regular files of a commit in git's order, without symlinks and submodules."""
        regular = {path: facts.split()[2] for facts, path in self._listed(snapshot) if facts.startswith("100")}
        return [Blob(path, id) for path, id in regular.items()]

    def entries(self, snapshot: str) -> dict[str, Entry]:
        """All that a commit holds, by path, in git's order."""
        return {path: Entry(*facts.split()) for facts, path in self._listed(snapshot)}

    def _listed(self, snapshot: str) -> Iterator[tuple[str, str]]:
        """For each entry mode, kind and id in one text, and its path."""
        for line in os.fsdecode(self.git("ls-tree", "-r", "-z", "--full-tree", snapshot)).split("\0")[:-1]:
            facts, _, path = line.partition("\t")
            yield facts, path

    def sizes(self, blobs: Sequence[str]) -> list[int]:
        """The bytes of the blobs of these ids, in their order."""
        ids = "".join(f"{blob}\n" for blob in blobs).encode()
        return [int(line) for line in self.git("cat-file", "--batch-check=%(objectsize)", stdin=ids).split()]

    def contents(self, blobs: Sequence[str]) -> list[bytes]:
        """What the blobs of these ids hold, in their order, all in memory at once."""
        output = self.git("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode())
        found = []
        position = 0
        for _ in blobs:
            begin = output.index(b"\n", position) + 1
            position = begin + int(output[position:begin].split()[2])
            found.append(output[begin:position])
            position += 1  # a line break follows
        return found

    def read(self, snapshot: str, path: str) -> bytes | None:
        """The content of a file in a commit, before any line end conversion; None where there is no such file."""
        literally = {"GIT_LITERAL_PATHSPECS": "1"}
        entry = self.git("ls-tree", "-z", "--full-tree", snapshot, "--", path.rstrip("/"), env=literally)
        _, _, rest = entry.partition(b" blob ")
        return self.git("cat-file", "blob", rest.partition(b"\t")[0].decode()) if rest else None

    def _changes(self, worktree: Path, snapshot: str, *options: str) -> bytes:
        env = self.inside(worktree)
        self._stage(worktree, env)
        # The plumbing command: it reads no diff.* settings but this one.
        setting = ("-c", "diff.suppressBlankEmpty=false")
        return self.git(*setting, "diff-index", "--cached", *options, snapshot, cwd=worktree, env=env)

    def _stage(self, tree: Path, env: Mapping[str, str | Path]) -> None:
        """Bring the index that `env` names up to the files on disk.

        Not `git add --all`: that fails on broken nested repositories and stumbles over sparse checkouts.
        """
        fields = self.git("diff-files", "--name-status", "-z", "--ignore-submodules=all", cwd=tree, env=env).split(
            b"\0"
        )
        tracked = list(zip(fields[::2], fields[1::2], strict=False))
        untracked = self.git("ls-files", "--others", "-z", "--exclude-standard", *_EXCLUDES, cwd=tree, env=env)
        gone = [path for status, path in tracked if status == b"D"]
        there = [path for status, path in tracked if status != b"D"]
        there += [path for path in untracked.split(b"\0") if path and is_wanted(tree, path)]
        for paths, options in ((gone, ["--force-remove"]), (there, ["--add", "--remove", "--replace"])):
            if paths:
                names = b"".join(path + b"\0" for path in paths)
                self.git("update-index", "-z", *options, "--stdin", cwd=tree, env=env, stdin=names)

    def inside(self, worktree: Path) -> dict[str, str | Path]:
        """Pins git to a worktree of ours: without its .git file git would find whatever repository lies around it."""
        return {"GIT_DIR": self.common_dir / "worktrees" / worktree.name, "GIT_WORK_TREE": worktree}

    def _discard(self, path: Path) -> None:
        """Remove a worktree of ours, however much of it there is, then its lock file."""
        run_git(self.root, *_QUIET, "worktree", "remove", "--force", "--force", path)
        for rest in (path, self.common_dir / "worktrees" / path.name):
            if rest.is_dir() and not rest.is_symlink():
                _remove_tree(rest)
        with suppress(OSError):  # as git does, where it was the last one
            (self.common_dir / "worktrees").rmdir()
        if os.path.lexists(path):
            _log.warning("the worktree %s could not be removed; the next run will try again", path)
        else:
            _lock_file(path).unlink(missing_ok=True)


def _names(listing: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listing.split(b"\0") if name]


def is_wanted(tree: Path, path: bytes) -> bool:
    """Whether an untracked path belongs in a snapshot; a nested repository ends in a slash."""
    if path.endswith(b"/") or _IS_EXCLUDED.search(path):
        return False
    file = os.path.join(os.fsencode(tree), path)
    try:
        status = os.lstat(file)
    except OSError:
        return False
    return stat.S_ISLNK(status.st_mode) or (status.st_size <= HUGE and os.access(file, os.R_OK))


def _own_directory(path: Path) -> Path:
    """Create it where it is missing; a symlink is refused, what lies behind it is not ours to remove."""
    if path.is_symlink():
        raise RepositoryError(f"{str(path)!r} is a symlink; worktrees need a directory of their own")
    with plainly(f"create {str(path)!r}"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.resolve()


def _lock_file(worktree: Path) -> Path:
    return worktree.with_suffix(".lock")


def _lock(file: Path, *, wait: bool = True) -> IO[bytes]:
    """Held until it is closed or the process ends, however it ends; BlockingIOError where another holds it."""
    lock = file.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


@contextmanager
def _guard(parent: Path) -> Iterator[None]:
    """`git worktree add` is not safe to run twice at once in one repository, be it by threads or by processes."""
    with _lock(parent / "guard"):
        yield


@contextmanager
def plainly(doing: str) -> Iterator[None]:
    """An OSError in the block becomes a RepositoryError: "cannot `doing`: why"."""
    try:
        yield
    except OSError as error:
        raise RepositoryError(f"cannot {doing}: {error.strerror or error}") from error


def _remove_tree(directory: Path) -> None:
    """Also where a command has taken away the permission to write."""
    for parent, names, _ in os.walk(directory):
        for name in names:
            child = os.path.join(parent, name)
            if not os.path.islink(child):
                os.chmod(child, 0o700)
    shutil.rmtree(directory, ignore_errors=True)
