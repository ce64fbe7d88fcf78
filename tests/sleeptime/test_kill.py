"""The real command, killed at random moments: nothing is lost, nothing is doubled.

SLEEPWRIGHT_KILLS says how often.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from memory.config import MemoryConfig
from memory.home import MemoryHome
from memory.note_store import NoteStore
from sleeptime.work_queue import WorkQueue
from tests.sleeptime.desk import commit, git

KILLS = int(os.environ.get("SLEEPWRIGHT_KILLS", "3"))


def foreseen(command: list[str], repo: Path, home: Path) -> list[str]:
    """The texts of all notes that a memory which begins with nothing would have on this tree."""
    environment = {**os.environ, "SLEEPWRIGHT_HOME": str(home)}
    done = subprocess.run([*command, "--dry-run"], env=environment, capture_output=True, check=True)
    return sorted(note["text"] for each in json.loads(done.stdout) for note in each["added"])


def test_kills_at_random_moments_lose_and_double_nothing(repo: Path, tmp_path: Path) -> None:
    for number in range(30):
        text = f"def task{number}(a):\n    return a\n\n\nclass Thing{number}Holder:\n    pass\n"
        (repo / f"module{number}.py").write_text(text)
    commit(repo, "main.py", "".join(f"from module{n} import task{n}, Thing{n}Holder\n" for n in range(30)))
    command = [sys.executable, "-m", "agent.cli", "sleep", "--once", "--json", "--passes", "survey,reflect,merge"]
    command += ["--repo", str(repo), "--sandbox", "none", "--test", ""]
    began = time.monotonic()
    foreseen(command, repo, tmp_path / "elsewhere")
    whole = time.monotonic() - began
    chance = random.Random(7)
    for kill in range(KILLS):
        if kill % 5 == 1:  # the tree moves on while it sleeps
            commit(repo, f"module{kill % 30}.py", f"def task{kill % 30}(a):\n    return {kill}\n")
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0.3, 1.2) * whole)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    with NoteStore.open(repo, MemoryConfig()) as store:
        broken = store.broken()
        live = sorted(note.text for note in store.log.notes() if note.id not in broken)
        home = MemoryHome(store.home.path)
        store.log.check()
    assert finished["left"] == 0 and not finished["stopped"]
    assert live == foreseen(command, repo, tmp_path / "elsewhere")
    with WorkQueue(home) as queue:
        assert set(queue.counts()["survey"]) <= {"finished", "gone"}
    assert git(repo, "worktree", "list").count("\n") == 0


def test_a_polite_signal_ends_it_within_a_second_with_its_exit_code(repo: Path) -> None:
    hangs = f"{sys.executable} -c 'import time; time.sleep(60)'"
    command = [sys.executable, "-m", "agent.cli", "sleep", "--once", "--json", "--passes", "tests", "--repo", str(repo)]
    process = subprocess.Popen([*command, "--test", hangs, "--sandbox", "none"], stdout=subprocess.PIPE)
    home = None
    while home is None or not any("leased" in states for states in home.values()):
        time.sleep(0.05)
        with NoteStore.open(repo, MemoryConfig()) as store:
            if store.home.sleep.exists():
                with WorkQueue(store.home) as queue:
                    home = queue.counts()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    run = json.loads(output)
    assert process.returncode == 130 and run["stopped"] and run["left"] == 1
    assert git(repo, "worktree", "list").count("\n") == 0
