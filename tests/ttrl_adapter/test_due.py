"""ttrl_adapter/due.py: enough new tasks, or a round that was interrupted."""

import os
from pathlib import Path

import pytest

from memory.experiences import ExperienceLog, new_id
from memory.home import MemoryHome
from memory.records import Experience, Task, Vote
from ttrl_adapter.due import LEAST_NEW, look
from ttrl_adapter.round import DONE


@pytest.fixture
def home(tmp_path: Path) -> MemoryHome:
    return MemoryHome.for_repository(tmp_path / "shop" / ".git")


def finish_tasks(log: ExperienceLog, count: int) -> None:
    task = Task(request="fix it", repo="/shop", base_commit=None, snapshot="0" * 40)
    vote = Vote(winner=None, votes=0, agreement=0, abstentions=0)
    for _ in range(count):
        log.append(Experience(id=new_id(), task=task, status="no_candidate", vote=vote, model="embedded"))


def finish_round(home: MemoryHome, number: int) -> None:
    folder = home.rounds / f"{number:04}"
    folder.mkdir(parents=True)
    (folder / DONE).write_text("{}")


def test_it_is_due_when_enough_tasks_are_finished(home: MemoryHome) -> None:
    with ExperienceLog(home.experiences) as log:
        finish_tasks(log, LEAST_NEW - 1)
        assert not look(home.rounds, log).is_due and str(LEAST_NEW - 1) in str(look(home.rounds, log))
        finish_tasks(log, 1)
        assert look(home.rounds, log).is_due


def test_what_a_round_has_seen_is_not_new(home: MemoryHome) -> None:
    with ExperienceLog(home.experiences) as log:
        finish_tasks(log, LEAST_NEW)
        finish_round(home, 1)
        assert look(home.rounds, log).new == 0
        finish_tasks(log, 3)
        assert (look(home.rounds, log).new, look(home.rounds, log).is_due) == (3, False)
        finish_tasks(log, LEAST_NEW)
        assert look(home.rounds, log).is_due


def test_an_interrupted_round_goes_on(home: MemoryHome) -> None:
    finish_round(home, 1)
    (home.rounds / "0002").mkdir()
    with ExperienceLog(home.experiences) as log:
        assert look(home.rounds, log).is_due and "interrupted" in str(look(home.rounds, log))


def test_the_round_with_the_highest_number_is_the_last(home: MemoryHome) -> None:
    for number in (9999, 10000):
        finish_round(home, number)
    os.remove(home.rounds / "9999" / DONE)
    with ExperienceLog(home.experiences) as log:
        assert not look(home.rounds, log).is_due
