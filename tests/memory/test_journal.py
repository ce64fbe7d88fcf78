"""A file that only grows, and survives being cut."""

import fcntl
import resource
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from memory.errors import StoreError
from memory.journal import Journal, JournalBusy, is_busy, read_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "a.jsonl"


def test_entries_come_back_in_order(path: Path) -> None:
    with Journal(path) as journal:
        journal.append({"a": 1})
        journal.append({"b": "é\udce9\n"})
    assert list(read_journal(path)) == [{"a": 1}, {"b": "é\udce9\n"}]
    assert path.read_bytes().count(b"\n") == 2 and path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b"{", b'{"a": 2', b"x" * 200_000])
def test_a_line_that_was_cut_is_as_if_it_had_never_been_written(path: Path, torn: bytes) -> None:
    with Journal(path) as journal:
        journal.append({"a": 1})
    with path.open("ab") as file:
        file.write(torn)
    assert list(read_journal(path)) == [{"a": 1}]
    with Journal(path) as journal:
        journal.append({"b": 2})
    assert list(read_journal(path)) == [{"a": 1}, {"b": 2}]


def test_where_the_disk_is_full_nothing_is_left_of_the_entry(path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path) as journal:
        journal.append({"a": 1})
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            with pytest.raises(StoreError):
                journal.append({"b": "x" * 200})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        journal.append({"c": 3})
    assert list(read_journal(path)) == [{"a": 1}, {"c": 3}]


def test_a_file_of_nothing_but_a_torn_line_is_empty(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'{"a"')
    with Journal(path) as journal:
        journal.append({"b": 2})
    assert list(read_journal(path)) == [{"b": 2}]


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n", b"\xff\n"])
def test_damage_is_an_error_with_its_line(path: Path, line: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(b"{}\n" + line)
    with pytest.raises(StoreError, match="Line 2 of"):
        list(read_journal(path))


def test_no_file_has_no_entries(path: Path) -> None:
    assert list(read_journal(path)) == [] and not is_busy(path)


def test_another_process_cannot_write_meanwhile_and_can_after_a_kill(path: Path) -> None:
    program = f"""
from pathlib import Path
from memory.journal import Journal
with Journal(Path({str(path)!r})):
    print("open", flush=True)
    input()
"""
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline() == b"open\n"
    assert is_busy(path)
    with pytest.raises(JournalBusy):
        Journal(path)
    holder.kill()
    holder.communicate()
    with Journal(path):
        assert is_busy(path)
    assert not is_busy(path)


def test_what_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Journal(tmp_path / "file" / "a.jsonl")


def test_who_only_asks_whether_it_is_busy_keeps_nobody_from_writing(path: Path) -> None:
    with Journal(path):
        pass
    asks = path.open("rb")
    fcntl.flock(asks, fcntl.LOCK_SH)
    Timer(0.05, asks.close).start()
    with Journal(path) as journal:
        journal.append({"a": 1})
