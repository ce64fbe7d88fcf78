"""Snapshots, worktrees and patches on real repositories, in every state that git knows."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import RepositoryError
from agent.workspace import HUGE, Repository

WEIRD_NAMES = (b"a b.txt", b"new\nline.txt", b'quo"te.txt', b"-dash.txt", b"caf\xe9.txt", b"tab\t.txt", b"[x]*.txt")


def git(directory: Path, *arguments: str | Path) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=directory, check=True, capture_output=True, text=True, errors="surrogateescape"
    ).stdout


def state(root: Path) -> dict[str, bytes]:
    """Every file of the work tree and of .git except for objects."""
    found = {}
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if name != "objects"]
        for name in files:
            path = os.path.join(directory, name)
            found[path] = os.readlink(path).encode() if os.path.islink(path) else Path(path).read_bytes()
    return found


def content(repository: Repository, snapshot: str) -> dict[str, bytes | None]:
    return {path: repository.read(snapshot, path) for path in repository.files(snapshot)}


def commit_all(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "more")


# --- open


def test_a_directory_in_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="is not in a git repository; run `git init`"):
        Repository.open(tmp_path)


def test_a_linked_worktree_whose_repository_is_gone_is_one_sentence(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "--quiet", tmp_path / "linked")
    shutil.rmtree(repo)
    with pytest.raises(RepositoryError, match="failed in '.*linked': not a git repository: .*worktrees/linked"):
        Repository.open(tmp_path / "linked")


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="is not a directory"):
        Repository.open(tmp_path / "nowhere")


def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--bare", "bare.git")
    with pytest.raises(RepositoryError, match="is a bare repository"):
        Repository.open(tmp_path / "bare.git")


def test_the_inside_of_git_is_refused(repo: Path) -> None:
    with pytest.raises(RepositoryError, match="is inside of a .git directory"):
        Repository.open(repo / ".git")


def test_a_repository_of_another_owner_is_refused_with_the_way_out(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(RepositoryError, match="dubious ownership.*git config --global --add safe.directory"):
        Repository.open(repo)


def test_a_missing_git_is_said(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "env").symlink_to(shutil.which("env") or "")
    for path in (tools, tmp_path / "nothing"):
        monkeypatch.setenv("PATH", str(path))
        with pytest.raises(RepositoryError, match="git was not found; install git"):
            Repository.open(repo)


def test_an_old_git_is_said(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho git version 1.8.3.1\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RepositoryError, match="git version 1.8.3.1 is too old; install git"):
        Repository.open(repo)


def test_a_subdirectory_and_a_symlink_lead_to_the_root(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(repo)
    for path in (repo / "tests", tmp_path / "link", tmp_path / "link" / "tests"):
        assert Repository.open(path) == Repository(repo, repo / ".git", repo / ".git")


def test_a_linked_worktree_shares_the_common_directory(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "--quiet", "--detach", tmp_path / "linked")
    repository = Repository.open(tmp_path / "linked")
    assert (repository.root, repository.common_dir) == (tmp_path / "linked", repo / ".git")
    assert repository.git_dir == repo / ".git" / "worktrees" / "linked"


def test_the_environment_of_a_hook_does_not_mislead(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / "index"))
    repository = Repository.open(repo)
    assert "calc.py" in repository.files(repository.snapshot())
    assert not (tmp_path / "other" / "index").exists()


# --- snapshot


def test_a_snapshot_holds_tracked_dirty_staged_and_untracked_files(repo: Path) -> None:
    (repo / ".gitignore").write_text("ignored\n")
    (repo / "calc.py").write_text("staged = 1\n")
    git(repo, "add", "calc.py")
    (repo / "calc.py").write_text("dirty = 1\n")
    (repo / "README.md").unlink()
    (repo / "new").mkdir()
    (repo / "new" / "file.txt").write_text("new\n")
    (repo / "ignored").write_text("ignored\n")
    (repo / "intended").write_text("later\n")
    git(repo, "add", "--intent-to-add", "intended")
    repository = Repository.open(repo)
    assert content(repository, repository.snapshot()) == {
        ".gitignore": b"ignored\n",
        "calc.py": b"dirty = 1\n",
        "intended": b"later\n",
        "new/file.txt": b"new\n",
        "tests/test_calc.py": (repo / "tests" / "test_calc.py").read_bytes(),
    }


def test_a_snapshot_leaves_index_work_tree_stash_and_refs_byte_for_byte(repo: Path) -> None:
    (repo / "calc.py").write_text("stashed = 1\n")
    git(repo, "stash")
    (repo / "README.md").write_text("staged\n")
    git(repo, "add", "README.md")
    (repo / "README.md").write_text("dirty\n")
    (repo / "untracked").write_text("x")
    before = state(repo)
    repository = Repository.open(repo)
    with repository.worktree(repository.snapshot(), repo.parent / "worktrees") as worktree:
        (worktree / "calc.py").write_text("changed = 1\n")
        assert repository.diff(worktree, repository.snapshot())
    assert state(repo) == before


def test_the_parent_of_a_snapshot_is_head_and_equal_trees_are_one_snapshot(repo: Path) -> None:
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert git(repo, "rev-parse", f"{snapshot}^").strip() == repository.head
    assert repository.snapshot() == snapshot


def test_an_empty_repository_works(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "empty")
    root = tmp_path / "empty"
    repository = Repository.open(root)
    assert repository.head is None
    with repository.worktree(repository.snapshot(), tmp_path / "worktrees") as worktree:
        (worktree / "first.txt").write_text("first\n")
        assert "first.txt" in repository.diff(worktree, repository.snapshot())
    (root / "only.txt").write_text("untracked\n")
    assert content(repository, repository.snapshot()) == {"only.txt": b"untracked\n"}


def test_a_detached_head_works(repo: Path) -> None:
    git(repo, "checkout", "--quiet", "--detach")
    repository = Repository.open(repo)
    assert repository.files(repository.snapshot()) == ["README.md", "calc.py", "tests/test_calc.py"]


@pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick"])
def test_a_conflict_is_taken_as_it_lies_in_the_work_tree(repo: Path, command: str) -> None:
    git(repo, "checkout", "--quiet", "-b", "side")
    (repo / "calc.py").write_text("side = 1\n")
    (repo / "from_side.txt").write_text("side\n")
    commit_all(repo)
    git(repo, "checkout", "--quiet", "main")
    (repo / "calc.py").write_text("main = 1\n")
    commit_all(repo)
    assert subprocess.run(["git", command, "side"], cwd=repo, capture_output=True).returncode
    before = state(repo)
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert b"<<<<<<<" in (repository.read(snapshot, "calc.py") or b"")
    with repository.worktree(snapshot, repo.parent / "worktrees") as worktree:
        assert (worktree / "calc.py").read_bytes() == (repo / "calc.py").read_bytes()
    assert state(repo) == before


def test_a_left_over_index_lock_does_not_matter(repo: Path) -> None:
    (repo / ".git" / "index.lock").touch()
    (repo / "calc.py").write_text("dirty = 1\n")
    repository = Repository.open(repo)
    assert repository.read(repository.snapshot(), "calc.py") == b"dirty = 1\n"


def test_a_change_in_the_same_second_and_of_the_same_size_is_seen(repo: Path) -> None:
    for number in range(5):
        (repo / "calc.py").write_text(f"value = {number}\n")
        git(repo, "add", "calc.py")
        (repo / "calc.py").write_text(f"VALUE = {number}\n")
        repository = Repository.open(repo)
        assert repository.read(repository.snapshot(), "calc.py") == f"VALUE = {number}\n".encode()


def test_files_outside_of_a_sparse_checkout_are_neither_deleted_nor_fetched(repo: Path) -> None:
    git(repo, "sparse-checkout", "set", "docs")
    assert not (repo / "tests").exists()
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert "tests/test_calc.py" in repository.files(snapshot)
    with repository.worktree(snapshot, repo.parent / "worktrees") as worktree:
        assert repository.diff(worktree, snapshot) == ""
        (worktree / "elsewhere").mkdir()
        (worktree / "elsewhere" / "new.txt").write_text("new\n")
        assert repository.changed_paths(worktree, snapshot) == ["elsewhere/new.txt"]


def test_submodules_stay_links_and_dirty_or_broken_nested_repositories_do_no_harm(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "library")
    git(tmp_path / "library", "commit", "--quiet", "--allow-empty", "--message", "library")
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", tmp_path / "library", "library")
    commit_all(repo)
    (repo / "library" / "dirty.txt").write_text("dirty\n")
    for name in ("nested", "unborn", "broken"):
        git(repo, "init", "--quiet", name)
    git(repo / "nested", "commit", "--quiet", "--allow-empty", "--message", "nested")
    (repo / "broken" / ".git" / "HEAD").write_text("garbage")
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert "160000" in git(repo, "ls-tree", snapshot, "library")
    assert not {"nested", "unborn", "library", "library/dirty.txt"} & set(repository.files(snapshot))
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        assert repository.diff(worktree, snapshot) == ""
    assert not (repo / ".git" / "worktrees").exists()


def test_a_submodule_is_a_repository_of_its_own(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "outer")
    git(tmp_path / "outer", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", repo, "inner")
    repository = Repository.open(tmp_path / "outer" / "inner")
    assert repository.root == tmp_path / "outer" / "inner"
    snapshot = repository.snapshot()
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        (worktree / "calc.py").write_text("changed = 1\n")
        assert repository.changed_paths(worktree, snapshot) == ["calc.py"]


def test_a_shallow_partial_clone_works(repo: Path, tmp_path: Path) -> None:
    git(repo, "config", "uploadpack.allowFilter", "true")
    for number in range(2):
        (repo / "calc.py").write_text(f"x = {number}\n")
        commit_all(repo)
    git(tmp_path, "clone", "--quiet", "--depth=1", "--filter=blob:none", f"file://{repo}", "clone")
    repository = Repository.open(tmp_path / "clone")
    with repository.worktree(repository.snapshot(), tmp_path / "worktrees") as worktree:
        assert (worktree / "calc.py").read_text() == "x = 1\n"


def test_a_linked_worktree_of_a_bare_repository_works(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", repo, "bare.git")
    git(tmp_path / "bare.git", "worktree", "add", "--quiet", tmp_path / "linked", "main")
    (tmp_path / "linked" / "calc.py").write_text("dirty = 1\n")
    repository = Repository.open(tmp_path / "linked")
    snapshot = repository.snapshot()
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        assert (worktree / "calc.py").read_text() == "dirty = 1\n"
        assert repository.diff(worktree, snapshot) == ""


def test_a_file_replaced_by_a_directory_and_the_other_way_round(repo: Path) -> None:
    (repo / "README.md").unlink()
    (repo / "README.md").mkdir()
    (repo / "README.md" / "inside").write_text("x\n")
    shutil.rmtree(repo / "tests")
    (repo / "tests").symlink_to("README.md")
    repository = Repository.open(repo)
    assert repository.files(repository.snapshot()) == ["README.md/inside", "calc.py", "tests"]


def test_weird_names_survive_snapshot_worktree_and_diff(repo: Path) -> None:
    names = [os.fsdecode(name) for name in WEIRD_NAMES]
    for name in names:
        (repo / name).write_text("one\n")
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert [repository.read(snapshot, name) for name in names] == [b"one\n"] * len(names)
    with repository.worktree(snapshot, repo.parent / "worktrees") as worktree:
        for name in names:
            (worktree / name).write_text("two\n")
            (worktree / f"new {name}").write_text("new\n")
        assert set(repository.changed_paths(worktree, snapshot)) == {*names, *(f"new {name}" for name in names)}
        assert repository.diff(worktree, snapshot).isascii()


def test_huge_untracked_files_are_left_out(repo: Path) -> None:
    for name, size in (("huge.bin", HUGE + 1), ("small.bin", 1024)):
        with (repo / name).open("wb") as file:
            file.truncate(size)
    repository = Repository.open(repo)
    files = repository.files(repository.snapshot())
    assert "small.bin" in files and "huge.bin" not in files


def test_pipes_and_dangling_symlinks_do_no_harm(repo: Path) -> None:
    os.mkfifo(repo / "pipe")
    (repo / "dangling").symlink_to("nowhere")
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert "pipe" not in repository.files(snapshot)
    assert repository.read(snapshot, "dangling") == b"nowhere"


def test_signing_a_missing_identity_and_hooks_concern_no_snapshot(
    repo: Path, surroundings: Path, marking_hooks: Callable[[Path], Path]
) -> None:
    (surroundings / "gitconfig").write_text("[user]\nuseConfigOnly = true\n[commit]\ngpgsign = true\n")
    ran = marking_hooks(repo)
    repository = Repository.open(repo)
    with repository.worktree(repository.snapshot(), repo.parent / "worktrees"):
        pass
    assert not ran.exists()


@pytest.fixture
def marking_hooks(tmp_path: Path) -> Callable[[Path], Path]:
    """Installs hooks that fail and leave a mark; returns where."""

    def install(root: Path) -> Path:
        hooks = tmp_path / "hooks"
        hooks.mkdir()
        for name in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
            (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
            (hooks / name).chmod(0o755)
        git(root, "config", "core.hooksPath", str(hooks))
        return tmp_path / "ran"

    return install


def test_an_object_store_that_takes_no_objects_is_one_sentence(repo: Path) -> None:
    (repo / "calc.py").write_text("dirty = 1\n")
    shutil.rmtree(repo / ".git" / "objects")
    (repo / ".git" / "objects").symlink_to("/proc")
    with pytest.raises(RepositoryError, match="failed in|cannot write") as caught:
        Repository.open(repo).snapshot()
    assert "\n" not in str(caught.value)


# --- reading


def test_read_gives_none_for_what_is_no_file(repo: Path) -> None:
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert [repository.read(snapshot, path) for path in ("nowhere", "tests", "tests/", "*.py", "calc.py/x")] == [
        None
    ] * 5
    assert repository.read(snapshot, "tests/test_calc.py") == (repo / "tests" / "test_calc.py").read_bytes()


# --- worktree


def test_a_worktree_is_the_snapshot_and_leaves_nothing(repo: Path, tmp_path: Path) -> None:
    (repo / "calc.py").write_text("dirty = 1\n")
    repository = Repository.open(repo)
    with repository.worktree(repository.snapshot(), tmp_path / "worktrees") as worktree:
        assert worktree.parent == tmp_path / "worktrees"
        assert (worktree / "calc.py").read_text() == "dirty = 1\n"
        (worktree / "stuck").mkdir()
        (worktree / "stuck" / "file").touch()
        (worktree / "stuck").chmod(stat.S_IRUSR)
    assert not list((tmp_path / "worktrees").glob("sleepwright-*"))
    assert not (repo / ".git" / "worktrees").exists()
    assert git(repo, "worktree", "list").count("\n") == 1


def test_an_error_inside_passes_and_the_worktree_goes(repo: Path, tmp_path: Path) -> None:
    repository = Repository.open(repo)
    with pytest.raises(FileNotFoundError):
        with repository.worktree(repository.snapshot(), tmp_path / "worktrees"):
            (tmp_path / "nowhere").read_text()
    assert not list((tmp_path / "worktrees").glob("sleepwright-*"))


def test_many_worktrees_at_once(repo: Path, tmp_path: Path) -> None:
    repository = Repository.open(repo)
    snapshot = repository.snapshot()

    def change(number: int) -> list[str]:
        with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
            (worktree / f"{number}.txt").touch()
            return repository.changed_paths(worktree, snapshot)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(change, range(24))) == [[f"{number}.txt"] for number in range(24)]
    assert not (repo / ".git" / "worktrees").exists()


HOLD = """
import sys
from pathlib import Path
from agent.workspace import Repository

