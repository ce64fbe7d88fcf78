"""What counts as a repository's own code."""

from pathlib import Path

import pytest

from agent.symbol_cache import SymbolCache
from agent.symbol_table import symbols_of
from agent.workspace import Repository


def own(repo: Path, *paths: str) -> list[str]:
    for path in paths:
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text("x = 1\n")
    repository = Repository.open(repo)
    with SymbolCache(repo.parent / "symbols.db") as cache:
        return [path for path in symbols_of(repository, repository.snapshot(), cache).paths if path in paths]


@pytest.mark.parametrize(
    "path",
    [
        "vendor/github.com/a/b.go",
        "src/_vendor/six.py",
        "lib/third_party/zlib.c",
        "lib/Third-Party/zlib.c",
        "web/static/jquery.min.js",
        "api/user_pb2.py",
        "api/user.pb.go",
        "src/parser.tab.c",
        "dist/app.js",
    ],
)
def test_vendored_and_generated_paths_are_foreign(repo: Path, path: str) -> None:
    assert own(repo, path) == []


@pytest.mark.parametrize(
    "path", ["src/vendoring.py", "shop/vendor.py", "src/minify.js", "src/dist/normal.py", "admin.py", "pb2.py"]
)
def test_paths_that_only_look_like_it_are_own(repo: Path, path: str) -> None:
    assert own(repo, path) == [path]


def test_attributes_have_the_last_word(repo: Path) -> None:
    (repo / ".gitattributes").write_text(
        "vendor/ours.py -linguist-vendored\nshim.py linguist-generated=true\na\\ b.py linguist-vendored\n"
    )
    found = own(repo, "vendor/ours.py", "vendor/theirs.py", "shim.py", "own.py", "caf\udce9.py")
    assert found == ["caf\udce9.py", "own.py", "vendor/ours.py"]
