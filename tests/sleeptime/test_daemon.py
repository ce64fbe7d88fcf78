"""The daemon as a process: it sleeps when nothing happens, gives way when the user is back, and survives kill -9.

Its sleep is a small real program here, so that each test says exactly what sleep does; test_whole_daemon.py has the
real one.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from agent.workspace import Repository
from memory.errors import UserError
from memory.home import MemoryHome
from memory.records import Task
from memory.runs import Begun, Run
from sleeptime.caps import Caps, SpendingLedger
from sleeptime.control import DaemonFolder, daemon_pid, read_state, start, stop
from sleeptime.daemon_record import DaemonRecord, Nap, failures, last_success

HERE = Path(__file__).parent

# What each sleep does: finish numbers, one after the other, that were not finished before; each is durable.
SLEEP = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
from sleeptime.leash import hold_leash
hold_leash()
signal.signal(signal.SIGTERM, lambda number, frame: None)  # it does not end by itself
work = Path({work!r})
"""
FOREVER = """
subprocess.Popen(["sleep", "1000"], start_new_session=True)  # as commands in a sandbox
with (work / "began").open("a") as began:
    began.write(f"{os.getpid()}\\n")
time.sleep(1000)
"""
NUMBERS = """
with (work / "numbers").open("a+") as file:
    file.seek(0)
    for number in range(len(file.readlines()), 10_000):
        file.write(f"{number}\\n")
        file.flush()
        os.fsync(file.fileno())
"""
DONE = """
count = {"finished": 3, "notes": 2, "dropped": 1}
print(json.dumps({"id": "run1", "passes": {"survey": count}, "ended": "2026-01-01T00:00:00Z"}))
(work / "done").touch()
"""