repository = Repository.open(Path(sys.argv[1]))
with repository.worktree(repository.snapshot(), Path(sys.argv[2])) as worktree:
    print(worktree, flush=True)
    sys.stdin.readline()
"""


def hold(repo: Path, parent: Path) -> tuple["subprocess.Popen[str]", Path]:
    """Another process that holds a worktree until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, repo, parent],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_leftovers_of_a_killed_run_go_and_a_living_run_keeps_its_worktree(repo: Path, tmp_path: Path) -> None:
    parent = tmp_path / "worktrees"
    (dead, left), (living, kept) = hold(repo, parent), hold(repo, parent)
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    assert left.is_dir() and kept.is_dir()
    repository = Repository.open(repo)
    repository.clean_leftovers(parent)
    assert not left.exists() and (kept / "calc.py").is_file()
    assert git(repo, "worktree", "list").count("\n") == 2
    living.communicate("")
    assert living.returncode == 0
    assert sorted(path.name for path in parent.iterdir()) == ["guard"]
    assert not (repo / ".git" / "worktrees").exists()


def test_a_run_killed_while_it_made_a_worktree_is_cleaned_up(repo: Path, tmp_path: Path) -> None:
    parent = tmp_path / "worktrees"
    half = repo / ".git" / "worktrees" / "sleepwright-000000000000"
    half.mkdir(parents=True)
    (half / "locked").write_text("initializing")
    parent.mkdir()
    (parent / f"{half.name}.lock").touch()
    Repository.open(repo).clean_leftovers(parent)
    assert not half.exists()
    assert sorted(path.name for path in parent.iterdir()) == ["guard"]


