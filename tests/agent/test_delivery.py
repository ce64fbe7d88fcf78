"""Patches brought into a real user's tree and taken back: all or nothing, and nothing else touched."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE

import pytest

from agent.delivery import apply_patch, clean_leftovers, commit_patch, undo_patch
from agent.errors import RepositoryError
from agent.workspace import Repository

FIXED = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a * 2\n"
WEIRD_NAMES = [
    os.fsdecode(name)
    for name in (b"a b.txt", b"new\nline.txt", b'quo"te.txt', b"-dash.txt", b"caf\xe9.txt", b"tab\t.txt", b"[x]*.txt")
]

Change = Callable[[Path], object]


def git(directory: Path, *arguments: str | Path) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=directory, check=True, capture_output=True, text=True, errors="surrogateescape"
    ).stdout


def commit_all(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "more")


def patch_of(root: Path, change: Change) -> str:
    """The patch that `change` makes in a worktree of the tree as it is."""
    repository = Repository.open(root)
    snapshot = repository.snapshot()
    with repository.worktree(snapshot, root.parent / "worktrees") as worktree:
        change(worktree)
        return repository.diff(worktree, snapshot)


def fix(root: Path) -> int:
    return (root / "calc.py").write_text((root / "calc.py").read_text().replace("a - b", "a + b"))


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    """Content and mode of every file outside of .git."""
    found = {}
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = Path(directory, name)
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(root))] = (data, path.lstat().st_mode)
    return found


def committed(root: Path) -> str:
    return git(root, "show", "--format=", "--no-renames", "--name-status")


def write_hook(root: Path, name: str, script: str) -> None:
    hook = root / ".git" / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def change_everything(root: Path) -> None:
    fix(root)
    (root / "calc.py").rename(root / "sums.py")
    (root / "README.md").unlink()
    (root / "README.md").mkdir()
    (root / "README.md" / "inside.txt").write_text("a file became a directory\n")
    (root / "new" / "deep").mkdir(parents=True)
    (root / "new" / "deep" / "file.txt").write_bytes(b"caf\xe9\r\nlone\rcr, no end")
    (root / "binary").write_bytes(bytes(range(256)))
    (root / "link").symlink_to("sums.py")
    (root / "tests" / "test_calc.py").chmod(0o755)


# --- apply and undo


def test_apply_touches_the_work_tree_only(repo: Path) -> None:
    patch = patch_of(repo, fix)
    index = (repo / ".git" / "index").read_bytes()
    apply_patch(Repository.open(repo), patch)
    assert (repo / "calc.py").read_text() == FIXED
    assert (repo / ".git" / "index").read_bytes() == index
    assert git(repo, "status", "--porcelain") == " M calc.py\n"
    assert not (repo / ".git" / "sleepwright-delivery").exists()


def test_every_kind_of_change_arrives_and_is_taken_back_exactly(repo: Path, tmp_path: Path) -> None:
    before = tree(repo)
    patch = patch_of(repo, change_everything)
    shutil.copytree(repo, tmp_path / "expected")
    change_everything(tmp_path / "expected")
    apply_patch(Repository.open(repo), patch)
    assert tree(repo) == tree(tmp_path / "expected")
    undo_patch(Repository.open(repo), patch)
    assert tree(repo) == before
    assert not (repo / "new").exists()


def test_dirty_staged_and_untracked_work_survives_apply_and_undo(repo: Path) -> None:
    (repo / "calc.py").write_text((repo / "calc.py").read_text() + "\n\nmine = 1\n")
    (repo / "README.md").write_text("staged\n")
    git(repo, "add", "README.md")
    (repo / "README.md").write_text("dirty\n")
    (repo / "untracked.txt").write_text("untracked\n")
    before, status = tree(repo), git(repo, "status", "--porcelain")
    patch = patch_of(repo, fix)
    apply_patch(Repository.open(repo), patch)
    assert (repo / "calc.py").read_text() == FIXED + "\n\nmine = 1\n"
    assert git(repo, "status", "--porcelain") == status
    undo_patch(Repository.open(repo), patch)
    assert tree(repo) == before


def test_an_untracked_file_can_be_patched(repo: Path) -> None:
    (repo / "script.py").write_text("x = 1\n")
    patch = patch_of(repo, lambda root: (root / "script.py").write_text("x = 2\n"))
    apply_patch(Repository.open(repo), patch)
    assert (repo / "script.py").read_text() == "x = 2\n"


def test_weird_names_are_applied_and_taken_back(repo: Path) -> None:
    def write(root: Path) -> None:
        for name in WEIRD_NAMES:
            (root / name).write_text("two\n")
            (root / f"new {name}").write_text("new\n")

    for name in WEIRD_NAMES:
        (repo / name).write_text("one\n")
    commit_all(repo)
    repository, before, patch = Repository.open(repo), tree(repo), patch_of(repo, write)
    write(repo)
    after = tree(repo)
    git(repo, "reset", "--hard")
    git(repo, "clean", "-fdq")
    apply_patch(repository, patch)
    assert tree(repo) == after
    undo_patch(repository, patch)
    assert tree(repo) == before


def test_a_changed_file_is_named_and_nothing_is_applied(repo: Path) -> None:
    patch = patch_of(repo, lambda root: [(root / "README.md").write_text("new\n"), fix(root)])
    (repo / "calc.py").write_text("entirely = 'different'\n")
    before = tree(repo)
    with pytest.raises(RepositoryError, match="cannot be applied: 'calc.py' has changed; nothing was changed"):
        apply_patch(Repository.open(repo), patch)
    assert tree(repo) == before


def test_an_untracked_file_in_the_way_is_named(repo: Path) -> None:
    patch = patch_of(repo, lambda root: (root / "new.txt").write_text("new\n"))
    (repo / "new.txt").write_text("mine\n")
    with pytest.raises(RepositoryError, match="'new.txt' exists already"):
        apply_patch(Repository.open(repo), patch)
    assert (repo / "new.txt").read_text() == "mine\n"


def test_a_missing_file_is_named(repo: Path) -> None:
    patch = patch_of(repo, fix)
    (repo / "calc.py").unlink()
    with pytest.raises(RepositoryError, match="'calc.py' is not there"):
        apply_patch(Repository.open(repo), patch)


def test_a_binary_file_that_has_changed_is_named(repo: Path) -> None:
    (repo / "logo").write_bytes(b"\0one")
    patch = patch_of(repo, lambda root: (root / "logo").write_bytes(b"\0two"))
    (repo / "logo").write_bytes(b"\0mine")
    with pytest.raises(RepositoryError, match="'logo' has changed"):
        apply_patch(Repository.open(repo), patch)


def test_nothing_is_written_through_a_symlinked_directory(repo: Path, tmp_path: Path) -> None:
    patch = patch_of(repo, lambda root: (root / "tests" / "new.py").write_text("new = 1\n"))
    shutil.move(repo / "tests", tmp_path / "elsewhere")
    (repo / "tests").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RepositoryError, match="beyond a symbolic link"):
        apply_patch(Repository.open(repo), patch)
    assert not (tmp_path / "elsewhere" / "new.py").exists()


def test_undo_refuses_where_the_lines_have_changed_since(repo: Path) -> None:
    patch = patch_of(repo, lambda root: (fix(root), (root / "new.txt").write_text("new\n")))
    apply_patch(Repository.open(repo), patch)
    (repo / "new.txt").write_text("new\nand mine\n")
    before = tree(repo)
    with pytest.raises(RepositoryError, match="cannot be taken back: 'new.txt' has changed; nothing was changed"):
        undo_patch(Repository.open(repo), patch)
    assert tree(repo) == before


def test_undo_keeps_what_was_changed_elsewhere(repo: Path) -> None:
    original = (repo / "calc.py").read_text()
    patch = patch_of(repo, fix)
    apply_patch(Repository.open(repo), patch)
    (repo / "calc.py").write_text((repo / "calc.py").read_text() + "\n\n\n\nmine = 1\n")
    undo_patch(Repository.open(repo), patch)
    assert (repo / "calc.py").read_text() == original + "\n\n\n\nmine = 1\n"


def test_undoing_twice_is_refused(repo: Path) -> None:
    patch = patch_of(repo, fix)
    apply_patch(Repository.open(repo), patch)
    undo_patch(Repository.open(repo), patch)
    with pytest.raises(RepositoryError, match="'calc.py' has changed"):
        undo_patch(Repository.open(repo), patch)


def test_permissions_of_a_file_are_kept(repo: Path) -> None:
    (repo / "calc.py").chmod(0o640)
    apply_patch(Repository.open(repo), patch_of(repo, fix))
    assert (repo / "calc.py").stat().st_mode & 0o777 == 0o640


def test_a_write_that_fails_half_way_is_rolled_back(repo: Path) -> None:
    patch = patch_of(repo, lambda root: (fix(root), (root / "readme").write_text("x\n")))
    (repo / "readme").mkdir()
    (repo / "readme" / "mine.txt").write_text("a directory is where the new file should go\n")
    before = tree(repo)
    with pytest.raises(RepositoryError, match="nothing was changed"):
        apply_patch(Repository.open(repo), patch)
    assert tree(repo) == before


def test_what_a_killed_delivery_left_is_cleared_by_the_next(repo: Path) -> None:
    scratch = repo / ".git" / "sleepwright-delivery"
    (scratch / "old").mkdir(parents=True)
    (scratch / "old" / "calc.py").write_text("stale\n")
    apply_patch(Repository.open(repo), patch_of(repo, fix))
    assert (repo / "calc.py").read_text() == FIXED
    assert not scratch.exists()


def test_leftovers_of_a_killed_delivery_can_be_cleared_without_one(repo: Path) -> None:
    (repo / ".git" / "sleepwright-delivery" / "old").mkdir(parents=True)
    for _ in range(2):
        clean_leftovers(Repository.open(repo))
    assert not (repo / ".git" / "sleepwright-delivery").exists()


def test_an_empty_patch_changes_nothing(repo: Path) -> None:
    before = tree(repo)
    apply_patch(Repository.open(repo), "")
    undo_patch(Repository.open(repo), "")
    assert tree(repo) == before


def test_apply_works_between_conflicts_and_beside_an_index_lock(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "-b", "side")
    (repo / "README.md").write_text("side\n")
    commit_all(repo)
    git(repo, "checkout", "--quiet", "main")
    (repo / "README.md").write_text("main\n")
    commit_all(repo)
    assert subprocess.run(["git", "merge", "side"], cwd=repo, capture_output=True).returncode
    (repo / ".git" / "index.lock").touch()
    apply_patch(Repository.open(repo), patch_of(repo, fix))
    assert (repo / "calc.py").read_text() == FIXED


def test_apply_settings_of_the_user_do_not_matter(repo: Path, surroundings: Path) -> None:
    (surroundings / "gitconfig").write_text("[apply]\nwhitespace = fix\nignoreWhitespace = change\n")
    patch = patch_of(repo, lambda root: (root / "calc.py").write_text("x = 1   \n \t\ny = 2\n\n\n"))
    apply_patch(Repository.open(repo), patch)
    assert (repo / "calc.py").read_text() == "x = 1   \n \t\ny = 2\n\n\n"


# --- line ends


ENDS = {
    "crlf": b"one\r\ntwo\r\nthree\r\n",
    "mixed": b"one\r\ntwo\nthree\r\n",
    "lone cr": b"one\rtwo\nthree\r",
    "bom": b"\xef\xbb\xbfone\ntwo\nthree\n",
    "latin-1": b"caf\xe9\ntwo\nthree\n",
    "utf-16": "one\ntwo\nthree\n".encode("utf-16"),
    "no final newline": b"one\ntwo\nthree",
    "trailing spaces": b"one  \ntwo \t\nthree \n",
}


def replace_two(root: Path) -> None:
    for path in root.glob("text*"):
        data = path.read_bytes().replace(b"two", b"TWO")
        path.write_bytes(data.replace("two".encode("utf-16-le"), "TWO".encode("utf-16-le")))


def test_any_content_is_patched_and_restored_byte_for_byte(repo: Path, tmp_path: Path) -> None:
    for name, data in ENDS.items():
        (repo / f"text {name}").write_bytes(data)
    commit_all(repo)
    patch, before = patch_of(repo, replace_two), tree(repo)
    shutil.copytree(repo, tmp_path / "expected")
    replace_two(tmp_path / "expected")
    apply_patch(Repository.open(repo), patch)
    assert tree(repo) == tree(tmp_path / "expected") != before
    undo_patch(Repository.open(repo), patch)
    assert tree(repo) == before


@pytest.mark.parametrize(
    ("autocrlf", "attributes"),
    [
        ("true", ""),
        ("input", ""),
        ("true", "* text=auto\n"),
        ("false", "* text=auto\n"),
        ("false", "* text eol=crlf\n"),
        ("true", "* text eol=lf\n"),
        ("true", "* -text\n"),
    ],
)
def test_line_ends_stay_what_they_are_in_the_work_tree_whatever_git_converts(
    repo: Path, autocrlf: str, attributes: str
) -> None:
    git(repo, "config", "core.autocrlf", autocrlf)
    (repo / ".gitattributes").write_text(attributes)
    for ends in ("\r\n", "\n"):
        (repo / f"text{len(ends)}").write_bytes(f"one{ends}two{ends}three{ends}".encode())
    commit_all(repo)
    patch, before = patch_of(repo, replace_two), tree(repo)
    apply_patch(Repository.open(repo), patch)
    assert (repo / "text1").read_bytes() == b"one\nTWO\nthree\n"
    assert (repo / "text2").read_bytes() == b"one\r\nTWO\r\nthree\r\n"
    undo_patch(Repository.open(repo), patch)
    assert tree(repo) == before


def test_mixed_line_ends_that_git_would_rewrite_are_refused(repo: Path) -> None:
    git(repo, "config", "core.autocrlf", "true")
    (repo / "text").write_bytes(ENDS["mixed"])
    patch = patch_of(repo, replace_two)
    with pytest.raises(RepositoryError, match="'text' has mixed line ends"):
        apply_patch(Repository.open(repo), patch)
    assert (repo / "text").read_bytes() == ENDS["mixed"]


# --- commit

BLOCKING_HOOK = "echo started > {fifos}/started; cat {fifos}/go"

COMMIT = """
import sys
from pathlib import Path
from agent.delivery import commit_patch
from agent.workspace import Repository

