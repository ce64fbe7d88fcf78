"""What was said before about the same thing makes room; nothing is lost by it, and nothing is doubled by a kill."""

from collections.abc import Callable
from pathlib import Path

import pytest

from memory.experiences import new_id
from memory.records import Note
from sleeptime.note_keeping import KEPT_VERSIONS, NoteKeeper
from sleeptime.records import Item, SleepRun
from sleeptime.study import Findings, Study
from sleeptime.work_queue import WorkQueue
from tests.sleeptime.desk import Thinker, commit, draft, git, item, open_desk, sleep_once


def of_content(study: Study) -> list[Item]:
    return [item("calc.py", study.blobs["calc.py"])]


def says_first_line(item: Item, study: Study) -> Findings:
    content = study.repository.read(study.snapshot, "calc.py") or b""
    return Findings(notes=(draft(study, content.decode().splitlines()[0]),))


def about_content(repo: Path) -> None:
    with open_desk(repo) as study:
        sleep_once(study, Thinker(of_content, says_first_line))


def texts(repo: Path) -> list[str]:
    with open_desk(repo) as study:
        return sorted(note.text for note in study.notes.log.notes())


def live(repo: Path) -> list[str]:
    with open_desk(repo) as study:
        broken = study.notes.broken()
        return sorted(note.text for note in study.notes.log.notes() if note.id not in broken)


def sleeps(repo: Path, *findings: Callable[[Study], Findings]) -> None:
    """One sleep for each, always about calc.py, with other inputs each time."""
    for think in findings:
        with open_desk(repo) as study:
            key = new_id()

            def work(item: Item, study: Study, think: Callable[[Study], Findings] = think) -> Findings:
                return think(study)

            sleep_once(study, Thinker([item("calc.py", key)], work))


def notes(*said: str, path: str = "calc.py") -> Callable[[Study], Findings]:
    return lambda study: Findings(notes=tuple(draft(study, text, path) for text in said))


def test_a_new_note_takes_the_place_of_a_live_one_about_the_same(repo: Path) -> None:
    sleeps(repo, notes("Old."), notes("New."))
    assert texts(repo) == ["New."]


def test_a_note_that_says_the_same_stays_as_it_is(repo: Path) -> None:
    sleeps(repo, notes("Same.", "Old."))
    with open_desk(repo) as study:
        before = {note.text: note.id for note in study.notes.log.notes()}
    sleeps(repo, notes("Same.", "New."))
    with open_desk(repo) as study:
        after = {note.text: note.id for note in study.notes.log.notes()}
    assert after["Same."] == before["Same."] and set(after) == {"Same.", "New."}


def test_where_nothing_is_found_any_more_nothing_is_said_any_more(repo: Path) -> None:
    sleeps(repo, notes("It fails."), notes())
    assert texts(repo) == []


def test_a_stale_note_is_kept_and_is_live_again_after_a_revert(repo: Path) -> None:
    about_content(repo)
    commit(repo, "calc.py", "def plus(a, b):\n    return a + b\n")
    about_content(repo)
    assert live(repo) == ["def plus(a, b):"] and len(texts(repo)) == 2
    git(repo, "revert", "--no-edit", "HEAD")
    assert live(repo) == ["def add(a, b):"]
    about_content(repo)
    assert live(repo) == ["def add(a, b):"] and len(texts(repo)) == 2


def test_of_many_versions_the_newest_are_kept(repo: Path) -> None:
    for number in range(KEPT_VERSIONS + 3):
        commit(repo, "calc.py", f"def add{number}(a, b):\n    return a + b\n")
        about_content(repo)
    assert len(texts(repo)) == KEPT_VERSIONS + 1


def test_what_was_given_up_is_thought_out_anew_where_its_content_comes_back(repo: Path) -> None:
    about_content(repo)
    for number in range(KEPT_VERSIONS + 3):
        commit(repo, "calc.py", f"def add{number}(a, b):\n    return a + b\n")
        about_content(repo)
    git(repo, "checkout", "--quiet", "HEAD~6")
    assert live(repo) == []
    about_content(repo)
    assert live(repo) == ["def add(a, b):"]


def test_what_the_user_took_back_is_not_thought_out_again(repo: Path) -> None:
    with open_desk(repo) as study:
        sleep_once(study, Thinker(of_content, says_first_line))
        study.notes.log.undo(study.run)
    about_content(repo)
    assert texts(repo) == []


