"""The tool search."""

import re
from pathlib import Path

import pytest

from agent.errors import EditRefused
from agent.rollout.search import MOST_MATCHES, glob_pattern, search


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "a.py": "def one():\n    pass\n",
        "src/b.ts": "function one() {}\n",
        "src/deep/c.py": "one = 1\n\ttwo = one\r\n",
        "node_modules/d.py": "one\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "bin").write_bytes(b"one\0")
    return tmp_path


def test_matches_have_path_line_and_text(root: Path) -> None:
    assert search(root, r"\bone\b").text.split("\n") == [
        "a.py:1: def one():",
        "src/b.ts:1: function one() {}",
        "src/deep/c.py:1: one = 1",
        "src/deep/c.py:2: \ttwo = one",
    ]


@pytest.mark.parametrize(
    ("path", "glob", "files"),
    [
        ("src", "", {"src/b.ts", "src/deep/c.py"}),
        ("a.py", "", {"a.py"}),
        ("", "*.py", {"a.py", "src/deep/c.py"}),
        ("", "src/**/*.py", {"src/deep/c.py"}),
        ("", "*.{ts,js}", {"src/b.ts"}),
        ("node_modules", "", {"node_modules/d.py"}),
    ],
)
def test_where_to_search_can_be_said(root: Path, path: str, glob: str, files: set[str]) -> None:
    assert {line.partition(":")[0] for line in search(root, "one", path, glob).text.split("\n")} == files


@pytest.mark.parametrize(("pattern", "line"), [("^\ttwo", 2), ("one$", 2), (r"\Aone = 1\Z", 1), ("(?!x)one = 1", 1)])
def test_a_pattern_is_about_one_line(root: Path, pattern: str, line: int) -> None:
    assert search(root, pattern, "src/deep").text.startswith(f"src/deep/c.py:{line}: ")


def test_nothing_found_says_where(root: Path) -> None:
    assert search(root, "three", "src", "*.py").text == "Nothing matches in src in files like *.py; files searched: 1."


def test_a_pattern_that_is_none_is_searched_for_as_it_stands(root: Path) -> None:
    found = search(root, "one(")
    assert "no regular expression" in found.text and "a.py:1: def one():" in found.text


def test_a_pattern_that_backtracks_for_ever_is_ended(root: Path) -> None:
    (root / "evil.txt").write_text("a" * 60 + "b\n")
    found = search(root, "(a+)+$", "evil.txt", seconds=0.5)
    assert found.failed and "ended after 0.5 s" in found.text


def test_many_matches_are_cut(root: Path) -> None:
    (root / "many.txt").write_text("one\n" * 500)
    found = search(root, "one", "many.txt").text.split("\n")
    assert len(found) == MOST_MATCHES + 1 and "narrower" in found[-1]


def test_links_are_not_followed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret\n")
    (root / "link").symlink_to(outside)
    (root / "link.txt").symlink_to(outside / "secret.txt")
    assert "Nothing matches" in search(root, "secret").text
    with pytest.raises(EditRefused):
        search(root, "secret", "link")


@pytest.mark.parametrize(
    ("glob", "path", "is_meant"),
    [("*.py", "x/a.py", True), ("./a.py", "a.py", True), ("a?.py", "ab.py", True), ("a/*.py", "a/b/c.py", False)],
)
def test_globs(glob: str, path: str, is_meant: bool) -> None:
    assert bool(re.fullmatch(glob_pattern(glob), path)) == is_meant