commit_patch(Repository.open(Path(sys.argv[1])), sys.stdin.read(), "fix")
"""


def commit_until_the_hook(repo: Path, patch: str, fifos: Path) -> "subprocess.Popen[str]":
    """Another process in the middle of a commit: its pre-commit hook waits until the pipe `go` is written to."""
    for name in ("started", "go"):
        os.mkfifo(fifos / name)
    write_hook(repo, "pre-commit", BLOCKING_HOOK.format(fifos=fifos))
    command = [sys.executable, "-c", COMMIT, str(repo)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdin=PIPE, stderr=PIPE, text=True)
    assert process.stdin
    process.stdin.write(patch)
    process.stdin.close()
    assert (fifos / "started").read_text() == "started\n"
    return process


def test_an_interrupt_while_a_hook_runs_leaves_everything_as_it_was(repo: Path, tmp_path: Path) -> None:
    (repo / "README.md").write_text("staged\n")
    git(repo, "add", "README.md")
    patch, before, status = patch_of(repo, change_everything_else), tree(repo), git(repo, "status", "--porcelain")
    process = commit_until_the_hook(repo, patch, tmp_path)
    process.send_signal(signal.SIGINT)
    with process:
        assert "KeyboardInterrupt" in (process.stderr.read() if process.stderr else "")
    assert (tree(repo), git(repo, "status", "--porcelain")) == (before, status)
    assert git(repo, "log", "--format=%s") == "first\n"
    assert not list((repo / ".git").glob("*.lock")) and not (repo / ".git" / "sleepwright-delivery").exists()


def test_a_kill_while_a_hook_runs_leaves_the_patch_applied_and_staged(repo: Path, tmp_path: Path) -> None:
    process = commit_until_the_hook(repo, patch_of(repo, fix), tmp_path)
    process.kill()
    with process:
        assert process.wait() == -signal.SIGKILL
    assert git(repo, "status", "--porcelain") == "M  calc.py\n"
    assert (repo / "calc.py").read_text() == FIXED
    (tmp_path / "go").write_text("")  # lets the orphaned git end


def test_a_commit_holds_exactly_the_patch(repo: Path) -> None:
    patch = patch_of(repo, change_everything)
    commit = commit_patch(Repository.open(repo), patch, "fix: add\n\nBecause.\n")
    assert git(repo, "rev-parse", "main").strip() == commit
    assert (
        git(repo, "log", "-1", "--format=%an <%ae>%n%B").strip()
        == "Tess Tester <tess@example.org>\nfix: add\n\nBecause."
    )
    assert git(repo, "status", "--porcelain") == ""
    assert "A\tnew/deep/file.txt" in committed(repo)


def test_staged_and_unstaged_work_survives_a_commit_in_the_same_file_too(repo: Path) -> None:
    far = "\n" * 8
    (repo / "calc.py").write_text((repo / "calc.py").read_text() + far + "staged = 0\n" + far + "dirty = 0\n")
    commit_all(repo)
    original = (repo / "calc.py").read_text()
    staged = original.replace("staged = 0", "staged = 1")
    (repo / "calc.py").write_text(staged)
    (repo / "added.txt").write_text("added\n")
    git(repo, "add", "calc.py", "added.txt")
    (repo / "calc.py").write_text(staged.replace("dirty = 0", "dirty = 1"))
    (repo / "untracked.txt").write_text("untracked\n")
    commit_patch(Repository.open(repo), patch_of(repo, fix), "fix")
    assert git(repo, "show", "HEAD:calc.py") == original.replace("a - b", "a + b")
    assert git(repo, "show", ":calc.py") == staged.replace("a - b", "a + b")
    assert (repo / "calc.py").read_text() == staged.replace("a - b", "a + b").replace("dirty = 0", "dirty = 1")
    assert committed(repo) == "M\tcalc.py\n"
    assert git(repo, "status", "--porcelain") == "A  added.txt\nMM calc.py\n?? untracked.txt\n"


def test_a_patch_on_uncommitted_lines_cannot_be_committed_alone(repo: Path) -> None:
    (repo / "calc.py").write_text((repo / "calc.py").read_text().replace("a, b", "a, b=0"))
    patch, before, head = patch_of(repo, fix), tree(repo), git(repo, "rev-parse", "HEAD")
    with pytest.raises(RepositoryError, match="'calc.py' has changed; commit your own changes there first"):
        commit_patch(Repository.open(repo), patch, "fix")
    assert (tree(repo), git(repo, "rev-parse", "HEAD")) == (before, head)


def test_a_patch_on_an_untracked_file_cannot_be_committed_alone(repo: Path) -> None:
    (repo / "script.py").write_text("x = 1\n")
    patch = patch_of(repo, lambda root: (root / "script.py").write_text("x = 2\n"))
    with pytest.raises(RepositoryError, match="'script.py' is not there; commit your own changes there first"):
        commit_patch(Repository.open(repo), patch, "fix")


def test_a_commit_on_a_detached_head(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--detach")
    commit = commit_patch(Repository.open(repo), patch_of(repo, fix), "fix")
    assert git(repo, "rev-parse", "HEAD").strip() == commit != git(repo, "rev-parse", "main").strip()


def test_the_first_commit_of_a_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "empty")
    root = tmp_path / "empty"
    commit = commit_patch(Repository.open(root), patch_of(root, lambda root: (root / "a").write_text("a\n")), "first")
    assert git(root, "rev-parse", "main").strip() == commit
    assert git(root, "status", "--porcelain") == ""


def test_a_commit_in_a_linked_worktree(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "--quiet", "-b", "side", tmp_path / "linked")
    linked = Repository.open(tmp_path / "linked")
    commit = commit_patch(linked, patch_of(tmp_path / "linked", fix), "fix")
    assert git(repo, "rev-parse", "side").strip() == commit
    assert git(tmp_path / "linked", "status", "--porcelain") == ""


def test_a_commit_in_a_sparse_checkout_deletes_nothing(repo: Path) -> None:
    git(repo, "sparse-checkout", "set", "docs")
    commit_patch(Repository.open(repo), patch_of(repo, fix), "fix")
    assert committed(repo) == "M\tcalc.py\n"
    assert git(repo, "status", "--porcelain") == ""


def test_a_commit_never_signs_or_asks(repo: Path) -> None:
    git(repo, "config", "commit.gpgsign", "true")
    git(repo, "config", "gpg.program", "false")
    git(repo, "config", "core.editor", "false")
    commit_patch(Repository.open(repo), patch_of(repo, fix), "fix")
    assert committed(repo) == "M\tcalc.py\n"


def test_without_an_identity_the_user_is_told_what_to_set(repo: Path, surroundings: Path) -> None:
    (surroundings / "gitconfig").write_text("[user]\nuseConfigOnly = true\n")
    patch, before = patch_of(repo, fix), tree(repo)
    with pytest.raises(RepositoryError, match="git config --global user.name NAME"):
        commit_patch(Repository.open(repo), patch, "fix")
    assert tree(repo) == before


def test_a_left_over_index_lock_is_named(repo: Path) -> None:
    patch, before = patch_of(repo, fix), tree(repo)
    (repo / ".git" / "index.lock").touch()
    with pytest.raises(RepositoryError, match="if none is running, remove '.*index.lock'"):
        commit_patch(Repository.open(repo), patch, "fix")
    assert tree(repo) == before


def test_there_is_no_commit_in_the_middle_of_a_merge(repo: Path) -> None:
    (repo / ".git" / "MERGE_HEAD").write_text(git(repo, "rev-parse", "HEAD"))
    with pytest.raises(RepositoryError, match="a merge is unfinished"):
        commit_patch(Repository.open(repo), patch_of(repo, fix), "fix")


def test_an_empty_patch_is_no_commit(repo: Path) -> None:
    with pytest.raises(RepositoryError, match="nothing to commit"):
        commit_patch(Repository.open(repo), "", "fix")


@pytest.mark.parametrize("hook", ["pre-commit", "commit-msg"])
def test_a_failing_hook_is_quoted_and_leaves_tree_index_and_head_as_they_were(repo: Path, hook: str) -> None:
    write_hook(repo, hook, "echo calc.py is too short >&2; exit 1")
    (repo / "README.md").write_text("staged\n")
    git(repo, "add", "README.md")
    patch, before, status = patch_of(repo, change_everything_else), tree(repo), git(repo, "status", "--porcelain")
    with pytest.raises(RepositoryError, match="git refused the commit, nothing was changed.*calc.py is too short"):
        commit_patch(Repository.open(repo), patch, "fix")
    assert (tree(repo), git(repo, "status", "--porcelain")) == (before, status)
    assert git(repo, "log", "--format=%s") == "first\n"


def change_everything_else(root: Path) -> None:
    fix(root)
    (root / "new.txt").write_text("new\n")
    (root / "tests" / "test_calc.py").unlink()


def test_hooks_see_the_patch_in_the_work_tree_and_only_it_in_the_index(repo: Path, tmp_path: Path) -> None:
    (repo / "README.md").write_text("staged\n")
    git(repo, "add", "README.md")
    write_hook(repo, "pre-commit", f"git diff --cached --name-only > {tmp_path}/seen; grep -c 'a + b' calc.py")
    commit_patch(Repository.open(repo), patch_of(repo, fix), "fix")
    assert (tmp_path / "seen").read_text() == "calc.py\n"


def test_what_a_hook_adds_to_the_commit_is_in_the_index_too(repo: Path) -> None:
    write_hook(repo, "pre-commit", "echo '# formatted' >> calc.py; git add calc.py")
    commit_patch(Repository.open(repo), patch_of(repo, fix), "fix")
    assert git(repo, "show", "HEAD:calc.py") == FIXED + "# formatted\n"
    assert git(repo, "status", "--porcelain") == ""


# --- undo of a commit


def test_undo_of_the_latest_commit_is_a_commit_of_the_reverse(repo: Path) -> None:
    repository, before = Repository.open(repo), tree(repo)
    patch = patch_of(repo, change_everything)
    commit = commit_patch(repository, patch, "fix: add")
    (repo / "mine.txt").write_text("mine\n")
    reverse = undo_patch(repository, patch, commit)
    (repo / "mine.txt").unlink()
    assert tree(repo) == before
    assert git(repo, "rev-parse", "HEAD").strip() == reverse
    assert git(repo, "diff", "--stat", f"{commit}^", "HEAD") == ""
    assert git(repo, "log", "-1", "--format=%B").strip() == f'Revert "fix: add"\n\nThis reverts commit {commit}.'


def test_undo_of_an_earlier_commit_names_the_command(repo: Path) -> None:
    repository = Repository.open(repo)
    patch = patch_of(repo, fix)
    commit = commit_patch(repository, patch, "fix")
    git(repo, "commit", "--quiet", "--allow-empty", "--message", "later")
    with pytest.raises(RepositoryError, match=f"git revert {commit}"):
        undo_patch(repository, patch, commit)
    assert (repo / "calc.py").read_text() == FIXED
