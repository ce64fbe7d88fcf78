"""The queue: durable, each item once, leases of the dead given out again."""

from pathlib import Path

import pytest

from memory.home import MemoryHome
from sleeptime.records import SleepRun
from sleeptime.work_queue import Done, Sleeping, WorkQueue, only_sleeper
from tests.sleeptime.desk import item


@pytest.fixture
def home(tmp_path: Path) -> MemoryHome:
    return MemoryHome.for_repository(tmp_path / "repo" / ".git")


def taken(home: MemoryHome, run: str, most: int = 10, tokens: int = 0) -> list[str]:
    with WorkQueue(home) as queue:
        return [leased.item.about for leased in queue.take(run, ["scripted"], most, tokens)]


def test_an_item_is_leased_to_one_run(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("a")])
    assert taken(home, "one") == ["a"] and taken(home, "two") == []


def test_what_a_dead_run_held_waits_again_and_is_known_to_have_been_cut(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("a")])
        queue.take("one", ["scripted"], 1, 0)
    with WorkQueue(home) as queue:
        queue.begin(SleepRun(id="two"))
        [leased] = queue.take("two", ["scripted"], 1, 0)
    assert leased.was_cut


def test_what_was_released_was_not_cut(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("a")])
        queue.take("one", ["scripted"], 1, 0)
        queue.release("one")
        queue.begin(SleepRun(id="two"))
        [leased] = queue.take("two", ["scripted"], 1, 0)
    assert not leased.was_cut


def test_an_item_during_which_processes_die_goes_to_the_end(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("deadly", use=0.9), item("good", use=0.1)])
        for run in "abc":
            queue.begin(SleepRun(id=run))
            assert [leased.item.about for leased in queue.take(run, ["scripted"], 1, 0)] == ["deadly"]
        queue.begin(SleepRun(id="d"))
    assert taken(home, "d", 1) == ["good"] and taken(home, "d", 1) == ["deadly"]


def test_an_item_that_needs_a_model_is_leased_alone(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("a", use=9.0, tokens=5), item("b", use=0.2), item("c", use=0.1)])
    assert taken(home, "one", 10, 100) == ["a"] and taken(home, "one", 10, 100) == ["b", "c"]


def test_work_that_takes_long_is_leased_alone_and_after_what_takes_none(home: MemoryHome) -> None:
    slow = item("slow", use=1.0).model_copy(update={"estimated_seconds": 60.0})
    with WorkQueue(home) as queue:
        queue.offer("scripted", [slow, item("a", use=0.02), item("b", use=0.01)])
    assert taken(home, "one") == ["a", "b"] and taken(home, "one") == ["slow"]


def test_a_finished_item_is_not_offered_again(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("a")])
        [leased] = queue.take("one", ["scripted"], 1, 0)
        queue.finish([Done(leased.item, ("note-1",))])
        queue.offer("scripted", [item("a")])
        assert queue.take("one", ["scripted"], 1, 0) == [] and queue.unfinished([item("a")]) == []
        assert queue.made_about("scripted", "a")[0].notes == ("note-1",)
        assert queue.makers(["note-1", "note-2"]) == {"note-1": "scripted"}


def test_an_item_whose_notes_were_given_up_may_be_offered_again(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("a")])
        [first] = queue.take("one", ["scripted"], 1, 0)
        queue.finish([Done(first.item, ("note-1",))], given_up=["note-1"])
        assert queue.take("one", ["scripted"], 1, 0) == []
        queue.offer("scripted", [item("a")])
        assert [leased.item.about for leased in queue.take("one", ["scripted"], 1, 0)] == ["a"]


def test_an_item_that_is_offered_again_has_its_new_use(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("a", use=0.1), item("b", use=0.2)])
        queue.offer("scripted", [item("a", use=0.9), item("b", use=0.2)])
        assert [leased.item.about for leased in queue.take("one", ["scripted"], 5, 0)] == ["a", "b"]


def test_a_path_that_is_not_utf_8_survives(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.offer("scripted", [item("caf\udce9.py")])
    assert taken(home, "one") == ["caf\udce9.py"]


def test_the_runs_are_there_newest_first(home: MemoryHome) -> None:
    with WorkQueue(home) as queue:
        queue.begin(SleepRun(id="1"))
        queue.begin(SleepRun(id="2"))
        queue.update(SleepRun(id="2", left=3))
        assert [(run.id, run.left) for run in queue.runs(5)] == [("2", 3), ("1", 0)]


def test_one_process_sleeps_in_a_home(home: MemoryHome) -> None:
    with only_sleeper(home):
        with pytest.raises(Sleeping, match="Another process sleeps"), only_sleeper(home):
            pass
    with only_sleeper(home):
        pass
