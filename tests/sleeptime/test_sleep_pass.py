"""The loop: best first, each once, within the budget, and out of the way when it is told."""

from pathlib import Path

import pytest

from agent.errors import ModelError
from memory.errors import StoreError, UserError
from memory.records import Tokens
from sleeptime.records import Item
from sleeptime.study import Findings, Stopped, Study
from sleeptime.work_queue import WorkQueue
from tests.sleeptime.desk import Thinker, commit, draft, git, item, open_desk, sleep_once


def says(item: Item, study: Study) -> Findings:
    return Findings(notes=(draft(study, f"About {item.about}."),))


def texts(study: Study) -> list[str]:
    return sorted(note.text for note in study.notes.log.notes())


def test_what_is_found_is_stored_with_the_run_and_the_commit(repo: Path) -> None:
    with open_desk(repo) as study:
        run = sleep_once(study, Thinker([item()], says))
        [note] = study.notes.log.notes()
    assert (note.run, note.commit) == (study.run, git(repo, "rev-parse", "HEAD"))
    assert run.passes["scripted"].notes == 1 and run.ended and not run.left


def test_the_best_per_token_comes_first(repo: Path) -> None:
    items = [item("dear", use=0.9, tokens=5000), item("small", use=0.1), item("large", use=0.8)]
    with open_desk(repo, budget=100_000) as study:
        sleep_once(study, thinker := Thinker(items, says))
    assert thinker.asked == ["large", "small", "dear"]


def test_a_second_sleep_thinks_about_nothing_again(repo: Path) -> None:
    thinker = Thinker([item("a"), item("b")], says)
    with open_desk(repo) as study:
        sleep_once(study, thinker)
    with open_desk(repo) as study:
        run = sleep_once(study, thinker)
        assert texts(study) == ["About a.", "About b."]
    assert sorted(thinker.asked) == ["a", "b"] and run.passes == {}


def test_what_one_item_gives_rise_to_is_thought_about_in_the_same_sleep(repo: Path) -> None:
    def items(study: Study) -> list[Item]:
        return [item("first"), *([item("second")] if texts(study) else [])]

    with open_desk(repo) as study:
        sleep_once(study, thinker := Thinker(items, says))
    assert thinker.asked == ["first", "second"]


def test_a_pass_that_always_finds_something_new_comes_to_its_end(repo: Path) -> None:
    with open_desk(repo) as study:
        run = sleep_once(study, Thinker(lambda study: [item("again", str(len(texts(study))))], says))
    assert run.ended


def test_what_does_not_fit_into_the_budget_waits(repo: Path) -> None:
    def think(item: Item, study: Study) -> Findings:
        return Findings(tokens=Tokens(prompt=600, completion=300, calls=1))

    items = [item("a", use=0.9, tokens=1000), item("b", use=0.8, tokens=1000)]
    with open_desk(repo, budget=1500) as study:
        run = sleep_once(study, thinker := Thinker(items, think))
    assert thinker.asked == ["a"] and run.left == 1 and run.tokens.prompt == 600


def test_without_a_budget_no_model_is_asked(repo: Path) -> None:
    with open_desk(repo) as study:
        sleep_once(study, thinker := Thinker([item("a", tokens=1)], says))
    assert thinker.asked == []


def test_a_stop_keeps_what_is_finished_and_the_rest_waits(repo: Path) -> None:
    thinker = Thinker([item(name) for name in "abcd"], says)
    with open_desk(repo, stop=lambda: len(thinker.asked) >= 2) as study:
        run = sleep_once(study, thinker)
        assert len(texts(study)) == 2 and run.stopped and run.left == 2


@pytest.mark.parametrize("error", [Stopped, KeyboardInterrupt])
def test_an_item_that_is_cut_is_worked_on_by_the_next_sleep(repo: Path, error: type[BaseException]) -> None:
    def think(item: Item, study: Study) -> Findings:
        if item.about == "b" and is_busy:
            raise error
        return says(item, study)

    is_busy = True
    items = [item("a", use=0.9), item("b", use=0.5), item("c", use=0.1)]
    with open_desk(repo) as study:
        run = sleep_once(study, Thinker(items, think))
        assert run.stopped and run.left == 2 and texts(study) == ["About a."]
        is_busy = False
        assert sleep_once(study, Thinker(items, think)).left == 0
        assert texts(study) == ["About a.", "About b.", "About c."]


