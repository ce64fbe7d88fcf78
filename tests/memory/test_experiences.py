"""The experience log: what it keeps, several processes at once, kill -9, and damage."""

import random
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.errors import StoreError, UserError
from memory.experiences import ExperienceLog, new_id
from memory.records import Candidate, Experience, Outcome, Task, Vote


def experience(id: str, *, patch: str = "+a\n", repo: str = "/app") -> Experience:
    return Experience(
        id=id,
        task=Task(request="fix it", repo=repo, base_commit=None, snapshot="0" * 40),
        status="passed",
        candidates=(Candidate(index=0, patch=patch, fingerprint="f"),),
        vote=Vote(winner=0, votes=1, agreement=1.0, abstentions=0),
        model="scripted",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "experiences.db"


@pytest.fixture
def log(path: Path) -> Iterator[ExperienceLog]:
    with ExperienceLog(path) as opened:
        yield opened


def test_an_experience_comes_back_equal(log: ExperienceLog) -> None:
    log.append(experience("abc"))
    assert log.get("abc") == experience("abc").model_copy(update={"created_at": log.get("abc").created_at})


def test_bytes_that_are_not_utf8_survive_in_a_patch(log: ExperienceLog) -> None:
    patch = b"+caf\xe9 \x00 \xff\xfe".decode("utf-8", "surrogateescape") + "\ud83d"
    log.append(experience("abc", patch=patch))
    assert log.get("abc").patch == patch


def test_the_latest_come_first(log: ExperienceLog) -> None:
    for id in ("b", "c", "a"):
        log.append(experience(id))
    assert [found.id for found in log.latest(2)] == ["a", "c"]


def test_an_unknown_id_is_an_error(log: ExperienceLog) -> None:
    with pytest.raises(UserError, match="No experience has the id 'zzz'"):
        log.get("zzz")


@pytest.mark.parametrize("wanted", ["", "%", "' OR 1", "\udcff"])
def test_an_odd_id_is_an_unknown_id(log: ExperienceLog, wanted: str) -> None:
    log.append(experience("abc"))
    with pytest.raises(UserError, match="No experience"):
        log.get(wanted)


def test_a_unique_prefix_is_enough(log: ExperienceLog) -> None:
    log.append(experience("abc1"))
    log.append(experience("abd1"))
    assert log.get("ABC").id == "abc1"


def test_an_ambiguous_prefix_is_an_error(log: ExperienceLog) -> None:
    log.append(experience("abc1"))
    log.append(experience("abd1"))
    with pytest.raises(UserError, match="Several"):
        log.get("ab")


def test_an_id_cannot_be_written_twice(log: ExperienceLog) -> None:
    log.append(experience("abc"))
    with pytest.raises(StoreError, match="refuses"):
        log.append(experience("abc"))


def test_an_outcome_needs_its_experience(log: ExperienceLog) -> None:
    with pytest.raises(StoreError, match="refuses"):
        log.add_outcome(Outcome(experience_id="abc", kind="applied"))


def test_outcomes_come_in_their_order(log: ExperienceLog) -> None:
    log.append(experience("abc"))
    log.add_outcome(Outcome(experience_id="abc", kind="applied"))
    log.add_outcome(Outcome(experience_id="abc", kind="undone"))
    assert [outcome.kind for outcome in log.outcomes("abc")] == ["applied", "undone"]


def test_the_latest_applied_is_by_time_of_applying(log: ExperienceLog) -> None:
    for id in ("a", "b", "c"):
        log.append(experience(id))
    log.add_outcome(Outcome(experience_id="b", kind="committed", commit="1" * 40))
    log.add_outcome(Outcome(experience_id="a", kind="applied"))
    assert [found.id for found in log.applied()] == ["a", "b"]


def test_what_was_undone_is_no_longer_applied(log: ExperienceLog) -> None:
    log.append(experience("a"))
    log.add_outcome(Outcome(experience_id="a", kind="applied"))
    log.add_outcome(Outcome(experience_id="a", kind="undone"))
    assert not list(log.applied())


def test_the_applied_of_a_work_tree_are_not_those_of_others(log: ExperienceLog) -> None:
    log.append(experience("a", repo="/one"))
    log.append(experience("b", repo="/other"))
    log.add_outcome(Outcome(experience_id="a", kind="applied"))
    log.add_outcome(Outcome(experience_id="b", kind="applied"))
    assert [found.id for found in log.applied(["/one"])] == ["a"]


def test_ids_are_short_distinct_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert {len(id) for id in ids} == {15}
    assert [id[:9] for id in ids] == sorted(id[:9] for id in ids)


@pytest.mark.parametrize("statement", ["DELETE FROM experiences", "UPDATE experiences SET record = '{}'"])
def test_the_file_itself_is_append_only(log: ExperienceLog, path: Path, statement: str) -> None:
    log.append(experience("abc"))
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


WRITER = """
import sys
from pathlib import Path
from memory.experiences import ExperienceLog, new_id
from tests.memory.test_experiences import experience
log = ExperienceLog(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while True:
    id = new_id()
    log.append(experience(id, patch="+" + id * 500))
    print(id, flush=True)
"""


def start_writer(path: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=root, stdin=-1, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    return writer


def test_no_acknowledged_append_is_lost_to_kill_9_with_two_writers(log: ExperienceLog, path: Path) -> None:
    chance = random.Random(0)
    acknowledged: list[str] = []
    for _ in range(3):
        writers = [start_writer(path) for _ in range(2)]
        for writer in writers:  # both make and open the log at the same moment
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            assert writer.stdout is not None
            acknowledged += [writer.stdout.readline().strip() for _ in range(chance.randint(1, 40))]
            writer.send_signal(signal.SIGKILL)
            acknowledged += writer.stdout.read().split()  # what was said before the kill
            writer.communicate()
    stored = {found.id: found for found in log.latest(1_000_000)}
    assert set(acknowledged) <= set(stored)
    assert all(found.patch == "+" + id * 500 for id, found in stored.items())


def test_a_lost_beginning_is_made_again(log: ExperienceLog, path: Path) -> None:
    path.with_name("experiences.db.new").write_bytes(b"half a file")
    log.append(experience("abc"))
    assert log.get("abc").id == "abc"


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\x00" + b"\x00" * 4096])
def test_a_file_that_is_no_log_is_an_error_not_an_empty_log(log: ExperienceLog, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged .* put a backup in its place"):
        log.latest(1)
    assert path.read_bytes() == content


def test_a_foreign_database_is_an_error(log: ExperienceLog, path: Path) -> None:
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE experiences (id)")
    foreign.close()
    with pytest.raises(StoreError, match="not an experience log"):
        log.latest(1)


def filled(path: Path) -> None:
    with ExperienceLog(path) as log:
        for number in range(50):
            log.append(experience(new_id(), patch="+a" * 1000 + str(number)))


def test_a_truncated_log_is_an_error(log: ExperienceLog, path: Path) -> None:
    filled(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreError, match="is damaged"):
        log.latest(100)


def test_a_lost_file_with_its_journal_left_is_an_error(log: ExperienceLog, path: Path) -> None:
    path.with_name("experiences.db-wal").write_bytes(b"rest")
    with pytest.raises(StoreError, match="its journal is still there"):
        log.latest(1)


def test_an_unreadable_record_is_an_error(log: ExperienceLog, path: Path) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO experiences (id, schema, created_at, record) VALUES ('x', 1, '', '{}')")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="the record of 'x' is unreadable"):
        log.latest(1)


def test_a_newer_log_is_an_error(log: ExperienceLog, path: Path) -> None:
    filled(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1000")
    connection.close()
    with pytest.raises(StoreError, match="newer sleepwright"):
        log.append(experience("abc"))


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be made"), ExperienceLog(tmp_path / "gone" / "e.db") as log:
        log.latest(1)


def test_a_folder_in_the_way_is_an_error(path: Path, log: ExperienceLog) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be used"):
        log.latest(1)


def test_a_full_disk_is_an_error_and_the_log_stays_whole(log: ExperienceLog, path: Path) -> None:
    filled(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
    try:
        with pytest.raises(StoreError, match="space left"):
            log.append(experience("abc", patch="+a" * 100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(log.latest(100)) == 50