def test_the_worktrees_of_the_user_stay(repo: Path, tmp_path: Path) -> None:
    git(repo, "worktree", "add", "--quiet", "--detach", tmp_path / "away")
    shutil.rmtree(tmp_path / "away")  # on a disk that is not there now
    repository = Repository.open(repo)
    with repository.worktree(repository.snapshot(), tmp_path / "worktrees"):
        pass
    repository.clean_leftovers(tmp_path / "worktrees")
    assert (repo / ".git" / "worktrees" / "away").is_dir()


def test_a_symlink_as_parent_is_refused(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "worktrees").symlink_to(repo)
    repository = Repository.open(repo)
    with pytest.raises(RepositoryError, match="is a symlink"):
        with repository.worktree(repository.snapshot(), tmp_path / "worktrees"):
            pass


def test_a_worktree_without_its_git_file_never_leads_to_a_repository_around_it(repo: Path) -> None:
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    (repo / "calc.py").write_text("mine = 1\n")
    index = (repo / ".git" / "index").read_bytes()
    with repository.worktree(snapshot, repo / "inside") as worktree:
        (worktree / ".git").unlink()
        assert repository.diff(worktree, snapshot) == ""
    assert (repo / ".git" / "index").read_bytes() == index
    assert (repo / "calc.py").read_text() == "mine = 1\n"