def test_what_fails_is_tried_in_three_sleeps_and_no_more(repo: Path) -> None:
    def think(item: Item, study: Study) -> Findings:
        if item.about == "bad":
            raise UserError("It does not work.")
        return says(item, study)

    thinker = Thinker([item("bad", use=0.9), item("good")], think)
    for _ in range(5):
        with open_desk(repo) as study:
            sleep_once(study, thinker)
    assert thinker.asked.count("bad") == 3 and thinker.asked.count("good") == 1
    with WorkQueue(study.home) as queue:
        assert [(failed.about, why) for failed, why in queue.failed()] == [("bad", "It does not work.")]


def test_a_model_that_fails_is_asked_no_more_and_its_item_waits(repo: Path) -> None:
    def think(item: Item, study: Study) -> Findings:
        if item.estimated_tokens:
            raise ModelError("The endpoint is dead.")
        return says(item, study)

    items = [item("a", use=9.0, tokens=10), item("b", use=8.0, tokens=10), item("c", use=0.1)]
    with open_desk(repo, budget=1000) as study:
        run = sleep_once(study, thinker := Thinker(items, think))
    assert thinker.asked == ["a", "c"] and run.problem == "The endpoint is dead." and run.left == 2


def test_a_memory_that_cannot_be_used_ends_the_sleep(repo: Path) -> None:
    def think(item: Item, study: Study) -> Findings:
        raise StoreError("The disk is full.")

    with open_desk(repo) as study, pytest.raises(StoreError):
        sleep_once(study, Thinker([item()], think))
    with WorkQueue(study.home) as queue:
        assert queue.runs(1)[0].problem == "The disk is full." and queue.counts()["scripted"] == {"waiting": 1}


def test_an_item_that_is_no_longer_offered_is_not_worked_on(repo: Path) -> None:
    with open_desk(repo, budget=0) as study:
        sleep_once(study, Thinker([item("old", tokens=10)], says))
    with open_desk(repo, budget=1000) as study:
        sleep_once(study, thinker := Thinker([item("new", tokens=10)], says))
    assert thinker.asked == ["new"]


def test_a_pass_that_cannot_say_what_it_would_do_does_not_keep_the_others_awake(repo: Path) -> None:
    def items(study: Study) -> list[Item]:
        raise UserError("Nothing can be seen.")

    broken = Thinker(items, says)
    broken.name = "broken"
    with open_desk(repo) as study:
        run = sleep_once(study, broken, Thinker([item()], says))
        assert texts(study) == ["About calc.py."]
    assert run.passes["broken"].failed


def test_a_note_with_a_secret_is_dropped_and_counted(repo: Path) -> None:
    def think(item: Item, study: Study) -> Findings:
        key = "AKIA" + "IOSFODNN7" + "EXAMPLE"
        return Findings(notes=(draft(study, f"The key is {key}."), draft(study, "Fine.")))

    with open_desk(repo) as study:
        run = sleep_once(study, Thinker([item()], think))
        assert texts(study) == ["Fine."]
    assert run.passes["scripted"].dropped == 1


def test_a_note_on_what_is_not_committed_names_no_commit(repo: Path) -> None:
    (repo / "calc.py").write_text("def add(a, b):\n    return b + a\n")
    with open_desk(repo) as study:
        sleep_once(study, Thinker([item()], says))
        [note] = study.notes.log.notes()
        assert note.commit is None and study.notes.recall("About calc.py").ids == (note.id,)


def test_the_tree_that_moves_on_is_seen_in_the_next_round(repo: Path) -> None:
    def items(study: Study) -> list[Item]:
        return [item("calc.py", study.blobs["calc.py"])]

    def think(item: Item, study: Study) -> Findings:
        if len(seen) < 1:
            commit(repo, "calc.py", "def add(a, b):\n    return a + b\n")
        seen.append(study.blobs["calc.py"])
        return Findings(notes=(draft(study, f"Version {len(seen)}."),))

    seen: list[str] = []
    with open_desk(repo) as study:
        sleep_once(study, Thinker(items, think))
        assert len(set(seen)) == 2
        recalled = study.notes.recall("Version")
        assert [each.note.text for each in recalled.notes] == ["Version 2."]
