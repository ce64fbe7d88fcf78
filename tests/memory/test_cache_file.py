"""What a cache keeps, and that it is never an error."""

from contextlib import closing
from pathlib import Path

import pytest

from memory.cache_file import CacheFile


def opened(path: Path, schema: int = 1) -> "closing[CacheFile]":
    return closing(CacheFile(path, "numbers", "square INTEGER, name TEXT", schema, most=3))


def test_rows_are_found_again_by_their_keys(tmp_path: Path) -> None:
    with opened(tmp_path / "c.db") as cache:
        cache.store([("2", 4, "two"), ("3", 9, "three")])
    with opened(tmp_path / "c.db") as cache:
        assert cache.load(["3", "5"], "name, square") == [("3", "three", 9)]


def test_the_oldest_rows_make_room(tmp_path: Path) -> None:
    with opened(tmp_path / "c.db") as cache:
        for number in range(5):
            cache.store([(str(number), number * number, "")])
        assert [key for key, _ in cache.load("01234", "square")] == ["2", "3", "4"]


@pytest.mark.parametrize("is_damaged", [True, False])
def test_a_damaged_file_and_one_of_another_version_are_made_anew(tmp_path: Path, is_damaged: bool) -> None:
    path = tmp_path / "c.db"
    with opened(path, schema=1) as cache:
        cache.store([("2", 4, "two")])
    if is_damaged:
        path.write_bytes(b"no database at all" * 100)
    with opened(path, schema=1 if is_damaged else 2) as cache:
        assert cache.load(["2"], "square") == []
        cache.store([("3", 9, "three")])
        assert cache.load(["3"], "square") == [("3", 9)]


def test_where_there_can_be_no_file_rows_are_kept_in_memory(tmp_path: Path) -> None:
    with opened(tmp_path / "nowhere" / "c.db") as cache:
        cache.store([("2", 4, "two")])
        assert cache.load(["2"], "square") == [("2", 4)]