def test_no_config_extension_is_left_behind(repo: Path, tmp_path: Path) -> None:
    git(repo, "config", "extensions.worktreeConfig", "true")
    git(repo, "sparse-checkout", "set", "tests")
    config = (repo / ".git" / "config").read_bytes()
    repository = Repository.open(repo)
    with repository.worktree(repository.snapshot(), tmp_path / "worktrees") as worktree:
        assert (worktree / "tests").is_dir()
    assert (repo / ".git" / "config").read_bytes() == config


def test_inputs_are_linked_and_never_in_a_snapshot_or_patch(repo: Path, tmp_path: Path) -> None:
    for name in (".venv", "node_modules"):
        (repo / name).mkdir()
        (repo / name / "tool").write_text("tool\n")
    repository = Repository.open(repo)
    assert repository.inputs == [repo / ".venv", repo / "node_modules"]
    snapshot = repository.snapshot()
    assert repository.files(snapshot) == ["README.md", "calc.py", "tests/test_calc.py"]
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        assert (worktree / ".venv" / "tool").read_text() == "tool\n"
        assert repository.diff(worktree, snapshot) == ""
    assert (repo / ".venv" / "tool").is_file()


# --- diff


def test_a_diff_rebuilds_new_changed_deleted_renamed_binary_and_executable_files(repo: Path, tmp_path: Path) -> None:
    (repo / "logo.bin").write_bytes(bytes(range(256)))
    commit_all(repo)
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        (worktree / "new.txt").write_text("new\n")
        (worktree / "empty.txt").touch()
        (worktree / "logo.bin").write_bytes(bytes(range(255, -1, -1)))
        (worktree / "latin.txt").write_bytes(b"caf\xe9\r\nlone\rcr")
        (worktree / "README.md").unlink()
        (worktree / "calc.py").rename(worktree / "sums.py")
        (worktree / "tests" / "test_calc.py").chmod(0o755)
        (worktree / "link").symlink_to("sums.py")
        patch = repository.diff(worktree, snapshot)
        expected = content(repository, Repository.open(worktree).snapshot())
    assert "rename from calc.py" in patch
    subprocess.run(["git", "apply", "-"], cwd=repo, input=patch.encode("utf-8", "surrogateescape"), check=True)
    assert content(repository, repository.snapshot()) == expected
    assert os.access(repo / "tests" / "test_calc.py", os.X_OK)


