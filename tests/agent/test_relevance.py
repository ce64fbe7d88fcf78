"""Which definitions a request speaks of, in a real repository, and what is kept of its files."""

import os
import subprocess
from pathlib import Path

import pytest

from agent.relevance import Relevant, past_commits, relevant
from agent.word_cache import WordCache
from agent.workspace import Repository
from memory.file_rank import Definition


def found(repo: Path, cache: Path, request: str, seconds: float = 60.0) -> list[Relevant]:
    repository = Repository.open(repo)
    with WordCache(cache) as words:
        return relevant(repository, repository.snapshot(), request, words, seconds)


@pytest.fixture
def shop(repo: Path) -> Path:
    (repo / "prices.py").write_text(
        "RATE = 2\n\n\ndef gross(net):\n    return net * RATE\n\n\ndef net(gross):\n    pass\n"
    )
    (repo / "vendor").mkdir()
    (repo / "vendor" / "gross.py").write_text("def gross(net):\n    return net\n")
    (repo / "tests" / "test_gross.py").write_text("def test_gross(): pass\n")
    return repo


def test_the_best_definition_of_the_best_file_comes_first(shop: Path, tmp_path: Path) -> None:
    best = found(shop, tmp_path / "words.db", "the gross of a rate")[0]
    assert best == Relevant(Definition("prices.py", 3), 1.0)


def test_tests_and_vendored_files_are_not_meant(shop: Path, tmp_path: Path) -> None:
    paths = {each.definition.path for each in found(shop, tmp_path / "words.db", "gross net add test")}
    assert paths == {"prices.py", "calc.py"}


def test_where_no_word_is_known_nothing_is_found(shop: Path, tmp_path: Path) -> None:
    assert found(shop, tmp_path / "words.db", "quantum chromodynamics") == []


def test_a_known_blob_is_never_read_again(shop: Path, tmp_path: Path) -> None:
    cache = tmp_path / "words.db"
    first = found(shop, cache, "the gross of a rate")
    # No time at all to read anything.
    assert found(shop, cache, "the gross of a rate", seconds=0) == first != []
    (shop / "prices.py").rename(shop / "moved.py")
    assert found(shop, cache, "the gross of a rate", seconds=0)[0].definition.path == "moved.py"


def test_what_there_was_no_time_for_is_left_out(shop: Path, tmp_path: Path) -> None:
    assert found(shop, tmp_path / "words.db", "the gross of a rate", seconds=0) == []


def test_a_damaged_cache_is_made_anew(shop: Path, tmp_path: Path) -> None:
    cache = tmp_path / "words.db"
    first = found(shop, cache, "gross")
    cache.write_bytes(os.urandom(5000))
    assert found(shop, cache, "gross") == first


def test_past_commits_have_their_message_and_paths(shop: Path) -> None:
    for command in (["add", "--all"], ["commit", "--quiet", "--message", "Prices\n\nWith a rate."]):
        subprocess.run(["git", *command], cwd=shop, check=True)
    newest, oldest = past_commits(Repository.open(shop))
    assert newest.words == {"prices": 1, "rate": 1}
    assert newest.paths == ("prices.py", "tests/test_gross.py", "vendor/gross.py")
    assert "calc.py" in oldest.paths


def test_a_repository_without_commits_has_no_past(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert list(past_commits(Repository.open(tmp_path))) == []