def test_what_a_model_says_and_another_note_says_already_is_not_stored_twice(repo: Path) -> None:
    with open_desk(repo) as study:
        study.notes.add("Prices are in cents.", origin="user-said")
    sleeps(repo, lambda study: Findings(notes=(draft(study, "prices are  in cents.", origin="inferred"),)))
    assert texts(repo) == ["Prices are in cents."]


def test_the_users_own_notes_are_neither_edited_nor_forgotten(repo: Path) -> None:
    with open_desk(repo) as study:
        own = study.notes.add("Prices are in cents.", origin="user-said")
    other = own.model_copy(update={"text": "Prices are in whole euros now."})
    with open_desk(repo) as study:
        findings = {"forget": Findings(forget=(own.id,)), "edit": Findings(edits=(other,))}
        run = sleep_once(study, Thinker([item("forget"), item("edit")], lambda item, study: findings[item.about]))
    assert texts(repo) == ["Prices are in cents."] and run.passes["scripted"].dropped == 2


def test_where_an_edit_is_refused_nothing_is_forgotten_for_it(repo: Path) -> None:
    with open_desk(repo) as study:
        stays, goes = (study.notes.add(text, origin="observed") for text in ("Prices are in cents.", "Sums are too."))
    shrunk = stays.model_copy(update={"text": "Cents."})
    with open_desk(repo) as study:
        findings = Findings(edits=(shrunk,), forget=(goes.id,))
        run = sleep_once(study, Thinker([item()], lambda item, study: findings))
    assert len(texts(repo)) == 2 and run.passes["scripted"].dropped == 1


@pytest.mark.parametrize("text", ["", "Short."])
def test_a_rewrite_that_shrinks_or_empties_a_note_is_refused(repo: Path, text: str) -> None:
    said = "The parser reads UTF-8 only, and every other encoding is refused with a sentence."
    with open_desk(repo) as study:
        before = study.notes.add(said, origin="observed")
        after = before.model_copy(update={"text": text})
        run = sleep_once(study, Thinker([item()], lambda item, study: Findings(edits=(after,))))
    assert texts(repo) == [said] and run.passes["scripted"].dropped == 1


def test_a_rewrite_that_keeps_what_was_known_is_the_next_revision(repo: Path) -> None:
    with open_desk(repo) as study:
        before = study.notes.add("The parser reads UTF-8 only.", origin="observed")
        after = before.model_copy(update={"text": "The parser reads UTF-8 only, without a mark."})
        sleep_once(study, Thinker([item()], lambda item, study: Findings(edits=(after,))))
        assert study.notes.log.get(before.id).revision == 2


def test_what_a_dead_run_had_stored_is_finished_without_thinking_again(repo: Path) -> None:
    """Killed between the two commits: the notes are there, their item is not finished."""
    offered = item()
    with open_desk(repo) as study, WorkQueue(study.home) as queue:
        queue.begin(SleepRun(id=study.run))
        queue.offer("scripted", [offered])
        [leased] = queue.take(study.run, ["scripted"], 1, 0)
        keeper = NoteKeeper(queue)
        plan = keeper._plan(leased, notes("Once.", "And once.")(study), study)
        study.notes.log.add(plan.new)
    with open_desk(repo) as study:
        sleep_once(study, thinker := Thinker([offered], lambda item, study: notes("Twice.")(study)))
    assert thinker.asked == [] and texts(repo) == ["And once.", "Once."]
    sleeps(repo, notes("Later."))
    assert texts(repo) == ["Later."]


def test_many_notes_about_one_thing_make_room_though_they_are_most_of_all(repo: Path) -> None:
    sleeps(repo, notes(*(f"Number {number}." for number in range(60))), notes("All in one."))
    assert texts(repo) == ["All in one."]


def test_a_note_of_another_pass_about_the_same_stays(repo: Path) -> None:
    other = Thinker([item(pass_name="other")], lambda item, study: notes("Of the other.")(study))
    other.name = "other"
    with open_desk(repo) as study:
        sleep_once(study, other, Thinker([item()], lambda item, study: notes("Of this.")(study)))
    sleeps(repo, notes("Newer."))
    assert texts(repo) == ["Newer.", "Of the other."]


def test_ids_follow_from_the_item_and_sort_by_age(repo: Path) -> None:
    sleeps(repo, notes("First."))
    sleeps(repo, notes("Second.", path="README.md"))
    with open_desk(repo) as study:
        [note] = study.notes.log.notes()
    older: list[Note] = [event.note for event in reversed(study.notes.log.events(10)) if event.action == "add"]
    assert [each.text for each in sorted(older, key=lambda each: each.id)] == ["First.", "Second."] and len(
        note.id
    ) == 21