def until(happens: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for it, for as long as a busy machine may take."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def is_alive(process: psutil.Process) -> bool:
    """Whether it still does anything: who ended may wait for somebody to ask for its exit code."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class World:
    """A repository, what its sleep does, and the daemon."""

    def __init__(self, repo: Path, work: Path, sleep: str) -> None:
        self.repo = repo
        self.work = work
        self.folder = DaemonFolder.open()
        work.mkdir()
        self.script = work / "sleep.py"
        self.sleeps(sleep)
        with DaemonRecord(self.folder.record) as record:
            record.watch(repo)

    def sleeps(self, sleep: str) -> None:
        self.script.write_text(SLEEP.format(work=str(self.work)) + sleep)

    def start(self) -> int:
        return start(self.folder, [sys.executable, str(HERE / "daemon_process.py"), str(self.script)])

    def naps(self) -> list[Nap]:
        with DaemonRecord(self.folder.record) as record:
            return record.naps(self.repo)

    def ended(self, ending: str) -> Callable[[], bool]:
        return lambda: any(nap.ending == ending for nap in self.naps())

    def waits_for(self, words: str) -> Callable[[], bool]:
        return lambda: bool((state := read_state(self.folder)) and words in str(state.waiting_for))

    @property
    def sleepers(self) -> list[psutil.Process]:
        """The sleep under way and what it has started."""
        began = self.work / "began"
        pids = map(int, began.read_text().split()) if began.exists() else ()
        found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        return [each for process in found for each in (process, *process.children()) if is_alive(each)]

    def sleeping(self) -> bool:
        return len(self.sleepers) == 2


@pytest.fixture
def settings(surroundings: Path) -> Path:
    """Never too busy, and nobody is waited for."""
    file = surroundings / "sleep.toml"
    file.write_text("quiet_seconds = 0\nhighest_load = 1000\nlowest_battery = 0\n")
    return file


@pytest.fixture
def world(repo: Path, tmp_path: Path, settings: Path) -> Iterator[World]:
    world = World(repo, tmp_path / "work", FOREVER)
    yield world
    stop(world.folder)
    for process in world.sleepers:
        process.kill()


def test_it_sleeps_writes_down_what_came_of_it_and_waits_for_something_new(world: World) -> None:
    world.sleeps(DONE)
    world.start()
    until(world.waits_for("nothing new since"), "all is done")
    nap = last_success(world.naps())
    assert nap and nap.run and nap.run.passes["survey"].notes == 2 and nap.cpu_seconds > 0
    line = world.folder.log.read_text().splitlines()[-1]
    assert "repo: slept" in line and "3 things thought about, 2 notes added, 1 findings dropped" in line
    (world.work / "done").unlink()
    (world.repo / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    until((world.work / "done").exists, "it sleeps again after an edit")


def test_nothing_happens_before_the_user_was_away_for_long_enough(world: World, settings: Path) -> None:
    settings.write_text("quiet_seconds = 1000\nhighest_load = 1000\nlowest_battery = 0\n")
    world.start()
    until(world.waits_for("quiet for 1000 s"), "it waits")
    assert not world.naps()


def change_a_file(world: World) -> None:
    (world.repo / "calc.py").write_text("x = 1\n")


def commit(world: World) -> None:
    command = ["git", "commit", "--allow-empty", "--quiet", "--message", "nothing"]
    subprocess.run(command, cwd=world.repo, check=True)


def no_longer(world: World) -> None:
    with DaemonRecord(world.folder.record) as record:
        record.unwatch(world.repo)


@pytest.mark.parametrize("comes_back", [change_a_file, commit, no_longer])
def test_the_sleep_and_all_that_it_started_are_gone_when_the_user_is_back(
    world: World, comes_back: Callable[[World], None]
) -> None:
    world.start()
    until(world.sleeping, "it sleeps")
    sleepers = world.sleepers
    comes_back(world)
    until(world.ended("yielded"), "it gives way")
    assert not any(map(is_alive, sleepers))


def test_it_gives_way_for_as_long_as_a_run_is_under_way(world: World, settings: Path) -> None:
    repository = Repository.open(world.repo)
    home = MemoryHome.for_repository(repository.common_dir)
    task = Task(request="fix", repo=str(world.repo), base_commit=None, snapshot=repository.snapshot())
    begun = Begun(id="r1", task=task, model=None, base_url=None, strategy="auto", candidates=None, seed=0)
    world.start()
    until(world.sleeping, "it sleeps")
    with Run.begin(home.runs, begun):
        until(world.ended("yielded"), "it gives way")
        until(world.waits_for("a run is under way"), "it waits")
        assert not world.sleepers
    until(world.sleeping, "it sleeps again")


def test_stop_leaves_nothing_running(world: World) -> None:
    pid = world.start()
    until(world.sleeping, "it sleeps")
    sleepers = world.sleepers
    assert stop(world.folder) == pid
    assert daemon_pid(world.folder) is None and stop(world.folder) is None
    assert not any(map(is_alive, sleepers))
    assert [nap.ending for nap in world.naps()] == ["yielded"]


def test_two_daemons_at_once_are_one(world: World) -> None:
    command = [sys.executable, str(HERE / "daemon_process.py"), str(world.script)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    until(lambda: any(process.poll() is not None for process in both), "one ends")
    (loser,) = [process for process in both if process.poll() is not None]
    (winner,) = [process for process in both if process is not loser]
    assert loser.stderr and "A daemon runs already" in loser.stderr.read()
    assert daemon_pid(world.folder) == winner.pid
    until(world.sleeping, "the other one works")
    assert stop(world.folder) == winner.pid
    for process in both:
        process.communicate()


def test_a_daemon_that_was_killed_takes_its_sleep_along_and_is_replaced(world: World) -> None:
    killed = world.start()
    until(world.sleeping, "it sleeps")
    sleepers = world.sleepers
    os.kill(killed, signal.SIGKILL)
    until(lambda: daemon_pid(world.folder) is None, "the lock is free")
    until(lambda: not any(map(is_alive, sleepers)), "its sleep has ended")
    assert read_state(world.folder) is None  # though the file is there
    assert world.start() != killed
    until(world.sleeping, "the new one sleeps")
    assert [nap.ending for nap in world.naps()] == [None, "killed"]
    assert "the last sleep was cut" in world.folder.log.read_text()


def test_failures_are_written_down_with_their_reasons_and_tried_again_later(world: World) -> None:
    world.sleeps("print(json.dumps({'status': 'error', 'error': 'the disk is full'})); sys.exit(2)")
    world.start()
    until(world.waits_for("sleep failed once, it is tried again at"), "it waits")
    (failed,) = failures(world.naps())
    assert failed.reason == "the disk is full"
    assert "sleep failed after" in world.folder.log.read_text()


def test_while_the_model_fails_the_rest_is_done_without_it(world: World) -> None:
    world.sleeps("if sys.argv[1] == 'with': sys.exit(3)\n" + DONE)
    world.start()
    until(world.waits_for("sleep failed once"), "it waits to try the model again")
    assert [(nap.ending, nap.with_model) for nap in world.naps()] == [("finished", False), ("failed", True)]
    assert "without the model that failed" in world.folder.log.read_text()


def test_a_sleep_that_is_killed_is_a_failure(world: World) -> None:
    world.start()
    until(world.sleeping, "it sleeps")
    world.sleepers[0].kill()
    until(world.waits_for("sleep failed once"), "it waits")
    assert failures(world.naps())[0].reason == "its process was ended by SIGKILL"


def test_the_cap_on_cpu_seconds_ends_a_sleep_and_is_not_passed(world: World, settings: Path) -> None:
    settings.write_text(settings.read_text() + "cpu_seconds_per_day = 5\n")
    world.sleeps("while True: pass")
    world.start()
    until(world.ended("capped"), "the cap is reached")
    until(world.waits_for("CPU seconds are used up"), "it waits")
    with SpendingLedger(world.folder.spending, Caps(), "any") as ledger:
        assert 0 < ledger.spent().cpu_seconds <= 5


def test_nothing_finished_is_lost_or_doubled_when_all_is_killed_at_random(world: World) -> None:
    chance = random.Random(0)
    world.sleeps(NUMBERS + FOREVER)
    numbers = world.work / "numbers"
    numbers.touch()
    for _ in range(6):
        pid, count = world.start(), numbers.stat().st_size
        until(lambda count=count: numbers.stat().st_size > count, "it works")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.05))
        everybody = [psutil.Process(pid), *psutil.Process(pid).children()]
        for process in chance.sample(everybody, k=chance.randint(1, len(everybody))):
            process.kill()
        stop(world.folder)
        until(lambda all=everybody: not any(map(is_alive, all)), "its sleep has ended")  # type: ignore[misc]
    lines = numbers.read_text().splitlines()
    assert lines == [str(number) for number in range(len(lines))]


def test_settings_that_are_wrong_leave_the_daemon_as_it_was(world: World, settings: Path) -> None:
    settings.write_text("no_such_setting = 1\n")
    world.start()
    until(lambda: "The settings are left as they were" in world.folder.log.read_text(), "it says so")


def trains(world: World, settings: Path, script: str) -> None:
    settings.write_text(settings.read_text() + "train = true\n")
    (world.work / "training.py").write_text(script)
    world.sleeps(DONE)


def says(world: World, words: str) -> Callable[[], bool]:
    return lambda: words in world.folder.log.read_text()


def test_after_a_sleep_the_model_learns_where_that_is_wanted(world: World, settings: Path) -> None:
    trains(world, settings, """print('{"round": 1, "adapter": "v0001", "promoted": true}')""")
    world.start()
    until(says(world, "trained v0001, promoted"), "it says so")


def test_training_that_fails_is_told_with_its_reason(world: World, settings: Path) -> None:
    trains(world, settings, """import sys; print('{"status": "error", "error": "no trainer here"}'); sys.exit(2)""")
    world.start()
    until(says(world, "training failed: no trainer here"), "it says so")
    assert world.ended("finished")()


def test_training_gives_way_to_the_user(world: World, settings: Path) -> None:
    trains(world, settings, SLEEP.format(work=str(world.work)) + FOREVER)
    world.start()
    until(world.sleeping, "it trains")
    (world.repo / "README").write_text("I am back.\n")
    until(says(world, "training ended early: you are back"), "it gives way")
    assert world.sleepers == []


def test_nothing_is_trained_unless_it_is_wanted(world: World, settings: Path) -> None:
    (world.work / "training.py").write_text(f"open({str(world.work / 'trained')!r}, 'w')")
    world.sleeps(DONE)
    world.start()
    until(world.waits_for("nothing new since"), "all is done")
    assert not (world.work / "trained").exists()


def test_a_repository_that_is_gone_is_left_alone(world: World, tmp_path: Path) -> None:
    with DaemonRecord(world.folder.record) as record:
        record.watch(tmp_path / "nowhere")
    world.start()
    until(world.waits_for("is not a directory"), "it says so")
    until(world.sleeping, "the other one is studied all the same")


def test_a_repository_that_goes_away_is_left_alone_until_it_is_back(world: World) -> None:
    world.start()
    until(world.sleeping, "it sleeps")
    moved = world.repo.rename(world.repo.with_name("moved"))
    until(world.waits_for("is not a directory"), "it says so")
    moved.rename(world.repo)
    assert world.ended("yielded")() and not world.ended("failed")()


def test_a_path_that_is_no_text_is_not_watched(world: World) -> None:
    with DaemonRecord(world.folder.record) as record, pytest.raises(UserError, match="cannot be watched"):
        record.watch(world.repo / "caf\udce9")


def test_a_daemon_that_cannot_start_says_why(world: World) -> None:
    database = world.folder.record.read_bytes()
    world.folder.record.write_bytes(b"no database")
    with pytest.raises(UserError, match="did not start: .*record of the daemon"):
        world.start()
    world.folder.record.write_bytes(database)
