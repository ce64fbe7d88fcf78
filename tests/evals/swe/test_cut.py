"""A repository that ends at the base commit, and every way in which one could leak."""

from pathlib import Path

import pytest

from agent.errors import RepositoryError
from evals.swe.cut import cut, leaks
from tests.evals.swe.examples import Example, git, make_example


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return make_example(tmp_path)


@pytest.fixture
def repository(example: Example, tmp_path: Path) -> Path:
    cut(example.repository, example.instance.base_commit, tmp_path / "cut")
    return tmp_path / "cut"


def test_a_cut_repository_leaks_nothing(example: Example, repository: Path) -> None:
    assert leaks(repository, example.instance.base_commit) == []
    assert git(repository, "log", "--all", "--format=%s") == "first"
    assert git(repository, "status", "--porcelain") == ""
    assert "a - b" in (repository / "calc.py").read_text()


def test_nothing_in_it_says_where_it_came_from(example: Example, repository: Path) -> None:
    files = [path for path in repository.rglob("*") if path.is_file()]

    assert not [path for path in files if str(example.mirrors).encode() in path.read_bytes()]


def test_a_commit_that_is_missing_is_named(example: Example, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="has no commit 0000"):
        cut(example.repository, "0" * 40, tmp_path / "cut")


def fix_of(example: Example) -> str:
    return git(example.repository, "rev-parse", "v2")


def fetch(example: Example, repository: Path, *refspec: str) -> None:
    git(repository, "fetch", "--quiet", "--no-tags", str(example.repository), *refspec)
    (repository / ".git" / "FETCH_HEAD").unlink()


def leak_by_ref(example: Example, repository: Path) -> str:
    fetch(example, repository, "v2:refs/hidden/x")
    return "refs/hidden/x leads to"


def leak_by_unreachable_object(example: Example, repository: Path) -> str:
    fetch(example, repository, "v2")
    return "objects do not belong"


def leak_by_loose_blob(example: Example, repository: Path) -> str:
    (repository / "later.py").write_text("the fix\n")
    git(repository, "hash-object", "-w", "later.py")
    return "objects do not belong"


def leak_by_packed_ref(example: Example, repository: Path) -> str:
    fetch(example, repository, "v2:refs/tags/v2")
    git(repository, "pack-refs", "--all")
    return "refs/tags/v2 leads to"


def leak_by_alternates(example: Example, repository: Path) -> str:
    (repository / ".git" / "objects" / "info" / "alternates").write_text(f"{example.repository}/.git/objects\n")
    return "alternates is there"


def leak_by_reflog(example: Example, repository: Path) -> str:
    (repository / ".git" / "logs").mkdir(exist_ok=True)
    zero, fix = "0" * 40, fix_of(example)
    (repository / ".git" / "logs" / "HEAD").write_text(f"{zero} {fix} A <a@example.org> 0 +0000\tpull\n")
    return "the reflog logs/HEAD names"


def leak_by_remote(example: Example, repository: Path) -> str:
    git(repository, "remote", "add", "origin", str(example.repository))
    return "the configuration names 'remote.origin.url'"


def leak_by_fetch_head(example: Example, repository: Path) -> str:
    (repository / ".git" / "FETCH_HEAD").write_text(f"{fix_of(example)}\t\tbranch 'main'\n")
    return ".git/FETCH_HEAD is there"


def leak_by_worktree(example: Example, repository: Path) -> str:
    git(repository, "worktree", "add", "--quiet", "--detach", str(repository.parent / "other"))
    return ".git/worktrees is not empty"


@pytest.mark.parametrize(
    "leak",
    [
        leak_by_ref,
        leak_by_unreachable_object,
        leak_by_loose_blob,
        leak_by_packed_ref,
        leak_by_alternates,
        leak_by_reflog,
        leak_by_remote,
        leak_by_fetch_head,
        leak_by_worktree,
    ],
    ids=lambda leak: leak.__name__,
)
def test_every_leak_is_found(leak, example: Example, repository: Path) -> None:  # type: ignore[no-untyped-def]
    expected = leak(example, repository)

    assert any(expected in sentence for sentence in leaks(repository, example.instance.base_commit))
