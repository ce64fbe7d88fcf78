"""Trees step after step: the same as git makes with its index, of every kind of change."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.step_trees import StepTrees
from agent.workspace import Repository


def git(directory: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=directory, check=True, capture_output=True, text=True, errors="surrogateescape"
    )
    return done.stdout


class Place(NamedTuple):
    """A worktree of ours, and its trees."""

    repository: Repository
    worktree: Path
    trees: StepTrees

    def paths(self) -> set[str]:
        listing = self.repository.git("ls-tree", "-r", "-z", "--name-only", self.trees.keep())
        return {os.fsdecode(name) for name in listing.split(b"\0") if name}

    def read(self, path: str) -> bytes:
        return self.repository.git("cat-file", "blob", f"{self.trees.keep()}:{path}")


@contextmanager
def placed(repo: Path, tmp_path: Path) -> Iterator[Place]:
    """A worktree of the repository as it is now."""
    repository = Repository.open(repo)
    with (
        repository.worktree(repository.snapshot(), tmp_path / "worktrees") as worktree,
        StepTrees(repository, worktree) as trees,
    ):
        yield Place(repository, worktree, trees)


@pytest.fixture
def place(repo: Path, tmp_path: Path) -> Iterator[Place]:
    with placed(repo, tmp_path) as place:
        yield place


CHANGES = {
    "nothing": "true",
    "changed": "echo 1 >>calc.py",
    "new": "echo 1 >new.py; mkdir -p a/b/c; echo 2 >a/b/c/d; echo 3 >tests/new.py",
    "deleted": "rm -r tests",
    "everything deleted": "git ls-files -z | xargs -0 rm; echo 1 >only",
    "moved": "mv calc.py moved.py",
    "a program": "echo 1 >run; chmod +x run calc.py",
    "symlinks": "ln -s calc.py link; ln -s nowhere dangling; ln -sf /etc/hostname tests/link; ln -sf x calc.py",
    "a folder for a file": "rm calc.py; mkdir calc.py; echo 1 >calc.py/x",
    "an empty folder for a file": "rm calc.py; mkdir calc.py",
    "a file for a folder": "rm -r tests; echo 1 >tests",
    "ignored": "printf 'out/\\n*.log\\n' >.gitignore; mkdir out; echo 1 >out/x; echo 1 >a.log; echo 1 >b.txt",
    "left behind by tests": "mkdir -p __pycache__ p/.pytest_cache venv; echo 1 |"
    " tee __pycache__/a p/.pytest_cache/a venv/a .coverage .coverage.x p/a.pyc p/a.py a.pycx",
    "names": "echo 1 >$'two\\nlines'; echo 1 >'\"quoted\"'; echo 1 >'back\\slash'; echo 1 >$'return\\r';"
    " echo 1 >' blank '; echo 1 >$'bytes\\xff'; echo 1 >-dash; echo 1 >$'tab\\t'; mkdir $'\\n';"
    " echo 1 >$'\\n/x'; echo 1 >ü",
    "line ends": "printf 'a\\r\\nb\\r\\n' >dos.txt; printf 'a\\rb' >mac.txt",
    "a pipe": "mkfifo pipe; echo 1 >x",
    "a nested repository": "git init -q nested; echo 1 >nested/x; git -C nested commit -q --allow-empty -m x;"
    " git init -q unborn",
    "added": "echo 1 >x; git add x; echo 2 >y; git add y; echo 3 >y; git add -N calc.py; echo 4 >z; git add -N z",
    "added although it is ignored": "echo '*.log' >.gitignore; echo 1 >a.log; git add -f a.log",
    "removed from the index": "git rm -q --cached calc.py; git rm -q -r tests",
    "committed": "echo 1 >>calc.py; git commit -qam x; echo 1 >x",
    "another branch": "git checkout -q --orphan other; echo 1 >x",
    "a stash": "echo 1 >>calc.py; git stash -q; echo 2 >x",
    "a conflict": "echo 1 >>calc.py; git stash -q; echo 2 >>calc.py; git add calc.py;"
    " git commit -qm x; git stash pop -q || true",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_tree_is_the_one_that_git_makes(place: Place, change: str) -> None:
    subprocess.run(["bash", "-ec", change], cwd=place.worktree, check=True)
    kept = place.trees.keep()
    assert place.trees.keep() == kept
    assert place.repository.tree(place.worktree) == kept


def test_steps_follow_each_other(place: Place) -> None:
    seen = []
    for change in ("echo 1 >a/x", "echo 2 >a/x", "echo 3 >a/y", "rm a/x", "rm -r a; echo 1 >a", "rm a", "git add -A"):
        subprocess.run(["bash", "-c", f"mkdir -p a 2>/dev/null; {change}"], cwd=place.worktree, check=True)
        seen.append((place.trees.keep(), sorted(place.paths())))
    start = sorted(place.repository.files("HEAD"))
    listings = [[*(path for path in paths if path not in start)] for _, paths in seen]
    assert listings == [["a/x"], ["a/x"], ["a/x", "a/y"], ["a/y"], ["a"], [], []]
    assert len({tree for tree, _ in seen[:6]}) == 6
    assert seen[5] == seen[6]
    assert place.repository.tree(place.worktree) == seen[6][0]


def test_a_change_of_the_same_size_in_the_same_moment_is_seen(place: Place) -> None:
    for number in range(20):
        (place.worktree / "calc.py").write_text(f"{number % 10}\n")
        assert place.read("calc.py") == f"{number % 10}\n".encode()


def test_an_old_file_that_changes_keeping_its_time_and_size_is_seen(place: Place) -> None:
    file = place.worktree / "calc.py"
    for text in ("one\n", "two\n"):
        file.write_text(text)
        os.utime(file, (1_000_000_000, 1_000_000_000))
        assert place.read("calc.py") == text.encode()


def test_the_index_is_left_alone_so_that_git_shows_what_is_new(place: Place) -> None:
    (place.worktree / "calc.py").write_text("new\n")
    (place.worktree / "untracked.py").write_text("new\n")
    place.trees.keep()
    assert git(place.worktree, "status", "--porcelain").splitlines() == [" M calc.py", "?? untracked.py"]
    assert "+new" in git(place.worktree, "diff")


def test_line_ends_are_those_that_git_gives_them(repo: Path, tmp_path: Path) -> None:
    """A file that has CRLF in the index keeps them, a new one loses them."""
    (repo / "old.txt").write_bytes(b"a\r\nb\r\n")
    git(repo, "add", "old.txt")
    git(repo, "commit", "--quiet", "--message", "CRLF")
    git(repo, "config", "core.autocrlf", "true")
    with placed(repo, tmp_path) as place:
        (place.worktree / "old.txt").write_bytes(b"a\r\nb\r\nc\r\n")
        (place.worktree / "new.txt").write_bytes(b"a\r\n")
        assert (place.read("old.txt"), place.read("new.txt")) == (b"a\r\nb\r\nc\r\n", b"a\n")


def test_attributes_and_filters_count_from_the_step_in_which_they_come(place: Place) -> None:
    place.repository.git("config", "filter.up.clean", "tr a-z A-Z")
    for name in ("one.txt", "two.txt"):
        (place.worktree / name).write_text("text\n")
    assert place.read("one.txt") == b"text\n"
    (place.worktree / ".gitattributes").write_text("one.txt filter=up\n")
    assert (place.read("one.txt"), place.read("two.txt")) == (b"TEXT\n", b"text\n")
    (place.worktree / ".gitattributes").write_text("two.txt filter=up\n")
    assert (place.read("one.txt"), place.read("two.txt")) == (b"text\n", b"TEXT\n")


def test_a_filter_that_complains_a_lot_does_not_stop_a_step(place: Place) -> None:
    place.repository.git("config", "filter.loud.clean", "head -c 200000 /dev/zero >&2; cat")
    (place.worktree / ".gitattributes").write_text("*.txt filter=loud\n")
    for name in ("one.txt", "two.txt"):
        (place.worktree / name).write_text("text\n")
        assert place.read(name) == b"text\n"


def test_modes_do_not_count_where_git_is_told_so(place: Place) -> None:
    place.repository.git("config", "core.fileMode", "false")
    for name in ("new.py", "calc.py"):
        (place.worktree / name).write_text("new\n")
        (place.worktree / name).chmod(0o755)
    modes = place.repository.git("ls-tree", place.trees.keep(), "new.py", "calc.py")
    assert [line.split()[0] for line in modes.splitlines()] == [b"100644", b"100644"]
    assert place.repository.tree(place.worktree) == place.trees.keep()


def test_a_sparse_checkout_loses_nothing(repo: Path, tmp_path: Path) -> None:
    git(repo, "sparse-checkout", "set", "docs")
    with placed(repo, tmp_path) as place:
        (place.worktree / "tests").mkdir(exist_ok=True)
        (place.worktree / "tests" / "new.py").write_text("new\n")
        assert {"tests/test_calc.py", "tests/new.py"} <= place.paths()
        assert place.repository.tree(place.worktree) == place.trees.keep()


def test_submodules_are_kept_as_the_index_names_them(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "library")
    git(tmp_path / "library", "commit", "--quiet", "--allow-empty", "--message", "library")
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", tmp_path / "library")
    git(repo, *add, "library")
    git(repo, "commit", "--quiet", "--message", "submodule")
    with placed(repo, tmp_path) as place:
        (place.worktree / "library").rmdir()
        git(place.worktree, *add, "second")
        kept = place.trees.keep()
        assert git(repo, "ls-tree", kept, "library", "second").count("160000 commit") == 2
        assert place.repository.tree(place.worktree) == kept


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_step_survives_the_end_of_the_processes_that_it_asks(place: Place) -> None:
    (place.worktree / "calc.py").write_text("one\n")
    place.trees.keep()
    children = [pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()]
    assert children
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)
    (place.worktree / "calc.py").write_text("two\n")
    assert place.read("calc.py") == b"two\n"


def test_a_worktree_that_is_gone_is_an_error(place: Place) -> None:
    subprocess.run(["rm", "-rf", place.worktree], check=True)
    with pytest.raises(Exception, match="git"):
        place.trees.keep()
