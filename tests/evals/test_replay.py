"""The replay of a history: what git says of a tree, what counts as stale, and the command on a small repository."""

import json
import os
from pathlib import Path

from click.testing import CliRunner

from evals.cli import evaluate
from evals.own_memory import own_memory
from evals.replay import problem_of, tree_on_disk
from memory.recall import Recalled
from memory.records import Anchor, Note
from tests.sleeptime.desk import commit, git


def recalled(blob: str, text: str = "calc.py defines: def add(a, b) | and 3 more") -> Recalled:
    anchor = Anchor(path="calc.py", blob=blob)
    note = Note(id="n1", text=text, origin="observed", anchors=(anchor,), source="its symbols")
    return Recalled(note, (anchor,))


def test_a_tree_is_what_lies_on_disk(repo: Path, tmp_path: Path) -> None:
    (repo / "calc.py").write_text("x = 1\n")
    (repo / "new.py").write_text("y = 2\n")
    (repo / "README.md").unlink()
    before = (repo / ".git" / "index").read_bytes()
    held = tree_on_disk(repo, tmp_path)
    assert sorted(held) == ["calc.py", "new.py", "tests/test_calc.py"]
    assert held["calc.py"] == git(repo, "hash-object", "calc.py")
    assert (repo / ".git" / "index").read_bytes() == before


def test_a_note_on_another_content_is_stale(repo: Path, tmp_path: Path) -> None:
    held = tree_on_disk(repo, tmp_path)
    true = problem_of(recalled(held["calc.py"]), held, lambda blob: "def add(a, b): return a - b")
    assert true is None
    assert "stands on" in str(problem_of(recalled("0" * 40), held, lambda blob: ""))


def test_a_note_that_names_what_is_not_there_is_stale(repo: Path, tmp_path: Path) -> None:
    held = tree_on_disk(repo, tmp_path)
    assert "def add" in str(problem_of(recalled(held["calc.py"]), held, lambda blob: "def sub(a, b): ..."))


def test_a_memory_of_its_own_leaves_the_users_as_it_was(tmp_path: Path) -> None:
    os.environ["SLEEPWRIGHT_MODEL"] = "mine"
    before = {name: value for name, value in os.environ.items() if name.startswith("SLEEPWRIGHT_")}
    with own_memory(tmp_path):
        assert os.environ["SLEEPWRIGHT_HOME"] == str(tmp_path / "home") and "SLEEPWRIGHT_MODEL" not in os.environ
    assert {name: value for name, value in os.environ.items() if name.startswith("SLEEPWRIGHT_")} == before
    del os.environ["SLEEPWRIGHT_MODEL"]


def test_a_history_is_replayed_and_its_repository_only_read(repo: Path, tmp_path: Path) -> None:
    for number in range(2):
        commit(repo, "calc.py", f"def add(a, b):\n    return a + b\n\n\ndef double_{number}(a):\n    return a * 2\n")
    before = sorted((path, path.stat().st_mtime_ns) for path in repo.rglob("*"))
    out = tmp_path / "run"
    options = f"--repo {repo / 'tests'} --commits 2 --every 1 --rounds 1 --json --out {out}"
    done = CliRunner().invoke(evaluate, ["replay", *options.split()], catch_exceptions=False, standalone_mode=False)
    assert done.return_value == 0
    found = json.loads(done.stdout)
    served, sleeps, survey = found["tables"]
    *_, everything = served["rows"]
    assert everything[3] > 0 and everything[4] > 0 and everything[5] == 0 and found["stale"] == []
    assert sleeps["rows"][0][0] == 2
    assert [row[2] > 0 for row in survey["rows"]] == [True, True, False, True]
    assert sorted((path, path.stat().st_mtime_ns) for path in repo.rglob("*")) == before
    assert len((out / "samples.jsonl").read_text().splitlines()) == 2 + 2 * 2 * 2 + 2 * 2
