"""`sleepwright sleep` as a process: exit codes, what it prints, that a dry run changes nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from memory.config import MemoryConfig
from memory.note_store import NoteStore
from sleeptime.work_queue import only_sleeper
from tests.sleeptime.desk import commit


def sleepwright(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "agent.cli", *arguments], capture_output=True, text=True)


def sleeps(repo: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return sleepwright("sleep", "--once", "--repo", str(repo), "--test", "", *more)


def test_a_sleep_says_what_it_came_to_and_memory_undo_takes_it_back(repo: Path) -> None:
    done = sleeps(repo, "--passes", "survey")
    assert done.returncode == 0 and "survey" in done.stdout and "Done: sleep run" in done.stdout
    run = done.stdout.partition("sleep run ")[2].split(",")[0]
    assert sleepwright("memory", "undo", run, "--repo", str(repo)).returncode == 0
    with NoteStore.open(repo, MemoryConfig()) as store:
        assert store.log.notes() == []


def test_json_is_one_object_of_the_run(repo: Path) -> None:
    run = json.loads(sleeps(repo, "--json").stdout)
    assert run["passes"]["survey"]["notes"] > 0 and run["ended"] and run["problem"] is None


def test_a_dry_run_shows_the_difference_and_changes_nothing(repo: Path) -> None:
    commit(repo, "shop.py", '"""Prices of the shop."""\n\n\ndef total(items):\n    return 1\n')
    with NoteStore.open(repo, MemoryConfig()) as store:
        kept = store.add("It reads UTF-8 files only.", ["shop.py"], origin="observed")
        gone = store.add("It only reads UTF-8 files.", ["shop.py"], origin="observed")
        before = store.log.last_seq()
    done = sleeps(repo, "--dry-run", "--passes", "survey,merge")
    assert '  + shop.py says of itself: "Prices of the shop."' in done.stdout
    assert f"  - {gone.id} {gone.text}" in done.stdout and f"- {kept.id}" not in done.stdout
    with NoteStore.open(repo, MemoryConfig()) as store:
        assert store.log.last_seq() == before


@pytest.mark.parametrize(
    "arguments", [["--passes", "nonsense"], ["--passes", ","], ["--budget", "-1"], ["--sandbox", "none", "surplus"]]
)
def test_wrong_use_has_exit_code_2(repo: Path, arguments: list[str]) -> None:
    done = sleepwright("sleep", "--once", "--repo", str(repo), *arguments)
    assert done.returncode == 2 and not done.stdout and done.stderr


def test_where_a_paid_model_may_not_be_asked_the_sleep_says_so_and_goes_on_without(repo: Path) -> None:
    paid = ["--passes", "survey", "--model", "any", "--base-url", "https://192.0.2.1/v1"]
    done = sleeps(repo, *paid)
    assert done.returncode == 0 and "survey" in done.stdout
    assert "asked nothing during sleep until you set `paid_tokens_per_day`" in done.stderr
    assert "until you set" not in sleeps(repo, *paid, "--budget", "0").stderr
    refused = sleeps(repo, *paid, "--budget", "1000")
    assert refused.returncode == 2 and "until you set" in refused.stderr


def test_a_second_sleeper_is_told_so(repo: Path) -> None:
    with NoteStore.open(repo, MemoryConfig()) as store, only_sleeper(store.home):
        done = sleeps(repo)
    assert done.returncode == 2 and "Another process sleeps" in done.stderr


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, sleeptime.cli; print(sorted({'numpy', 'rich', 'pydantic', 'openai', 'git'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