def test_what_tests_leave_behind_is_in_no_diff_unless_tracked(repo: Path, tmp_path: Path) -> None:
    (repo / "kept").mkdir()
    (repo / "kept" / "old.pyc").write_text("1")
    git(repo, "add", "--all")
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        for path in (
            "__pycache__/x.pyc",
            "tests/__pycache__/y.pyc",
            ".pytest_cache/v",
            ".coverage",
            ".coverage.host.1",
        ):
            (worktree / path).parent.mkdir(exist_ok=True)
            (worktree / path).write_text("x")
        git(worktree, "init", "--quiet", "made_by_a_test")
        (worktree / "kept" / "old.pyc").write_text("2")
        assert repository.changed_paths(worktree, snapshot) == ["kept/old.pyc"]


def test_settings_do_not_change_the_diff(repo: Path, tmp_path: Path, surroundings: Path) -> None:
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        (worktree / "calc.py").write_text("def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 2 * a\n")
        (worktree / "é.txt").write_text("new\n")
        plain = repository.diff(worktree, snapshot)
        (surroundings / "gitconfig").write_text(
            "[diff]\nnoprefix = true\nmnemonicPrefix = true\nexternal = false\nrenames = false\ncontext = 0\n"
            "interHunkContext = 9\nsuppressBlankEmpty = true\nalgorithm = patience\ncolorMoved = zebra\n"
            "wordRegex = .\nsubmodule = log\n[color]\nui = always\ndiff = always\n[core]\nquotePath = false\n"
            '[diff "py"]\ntextconv = cat -n\ncommand = false\n'
        )
        (repo / ".git" / "info" / "attributes").write_text("*.py diff=py\n")
        assert repository.diff(worktree, snapshot) == plain


def test_an_unchanged_worktree_has_no_diff(repo: Path, tmp_path: Path) -> None:
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        assert (repository.diff(worktree, snapshot), repository.changed_paths(worktree, snapshot)) == ("", [])


@pytest.mark.parametrize("setting", ["true", "input", "false"])
def test_a_worktree_has_the_line_ends_of_a_checkout_and_the_diff_those_of_the_blobs(
    repo: Path, tmp_path: Path, setting: str
) -> None:
    git(repo, "config", "core.autocrlf", setting)
    git(repo, "config", "core.safecrlf", "true")
    (repo / "untracked.txt").write_bytes(b"one\r\ntwo\r\n" if setting == "true" else b"one\ntwo\n")
    repository = Repository.open(repo)
    snapshot = repository.snapshot()
    assert repository.read(snapshot, "untracked.txt") == b"one\ntwo\n"
    with repository.worktree(snapshot, tmp_path / "worktrees") as worktree:
        assert (worktree / "untracked.txt").read_bytes() == (repo / "untracked.txt").read_bytes()
        assert repository.diff(worktree, snapshot) == ""
