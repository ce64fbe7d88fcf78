"""The commands, in a real repository: what they print, as text and as JSON, and their exit codes."""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from memory.cli import memory
from memory.errors import NoteRefused, StoreError, UserError
from memory.home import MemoryHome, all_homes
from memory.interchange import export_notes
from memory.work_tree import WorkTree
from tests.memory import note_examples


@pytest.fixture(autouse=True)
def here(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repo)
    return repo


def call(*arguments: str, stdin: str | None = None) -> Result:
    """The result; an error flies, as it does to the front door."""
    result = CliRunner().invoke(memory, list(arguments), input=stdin, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def answer(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(*arguments, "--json", stdin=stdin).stdout)
    return found


def added(text: str, *options: str) -> str:
    return str(answer("add", text, *options)["id"])


def test_a_note_is_added_as_the_users_and_listed() -> None:
    id = added("Use tabs.", "--kind", "rule", "--anchor", "calc.py:1-2")
    (note,) = answer("list")["notes"]
    assert (note["id"], note["origin"], note["kind"], note["state"]) == (id, "user-said", "rule", "live")
    assert call("list").stdout.split()[:2] == [id, "live"]


def test_text_is_read_from_stdin() -> None:
    assert answer("add", "-", stdin="From a pipe.\n")["text"] == "From a pipe."


def test_a_note_is_found_and_shown() -> None:
    id = added("`add` subtracts.", "--anchor", "calc.py::add")
    found = answer("search", "what does add do?")
    assert [note["id"] for note in found["notes"]] == [id] and found["tokens"] > 0
    assert "calc.py::add" in call("show", id[:10]).stdout


def test_where_nothing_bears_on_a_question_the_exit_code_is_one() -> None:
    assert call("search", "bananas").return_value == 1
    added("Bananas are yellow.")
    assert call("search", "bananas").return_value == 0


def test_an_edit_is_the_users_word_and_keeps_the_history() -> None:
    id = added("Use tabs.")
    edited = answer("edit", id, "Use spaces.", "--anchor", "README.md")
    assert (edited["revision"], edited["text"], edited["anchors"][0]["path"]) == (2, "Use spaces.", "README.md")
    assert [event["action"] for event in answer("log", "--note", id)["events"]] == ["edit", "add"]


def test_an_edit_of_nothing_is_wrong_use() -> None:
    with pytest.raises(Exception, match="Say what to change"):
        call("edit", added("Use tabs."))


def test_check_explains_and_an_edit_says_that_a_note_is_still_true(here: Path) -> None:
    id = added("`double` doubles.", "--anchor", "calc.py::double")
    assert call("check").return_value == 0
    (here / "calc.py").write_text("def double(a):\n    return a + a\n")
    checked = call("check")
    assert checked.return_value == 1 and "calc.py has changed since" in checked.stdout
    assert answer("check", id)["stale"] == 1
    answer("edit", id, "--still-true")
    assert answer("check")["live"] == 1


def test_what_is_forgotten_comes_back_by_undo() -> None:
    id = added("Use tabs.")
    run = answer("forget", id)["run"]
    assert answer("list")["notes"] == []
    assert answer("undo", run)["changed"] == [id]
    assert answer("list")["notes"][0]["text"] == "Use tabs."


@pytest.mark.parametrize("name", ["notes.md", "notes.jsonl"])
def test_an_export_comes_back_whole_after_everything_is_lost(tmp_path: Path, name: str) -> None:
    added("Use tabs.\n\n```\n## not a heading\n```", "--anchor", "calc.py")
    added("Two.")
    file = tmp_path / name
    call("export", str(file))
    before = answer("list")
    shutil.rmtree(all_homes())
    assert answer("import", str(file))["added"] == 2
    assert answer("list") == before
    assert answer("import", str(file)) | {"run": ""} == {"added": 0, "changed": 0, "same": 2, "run": ""}


def test_an_answer_is_shown_with_what_it_is_for(tmp_path: Path) -> None:
    known = note_examples.answer("tests/test_calc.py::test_add")
    (tmp_path / "notes.jsonl").write_text(export_notes([known], "jsonl"))
    call("import", str(tmp_path / "notes.jsonl"))
    assert "answers:    tests/test_calc.py::test_add" in call("show", known.id).stdout
    assert answer("show", known.id)["answer"] == (known.answer and known.answer.model_dump(mode="json"))


def test_an_export_is_edited_and_imported(tmp_path: Path) -> None:
    id = added("Use tabs.")
    file = tmp_path / "notes.md"
    call("export", str(file))
    file.write_text(file.read_text().replace("Use tabs.", "Use spaces."))
    brought = answer("import", str(file))
    assert (brought["changed"], answer("show", id)["text"]) == (1, "Use spaces.")
    answer("undo", brought["run"])
    assert answer("show", id)["text"] == "Use tabs."


def test_of_an_import_with_a_secret_nothing_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    file.write_text(
        '{"id": "good01", "text": "fine", "origin": "inferred"}\n'
        f'{{"id": "bad001", "text": "key {secret}", "origin": "inferred"}}\n'
    )
    with pytest.raises(NoteRefused, match="bad001: .*AWS access key"):
        call("import", str(file))
    assert answer("list")["notes"] == []


def test_of_an_import_with_two_notes_of_one_id_nothing_is_stored(tmp_path: Path) -> None:
    id = added("The parser is slow.")
    file = tmp_path / "notes.md"
    call("export", str(file))
    section = file.read_text().partition("\n## ")[2]
    file.write_text(file.read_text().replace("slow", "fast") + f"\n## {section}".replace("parser", "printer"))
    with pytest.raises(NoteRefused, match=f"{id}.* is there 2 times"):
        call("import", str(file))
    assert [note["text"] for note in answer("list")["notes"]] == ["The parser is slow."]


def test_the_log_of_a_note_is_found_by_the_beginning_of_its_id() -> None:
    id, other = added("One."), added("Two.")
    call("forget", id)
    assert [event["action"] for event in answer("log", "--note", id[:-1].upper())["events"]] == ["forget", "add"]
    assert [event["note"]["id"] for event in answer("log", "--note", other)["events"]] == [other]
    assert "never was a note" in call("log", "--note", "nobody").stderr


def test_times_are_told_as_the_users_clock_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    id = added("Use tabs.")
    made = datetime.fromisoformat(answer("show", id)["created_at"])
    monkeypatch.setenv("TZ", "UTC-9")
    time.tzset()
    try:
        here = f"{made + timedelta(hours=9):%Y-%m-%d %H:%M}"
        assert here in call("show", id).stdout and here in call("log").stdout
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_secret_is_refused_in_one_sentence() -> None:
    with pytest.raises(NoteRefused, match="secrets are not stored"):
        call("add", "The key: -----BEGIN RSA " + "PRIVATE KEY-----")


def test_the_work_trees_of_a_repository_share_their_notes(here: Path, tmp_path: Path) -> None:
    id = added("Use tabs.")
    subprocess.run(["git", "worktree", "add", "--quiet", str(tmp_path / "other")], check=True)
    assert answer("list", "--repo", str(tmp_path / "other"))["notes"][0]["id"] == id
    status = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_a_lost_record_is_not_an_empty_memory(here: Path) -> None:
    added("Use tabs.")
    answer("gc")
    home = MemoryHome.for_repository(WorkTree.open(here).common_dir)
    for path in home.path.glob("notes.db*"):
        path.unlink()
    with pytest.raises(StoreError, match="the file is gone and 'chroma'"):
        call("list")


@pytest.mark.parametrize("damage", ["lost", "truncated", "overwritten"])
def test_a_damaged_record_is_recovered_from_the_index(here: Path, damage: str) -> None:
    added("Use tabs.", "--kind", "rule", "--anchor", "calc.py:1-2")
    added("Two.")
    answer("gc")
    before = answer("list")["notes"]
    home = MemoryHome.for_repository(WorkTree.open(here).common_dir)
    with pytest.raises(StoreError, match="is whole"):
        call("recover")
    whole = home.notes.read_bytes()
    for path in home.path.glob("notes.db*"):
        path.unlink()
    if damage != "lost":
        home.notes.write_bytes(whole[:8192] if damage == "truncated" else b"rubbish" * 1000)
    with pytest.raises(StoreError, match="sleepwright memory recover"):
        call("list")
    assert answer("recover") == {"recovered": 2}
    assert answer("list")["notes"] == before
    assert [event["run"] for event in answer("log")["events"]] == ["recovered"] * 2


def test_where_there_is_no_index_nothing_is_recovered_and_the_way_back_is_told(here: Path) -> None:
    added("Use tabs.")
    home = MemoryHome.for_repository(WorkTree.open(here).common_dir)
    home.notes.write_bytes(b"rubbish")
    with pytest.raises(StoreError, match="sleepwright memory import"):
        call("recover")
    assert home.notes.read_bytes() == b"rubbish"


def test_gc_names_the_homes_of_repositories_that_are_gone_and_deletes_on_request(here: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "--quiet", str(here), str(other)], check=True)
    answer("add", "Of another repository.", "--repo", str(other))
    shutil.rmtree(other)
    (gone,) = answer("gc")["gone"]
    assert Path(gone).exists()
    answer("gc", "--delete")
    assert not Path(gone).exists()
    assert answer("gc")["gone"] == []


def test_through_the_front_door_an_error_is_one_sentence_and_two(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "sleepwright"), "memory", "list", "--repo", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("Error: Git does not answer for")
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert json.loads(done.stdout)["status"] == "error"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_json_is_json_whatever_a_terminal_can_show(encoding: str) -> None:
    text = "größer than 日本 😀"
    command = [str(Path(sys.executable).parent / "sleepwright"), "memory", "add", text, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert json.loads(done.stdout)["text"] == text


def test_an_unknown_id_is_an_error() -> None:
    with pytest.raises(UserError, match="No note has the id 'zzz'"):
        call("show", "zzz")
