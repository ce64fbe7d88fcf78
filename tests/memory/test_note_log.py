"""The record of the notes: what it keeps, who may change what, undo, several processes, kill -9, damage, migration."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.errors import NoteConflict, NoteRefused, StoreError, UserError
from memory.note_log import NoteLog
from memory.note_tables import SCHEMA
from tests.memory.note_examples import anchor, answer, note

DATA = Path(__file__).parent / "data"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


@pytest.fixture
def log(path: Path) -> Iterator[NoteLog]:
    with NoteLog(path) as opened:
        yield opened


def test_a_note_comes_back_equal(log: NoteLog) -> None:
    written = note(anchors=(anchor(),), run="sleep-1", commit="1" * 40)
    log.add([written])
    assert log.get(written.id) == written
    assert log.notes() == [written]


def test_of_several_notes_all_or_none_are_added(log: NoteLog) -> None:
    with pytest.raises(NoteRefused):
        log.add([note(), note("")])
    assert log.count() == 0


def test_an_id_is_used_once(log: NoteLog) -> None:
    written = note()
    log.add([written])
    log.forget([written.id], by="user-said")
    with pytest.raises(NoteRefused, match="already"):
        log.add([written])


def test_an_edit_is_the_next_revision_and_the_old_one_stays_known(log: NoteLog) -> None:
    old = note("The parser reads UTF-8 only.")
    log.add([old])
    new = log.edit(old.model_copy(update={"text": "The parser reads UTF-8 and UTF-16."}), seen=1, by="inferred")
    assert new.revision == 2 and log.get(old.id) == new
    assert [event.note.text for event in log.events(10, note=old.id)] == [new.text, old.text]


def test_the_second_of_two_edits_of_one_revision_is_a_conflict(log: NoteLog) -> None:
    old = note()
    log.add([old])
    log.edit(old.model_copy(update={"text": old.text + " Always."}), seen=1, by="inferred")
    with pytest.raises(NoteConflict, match="changed meanwhile"):
        log.edit(old.model_copy(update={"text": old.text + " Never."}), seen=1, by="inferred")


def test_a_machine_does_not_shrink_what_was_known(log: NoteLog) -> None:
    old = note("The parser reads UTF-8 only, and refuses everything else with a ParseError.")
    log.add([old])
    with pytest.raises(NoteRefused, match="less than half"):
        log.edit(old.model_copy(update={"text": "Parser."}), seen=1, by="inferred")
    assert log.edit(old.model_copy(update={"text": "Parser."}), seen=1, by="user-said").text == "Parser."


def test_a_machine_does_not_touch_what_the_user_said(log: NoteLog) -> None:
    rule = note("Always use tabs.", origin="user-said", kind="rule")
    log.add([rule])
    with pytest.raises(NoteRefused, match="the user's own"):
        log.edit(
            rule.model_copy(update={"text": "Always use spaces here.", "origin": "inferred"}), seen=1, by="inferred"
        )
    with pytest.raises(NoteRefused, match="the user's own"):
        log.forget([rule.id], by="observed")


def test_what_was_inferred_cannot_be_edited_into_something_said(log: NoteLog) -> None:
    guess = note("Use tabs in this file, always.")
    log.add([guess])
    with pytest.raises(NoteRefused, match="cannot be stored as user-said"):
        log.edit(guess.model_copy(update={"origin": "user-said"}), seen=1, by="inferred")


def test_a_machine_does_not_forget_most_of_the_notes_at_once(log: NoteLog) -> None:
    notes = [note(f"Fact {number}.") for number in range(60)]
    log.add(notes)
    with pytest.raises(NoteRefused, match="left to the user"):
        log.forget([each.id for each in notes], by="inferred")
    assert log.count() == 60


def test_a_forgotten_note_is_not_found_but_remembered(log: NoteLog) -> None:
    gone = note()
    log.add([gone])
    log.forget([gone.id], by="user-said")
    assert (log.notes(), log.search("parser", 5), log.anchors()) == ([], [], [])
    with pytest.raises(UserError, match="No note"):
        log.get(gone.id)
    assert [(event.action, event.note.text) for event in log.events(1)] == [("forget", gone.text)]


def test_undo_takes_back_a_whole_run_and_nothing_else(log: NoteLog) -> None:
    kept, edited, forgotten = note("Kept."), note("Edited, as it was."), note("Forgotten.")
    log.add([kept, edited, forgotten])
    log.add([note("Added by the run.", run="run-1")])
    log.edit(edited.model_copy(update={"text": "Edited by the run."}), seen=1, by="inferred", run="run-1")
    log.forget([forgotten.id], by="inferred", run="run-1")
    undone = log.undo("run-1")
    assert {each.text for each in log.notes()} == {"Kept.", "Edited, as it was.", "Forgotten."}
    assert len(undone.events) == 3 and undone.left == ()


def test_undo_leaves_what_was_changed_later(log: NoteLog) -> None:
    added = note("Added by the run.", run="run-1")
    log.add([added])
    mine = log.edit(added.model_copy(update={"text": "Mine.", "origin": "user-said"}), seen=1, by="user-said")
    assert log.undo("run-1").left == (added.id,)
    assert log.get(added.id) == mine


def test_an_undo_can_be_undone(log: NoteLog) -> None:
    added = note("Added by the run.", run="run-1")
    log.add([added])
    log.undo("run-1", by_run="undo-1")
    log.undo("undo-1")
    assert log.get(added.id).text == added.text


def test_an_unknown_run_is_an_error(log: NoteLog) -> None:
    with pytest.raises(UserError, match="No run 'nothing'"):
        log.undo("nothing")


def test_search_finds_by_parts_of_identifiers_and_paths(log: NoteLog) -> None:
    about_url, about_path = (
        note("`parseURL` drops fragments."),
        note("It is slow.", anchors=(anchor("src/url_cache.py"),)),
    )
    log.add([about_url, about_path, note("Nothing of the kind.")])
    assert log.search("parse the url", 5) == [about_url.id, about_path.id]


@pytest.mark.parametrize("query", ["", "the", '" OR NEAR(', "*", "a AND b NOT", "words : x", "\x00", "ü" * 5000])
def test_no_query_is_a_syntax_error(log: NoteLog, query: str) -> None:
    log.add([note()])
    assert log.search(query, 5) == []


def test_changes_are_read_from_a_cursor(log: NoteLog) -> None:
    first, second = note("First."), note("Second.")
    log.add([first, second])
    assert log.changed_after(0, 1) == ([first.id], 1)
    assert log.changed_after(1, 10) == ([second.id], 2)
    assert log.changed_after(2, 10) == ([], 2)


@pytest.mark.parametrize("statement", ["DELETE FROM events", "UPDATE events SET record = '{}'"])
def test_the_file_itself_is_append_only(log: NoteLog, path: Path, statement: str) -> None:
    log.add([note()])
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


PROCESS = """
import sys
from pathlib import Path
from memory.note_log import NoteLog
from tests.memory.note_examples import anchor, note
log, role = NoteLog(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
while role == "write":
    written = note(f"Fact about thing number {sys.argv[3]}.", anchors=(anchor(),))
    log.add([written])
    print(written.id, flush=True)
while role == "read":
    found = log.search("thing", 5)
    assert len(log.notes(found)) == len(found)
    print(len(found), flush=True)
"""


def start(path: Path, role: str) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PROCESS, str(path), role, role]
    process = subprocess.Popen(command, cwd=root, stdin=-1, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_nothing_acknowledged_is_lost_to_kill_9_with_two_writers_and_two_readers(log: NoteLog, path: Path) -> None:
    chance = random.Random(0)
    acknowledged: list[str] = []
    for _ in range(2):
        processes = [start(path, role) for role in ("write", "write", "read", "read")]
        for process in processes:  # all make or open the file at the same moment
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(chance.randint(5, 40))]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().split()
            process.communicate()
            acknowledged += [line for line in lines if len(line) == 15]
    assert len(acknowledged) > 20
    assert set(acknowledged) <= {each.id for each in log.notes()}
    assert set(acknowledged) <= set(log.search("thing", 1_000_000))


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\x00" + b"\x00" * 4096])
def test_a_file_that_is_no_record_is_an_error_not_an_empty_memory(log: NoteLog, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged .*sleepwright memory recover.* put a backup in its place"):
        log.notes()


def test_a_lost_record_with_its_index_left_is_an_error_not_an_empty_memory(tmp_path: Path, path: Path) -> None:
    index = tmp_path / "chroma"
    index.mkdir()
    with pytest.raises(StoreError, match="the file is gone and 'chroma'"):
        NoteLog(path, index).count()


def test_a_lost_record_is_an_error_where_no_index_was_made_yet(log: NoteLog, path: Path) -> None:
    with NoteLog(path) as filled:
        filled.count()
    for left in path.parent.glob("notes.db*"):
        if left.name != "notes.db.made":
            left.unlink()
    with pytest.raises(StoreError, match=r"the file is gone .*'notes\.db\.made' beside it away to begin a new one"):
        NoteLog(path).count()
    path.with_name("notes.db.made").unlink()
    assert NoteLog(path).count() == 0


def test_a_truncated_record_is_an_error(log: NoteLog, path: Path) -> None:
    with NoteLog(path) as filled:
        filled.add([note("Fact. " * 100) for _ in range(200)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreError, match="is damaged"):
        log.notes()


def test_a_newer_record_is_an_error(log: NoteLog, path: Path) -> None:
    with NoteLog(path) as filled:
        filled.add([note()])
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1000")
    connection.close()
    with pytest.raises(StoreError, match="newer sleepwright"):
        log.notes()


@pytest.mark.parametrize("golden", sorted(DATA.glob("notes-*.db")), ids=lambda golden: golden.stem)
def test_a_record_of_every_older_schema_is_read_without_loss(golden: Path, path: Path) -> None:
    shutil.copy(golden, path)
    with NoteLog(path) as log:
        assert {each.text for each in log.notes()} == {"The parser reads UTF-8 and UTF-16.", "Always use tabs."}
        assert [event.action for event in log.events(10)] == ["forget", "edit", "add", "add", "add"]
        assert len(log.search("parser", 5)) == 1
        log.add([note()])
        assert log.count() == 3


def test_there_is_a_golden_file_of_every_older_schema() -> None:
    assert {file.stem for file in DATA.glob("notes-*.db")} == {f"notes-{schema}" for schema in range(1, SCHEMA)}


def test_an_answer_is_found_by_the_tests_that_it_mends(log: NoteLog) -> None:
    first, second, asked = answer("t::a", "t::b"), answer("t::b"), answer(request="make x two")
    log.add([first, second, asked, note("t::b is slow.")])
    assert log.get(first.id) == first
    assert log.answers_for(["t::b", "t::c"]) == [second.id, first.id]
    assert log.answers_for(["t::c"]) == log.answers_for([]) == []
    assert log.answers_in_words() == [asked.id]


def test_a_forgotten_answer_is_not_found_until_it_is_restored(log: NoteLog) -> None:
    known = answer("t::a")
    log.add([known])
    log.forget([known.id], by="inferred")
    assert log.answers_for(["t::a"]) == []
    log.bring_back([known])
    assert log.answers_for(["t::a"]) == [known.id]


def test_an_edited_answer_is_found_by_its_new_tests_only(log: NoteLog) -> None:
    known = answer("t::a")
    log.add([known])
    assert known.answer
    log.edit(
        known.model_copy(update={"answer": known.answer.model_copy(update={"tests": ("t::b",)})}), seen=1, by="inferred"
    )
    assert (log.answers_for(["t::a"]), log.answers_for(["t::b"])) == ([], [known.id])
