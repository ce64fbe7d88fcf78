"""Which notes make room for others, and which never do."""

from datetime import timedelta
from pathlib import Path

import pytest

from memory.records import Injection, Note, Origin, now
from sleeptime.passes.merge import IDLE_USES, Merge, clashes, never_needed
from sleeptime.study import Study
from tests.memory.note_examples import anchor, note
from tests.sleeptime.desk import open_desk, sleep_once

HERE = (anchor(),)


def pair(one: str, other: str, *origins: Origin) -> list[tuple[str, str]]:
    """The texts of what stays and what goes."""
    first, second = origins or ("observed", "observed")
    notes = [note(one, origin=first, anchors=HERE), note(other, origin=second, anchors=HERE)]
    notes[1] = notes[1].model_copy(update={"created_at": now() + timedelta(seconds=1)})
    return [(clash.stays.text, clash.goes.text) for clash in clashes(notes, {})]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The parser reads UTF-8 files only.", "The parser only reads UTF-8 files."),
        ("`parse` raises an error where the file is empty.", "Where the file is empty, `parse` raises the error."),
    ],
)
def test_of_two_that_say_the_same_one_stays(one: str, other: str) -> None:
    assert len(pair(one, other)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tests/a.py::test_add fails: AssertionError.", "tests/a.py::test_sub fails: AssertionError."),
        ("shop/a.py defines: def total(items)", "shop/b.py defines: def total(items)"),
        ("`parse` reads the file.", "`write` reads the file."),
        ("The parser reads UTF-8 files only.", "Prices are kept in cents, never in euros."),
    ],
)
def test_what_names_other_things_is_not_the_same(one: str, other: str) -> None:
    assert pair(one, other) == []


def test_notes_on_other_files_are_not_compared() -> None:
    text = "It reads UTF-8 files only."
    notes = [note(text, anchors=(anchor("a.py"),)), note(text, anchors=(anchor("b.py"),))]
    assert list(clashes(notes, {})) == []


def test_of_a_contradiction_the_newer_stays() -> None:
    old, new = "The timeout of a request is 30 seconds.", "The timeout of a request is 60 seconds."
    assert pair(old, new) == [(new, old)]


def test_a_negation_is_a_contradiction() -> None:
    old, new = "The cache is safe between threads.", "The cache is not safe between threads."
    assert pair(old, new) == [(new, old)]


@pytest.mark.parametrize(("origins"), [("user-said", "inferred"), ("observed", "inferred"), ("user-said", "observed")])
def test_who_knows_better_stays_though_older(origins: tuple[Origin, Origin]) -> None:
    old, new = "The timeout of a request is 30 seconds.", "The timeout of a request is 60 seconds."
    assert pair(old, new, *origins) == [(old, new)]


def test_of_equal_notes_the_used_one_stays() -> None:
    notes = [note("It reads UTF-8 files only.", anchors=HERE), note("It only reads UTF-8 files.", anchors=HERE)]
    [clash] = clashes(notes, {notes[1].id: 3})
    assert clash.stays == notes[1]


def test_two_that_a_machine_told_do_not_clash() -> None:
    notes = [note(f"test_add[{number}] fails: AssertionError.", anchors=HERE) for number in (1, 2)]
    assert list(clashes(notes, {}, {each.id for each in notes})) == []
    assert len(list(clashes(notes, {}))) == 1


def recalls(count: int, *used: Note) -> list[Injection]:
    ids = [each.id for each in used] or ["another"]
    return [Injection(note=id, used_by=f"run {number}", tokens=5) for number in range(count) for id in ids]


def test_an_inferred_note_that_no_question_needed_goes() -> None:
    idle, used, seen = note("Idle."), note("Used."), note("Seen.", origin="observed")
    assert never_needed([idle, used, seen], recalls(IDLE_USES, used)) == [idle]


def test_a_note_has_its_time_before_it_goes() -> None:
    idle = note("Idle.")
    assert never_needed([idle], recalls(IDLE_USES - 1)) == []
    late = idle.model_copy(update={"created_at": now() + timedelta(days=1)})
    assert never_needed([late], recalls(IDLE_USES)) == []


def texts(study: Study) -> list[str]:
    return sorted(each.text for each in study.notes.log.notes())


def test_duplicates_leave_a_tombstone_that_can_be_undone(repo: Path) -> None:
    with open_desk(repo) as study:
        study.notes.add("It reads UTF-8 files only.", ["calc.py"], origin="observed")
        study.notes.add("It only reads UTF-8 files.", ["calc.py"], origin="inferred")
        assert sleep_once(study, Merge()).passes["merge"].forgotten == 1
        assert texts(study) == ["It reads UTF-8 files only."]
        study.notes.log.undo(study.run)
        assert len(texts(study)) == 2


def test_the_users_own_contradiction_is_only_told(repo: Path) -> None:
    with open_desk(repo) as study:
        study.notes.add("The timeout is 30 seconds.", ["calc.py"], origin="user-said")
        study.notes.add("The timeout is 60 seconds.", ["calc.py"], origin="user-said")
        assert sleep_once(study, Merge()).passes["merge"].dropped == 1
        assert len(texts(study)) == 2


def test_a_stale_note_is_no_duplicate(repo: Path) -> None:
    with open_desk(repo) as study:
        study.notes.add("It reads UTF-8 files only.", ["calc.py"], origin="observed")
        (repo / "calc.py").write_text("x = 1\n")
        study.notes.add("It only reads UTF-8 files.", ["calc.py"], origin="observed")
        sleep_once(study.anew(), Merge())
        assert len(texts(study)) == 2
