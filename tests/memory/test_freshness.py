"""Notes follow git: branches, rebases, reverts, renames, work trees, submodules, dirty and untracked files."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memory.anchoring import evidence
from memory.errors import NoteRefused, TreeError
from memory.freshness import broken_anchors, broken_notes, current_path, state_of
from memory.note_log import NoteLog
from memory.records import Note
from memory.work_tree import WorkTree
from tests.memory.note_examples import note

Git = Callable[..., str]
OLD, NEW = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return b + a\n"


@pytest.fixture
def git(repo: Path) -> Git:
    def run(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def log(tmp_path: Path) -> Iterator[NoteLog]:
    with NoteLog(tmp_path / "notes.db") as opened:
        yield opened


def remember(log: NoteLog, root: Path, *places: str) -> Note:
    found = evidence(WorkTree.open(root), places)
    written = note(f"About {places}.", anchors=found.anchors, commit=found.commit)
    log.add([written])
    return written


def state(log: NoteLog, root: Path, written: Note) -> str:
    """The same by all ways of asking."""
    tree = WorkTree.open(root)
    one = state_of(broken_anchors(tree, tree.held(), log, [written.id]).get(written.id, []))
    assert one == state_of(broken_anchors(tree, tree.held(), log).get(written.id, []))
    assert broken_notes(tree, tree.held(), log, [written.id]) == (set() if one == "live" else {written.id})
    return one


def place(root: Path, written: Note) -> str:
    tree = WorkTree.open(root)
    return current_path(written.anchors[0], tree.held(), tree)


def test_what_a_tree_holds_is_put_together_anew_only_after_a_change(repo: Path) -> None:
    tree = WorkTree.open(repo)
    first = tree.held()
    assert tree.held() is first
    (repo / "calc.py").write_text(OLD)
    changed = tree.held()
    assert changed.blobs["calc.py"] != first.blobs["calc.py"] and tree.held() is changed
    (repo / "calc.py").unlink()
    assert "calc.py" not in tree.held().blobs and "calc.py" in changed.blobs


def test_a_note_is_live_where_it_was_made(log: NoteLog, repo: Path) -> None:
    assert state(log, repo, remember(log, repo, "calc.py", "README.md")) == "live"


def test_a_note_without_anchors_is_live_everywhere(log: NoteLog, repo: Path) -> None:
    assert state(log, repo, remember(log, repo)) == "live"


def test_a_change_makes_it_stale_and_taking_it_back_live(log: NoteLog, repo: Path) -> None:
    written = remember(log, repo, "calc.py")
    before = (repo / "calc.py").read_text()
    (repo / "calc.py").write_text(OLD)
    assert state(log, repo, written) == "stale"
    (repo / "calc.py").write_text(before)
    assert state(log, repo, written) == "live"


def test_touching_a_file_changes_nothing(log: NoteLog, repo: Path) -> None:
    written = remember(log, repo, "calc.py")
    (repo / "calc.py").touch()
    assert state(log, repo, written) == "live"


def test_one_changed_anchor_of_two_is_enough(log: NoteLog, repo: Path) -> None:
    written = remember(log, repo, "calc.py", "README.md")
    (repo / "README.md").write_text("# other\n")
    broken = broken_anchors(tree := WorkTree.open(repo), tree.held(), log)[written.id]
    assert [(each.path, each.state) for each in broken] == [("README.md", "stale")]


def test_a_staged_and_a_committed_change_count_and_a_revert_undoes_them(log: NoteLog, repo: Path, git: Git) -> None:
    written = remember(log, repo, "calc.py")
    (repo / "calc.py").write_text(OLD)
    git("add", "calc.py")
    assert state(log, repo, written) == "stale"
    git("commit", "--quiet", "--message", "change")
    assert state(log, repo, written) == "stale"
    git("revert", "--no-edit", "HEAD")
    assert state(log, repo, written) == "live"


def test_a_deleted_file_makes_it_stale(log: NoteLog, repo: Path, git: Git) -> None:
    written = remember(log, repo, "calc.py")
    git("rm", "--quiet", "calc.py")
    git("commit", "--quiet", "--message", "gone")
    broken = broken_anchors(tree := WorkTree.open(repo), tree.held(), log)[written.id]
    assert [(each.state, each.now) for each in broken] == [("stale", None)]


def test_another_branch_and_back_changes_nothing(log: NoteLog, repo: Path, git: Git) -> None:
    git("checkout", "--quiet", "-b", "feature")
    (repo / "calc.py").write_text(OLD)
    (repo / "new.py").write_text("x = 1\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "feature")
    changed, added = remember(log, repo, "calc.py"), remember(log, repo, "new.py")
    git("checkout", "--quiet", "main")
    assert (state(log, repo, changed), state(log, repo, added)) == ("dormant", "dormant")
    git("checkout", "--quiet", "feature")
    assert (state(log, repo, changed), state(log, repo, added)) == ("live", "live")


def test_after_a_rebase_it_is_live_and_a_later_change_makes_it_stale(log: NoteLog, repo: Path, git: Git) -> None:
    git("checkout", "--quiet", "-b", "feature")
    (repo / "calc.py").write_text(OLD)
    git("commit", "--quiet", "--all", "--message", "feature")
    written = remember(log, repo, "calc.py")
    git("checkout", "--quiet", "main")
    (repo / "README.md").write_text("# moved on\n")
    git("commit", "--quiet", "--all", "--message", "main moves on")
    git("checkout", "--quiet", "feature")
    git("rebase", "--quiet", "main")
    assert written.commit and written.commit not in git("rev-list", "HEAD")
    assert state(log, repo, written) == "live"
    (repo / "calc.py").write_text(NEW)
    git("commit", "--quiet", "--all", "--message", "changed after the rebase")
    assert state(log, repo, written) == "stale"


def test_words_in_the_place_of_a_commit_are_none(repo: Path, git: Git) -> None:
    head = git("rev-parse", "HEAD")
    assert WorkTree.open(repo).ancestors([head, "x commit y", "--all commit", "commit", "HEAD:calc.py"]) == {head}


def test_a_rename_keeps_it_alive_at_its_new_path(log: NoteLog, repo: Path, git: Git) -> None:
    written = remember(log, repo, "calc.py")
    git("mv", "calc.py", "sums.py")
    assert state(log, repo, written) == "live"
    git("commit", "--quiet", "--message", "rename")
    assert state(log, repo, written) == "live"
    assert place(repo, written) == "sums.py"


def test_a_file_moved_without_git_keeps_it_alive(log: NoteLog, repo: Path) -> None:
    written = remember(log, repo, "calc.py")
    (repo / "calc.py").rename(repo / "sums.py")
    assert state(log, repo, written) == "live"
    assert place(repo, written) == "sums.py"


def test_a_file_that_was_moved_says_nothing_of_another_that_was_copied_and_changed(log: NoteLog, repo: Path) -> None:
    moved, changed = remember(log, repo, "README.md"), remember(log, repo, "calc.py")
    (repo / "README.md").rename(repo / "README.txt")
    (repo / "copy.py").write_text((repo / "calc.py").read_text())
    (repo / "calc.py").write_text(OLD)
    assert (state(log, repo, moved), state(log, repo, changed)) == ("live", "stale")


def test_a_new_file_is_where_it_was(log: NoteLog, repo: Path) -> None:
    for name in ("another.py", "draft.py"):
        (repo / name).write_text("x = 1\n")
    assert place(repo, remember(log, repo, "draft.py")) == "draft.py"


def test_what_was_never_committed_is_live_until_it_changes(log: NoteLog, repo: Path, git: Git) -> None:
    (repo / "draft.py").write_text("x = 1\n")
    (repo / "calc.py").write_text(OLD)
    untracked, dirty = remember(log, repo, "draft.py"), remember(log, repo, "calc.py")
    assert (untracked.commit, dirty.commit) == (None, None)
    assert (state(log, repo, untracked), state(log, repo, dirty)) == ("live", "live")
    git("checkout", "--quiet", "calc.py")
    assert state(log, repo, dirty) == "dormant"
    (repo / "calc.py").write_text(OLD)
    git("add", "--all")
    git("commit", "--quiet", "--message", "committed after all")
    assert (state(log, repo, untracked), state(log, repo, dirty)) == ("live", "live")


def test_each_work_tree_has_its_own_truth(log: NoteLog, repo: Path, git: Git, tmp_path: Path) -> None:
    written = remember(log, repo, "calc.py")
    other = tmp_path / "other"
    git("worktree", "add", "--quiet", "-b", "other", str(other))
    (other / "calc.py").write_text(OLD)
    assert WorkTree.open(other).common_dir == WorkTree.open(repo).common_dir
    assert (state(log, repo, written), state(log, other, written)) == ("live", "stale")


def test_a_submodule_counts_with_its_commit(log: NoteLog, repo: Path, git: Git, tmp_path: Path) -> None:
    library = tmp_path / "library"
    for command in (
        ["init", "--quiet", str(library)],
        ["-C", str(library), "commit", "-q", "--allow-empty", "-m", "1"],
    ):
        subprocess.run(["git", *command], check=True)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    git("commit", "--quiet", "--message", "library")
    written = remember(log, repo, "lib")
    assert state(log, repo, written) == "live"
    subprocess.run(["git", "-C", str(repo / "lib"), "commit", "-q", "--allow-empty", "-m", "2"], check=True)
    assert state(log, repo, written) == "stale"
    (repo / "lib" / "inside.py").write_text("x = 1\n")
    for place in ("lib/inside.py", "lib/nowhere.py"):
        with pytest.raises(NoteRefused, match="lies in the submodule 'lib'"):
            remember(log, repo, place)


def test_line_ends_are_compared_as_git_stores_them(log: NoteLog, repo: Path, git: Git) -> None:
    written = remember(log, repo, "calc.py")
    git("config", "core.autocrlf", "true")
    (repo / "calc.py").write_bytes((repo / "calc.py").read_bytes().replace(b"\n", b"\r\n"))
    assert state(log, repo, written) == "live"


def test_odd_names_and_links_have_blobs_too(log: NoteLog, repo: Path, git: Git) -> None:
    (repo / 'sp ace "ü".py').write_text("x = 1\n")
    (repo / "link").symlink_to("calc.py")
    git("add", "--all")
    git("commit", "--quiet", "--message", "odd")
    odd, link = remember(log, repo, 'sp ace "ü".py'), remember(log, repo, "link")
    assert (state(log, repo, odd), state(log, repo, link)) == ("live", "live")
    (repo / "link").unlink()
    (repo / "link").symlink_to("README.md")
    assert (state(log, repo, odd), state(log, repo, link)) == ("live", "stale")


def test_a_file_that_has_become_something_else_is_gone(log: NoteLog, repo: Path) -> None:
    written = remember(log, repo, "calc.py")
    (repo / "calc.py").unlink()
    os.mkfifo(repo / "calc.py")
    assert state(log, repo, written) == "stale"


def test_files_that_git_cannot_hash_leave_the_others_as_they_are(log: NoteLog, repo: Path, git: Git) -> None:
    (repo / ".gitattributes").write_text("*.dat filter=missing\n")
    git("config", "filter.missing.clean", "false")
    git("config", "filter.missing.required", "true")
    for name in ("one.dat", "three.dat"):
        (repo / name).write_text("large\n")
    written = remember(log, repo, "calc.py")
    (repo / "calc.py").rename(repo / "sums.py")
    assert state(log, repo, written) == "live"
    with pytest.raises(NoteRefused, match="no file 'one.dat'"):
        remember(log, repo, "one.dat")


@pytest.mark.parametrize("name", ["line\nbreak.py", "car\rriage.py", '"quote.py', "back\\slash.py", "tab\tand ü.py"])
def test_a_file_of_any_name_is_seen_to_change(repo: Path, git: Git, name: str) -> None:
    (repo / name).write_text(OLD)
    git("add", "--all")
    tree = WorkTree.open(repo)
    before = tree.held().blobs[name]
    (repo / name).write_text(NEW)
    assert tree.held().blobs[name] != before


def test_a_tree_may_lie_in_a_folder_of_any_name(log: NoteLog, tmp_path: Path) -> None:
    root = tmp_path / "line\nbreak"
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / "a.py").write_text("x = 1\n")
    tree = WorkTree.open(root)
    assert (tree.root, tree.common_dir) == (root, root / ".git")
    assert state(log, root, remember(log, root, "a.py")) == "live"


def test_a_repository_without_commits_holds_what_lies_in_it(log: NoteLog, tmp_path: Path) -> None:
    root = tmp_path / "new"
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / "a.py").write_text("x = 1\n")
    written = remember(log, root, "a.py")
    assert state(log, root, written) == "live"
    (root / "a.py").write_text("x = 2\n")
    assert state(log, root, written) == "dormant"


@pytest.mark.parametrize(
    "place",
    [
        "nowhere.py",
        "../outside.py",
        "/etc/passwd",
        "calc.py:0",
        "calc.py:6-3",
        "calc.py:7",
        "calc.py::subtract",
        "calc.py::doubl",
        "calc.py::Sums.add",
        "",
    ],
)
def test_a_place_that_is_none_is_refused(log: NoteLog, repo: Path, place: str) -> None:
    with pytest.raises(NoteRefused):
        remember(log, repo, place)


def test_places_name_lines_and_symbols(repo: Path) -> None:
    anchors = evidence(WorkTree.open(repo), ["calc.py:2-5", "calc.py::add", "./calc.py:6"]).anchors
    assert [(each.path, each.lines, each.symbol) for each in anchors] == [
        ("calc.py", (2, 5), None),
        ("calc.py", None, "add"),
        ("calc.py", (6, 6), None),
    ]


def test_what_a_sparse_checkout_leaves_out_has_lines_and_symbols_too(repo: Path, git: Git) -> None:
    git("sparse-checkout", "set", "--no-cone", "README.md")
    assert not (repo / "calc.py").exists()
    assert len(evidence(WorkTree.open(repo), ["calc.py::double", "calc.py:6"]).anchors) == 2


def test_a_link_has_no_more_in_it_than_where_it_points(repo: Path) -> None:
    (repo / "link.py").symlink_to("calc.py")
    with pytest.raises(NoteRefused, match="no line 2"):
        evidence(WorkTree.open(repo), ["link.py:2"])


def test_a_work_tree_that_was_deleted_is_gone(repo: Path) -> None:
    tree = WorkTree.open(repo)
    repo.rename(repo.with_name("moved"))
    with pytest.raises(TreeError, match=r"repo' is gone\.$"):
        tree.held()


def test_outside_of_a_repository_there_is_no_tree(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="not a git repository"):
        WorkTree.open(tmp_path)
