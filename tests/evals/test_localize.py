"""Localisation on a small real history: what is asked, what may be known, what is right, and the numbers."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.relevance import is_source
from evals.cli import evaluate
from evals.localize import Answer
from evals.localize_questions import changed_lines, instances, own_history
from evals.localize_tables import gain, mean_reciprocal_rank, recall_at


def commit(repo: Path, message: str, **files: str) -> str:
    for name, text in files.items():
        (repo / f"{name}.py").write_text(text)
    subprocess.run(["git", "add", "--all"], cwd=repo, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", message], cwd=repo, check=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repo, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def history(repo: Path) -> Path:
    commit(repo, "Add a parser and a printer", parser="def parse(text):\n    return text\n", printer="x = 1\n")
    commit(repo, "The parser keeps white space at the ends", parser="def parse(text):\n    return text.strip()\n")
    commit(repo, "Release 1.2.3 of everything", printer="x = 2\n")
    commit(repo, "Printer output has the wrong number in it", printer="x = 3\n")
    return repo


def test_questions_are_commits_that_modify_source(history: Path) -> None:
    questions, _ = own_history(history, 10)
    assert [(question.text.split()[0], question.right) for question in questions] == [
        ("Printer", ("printer.py",)),
        ("The", ("parser.py",)),
    ]


def test_only_what_came_before_is_known(history: Path) -> None:
    questions, known = own_history(history, 10)
    messages = [past.words for past in known.until(questions[1].parent)]
    assert len(messages) == 2 and not any("white" in message for message in messages)


def test_other_branches_are_not_known(history: Path) -> None:
    subprocess.run(["git", "checkout", "--quiet", "-b", "side", "HEAD~3"], cwd=history, check=True)
    commit(history, "Secrets of the side branch", side="x = 1\n")
    subprocess.run(["git", "checkout", "--quiet", "main"], cwd=history, check=True)
    subprocess.run(["git", "merge", "--quiet", "--no-edit", "side"], cwd=history, check=True)
    questions, known = own_history(history, 10)
    for question in questions:
        assert not any("secrets" in past.words for past in known.until(question.parent))


def test_instances_are_answered_at_their_base_commit(history: Path, tmp_path: Path) -> None:
    base = subprocess.run(["git", "rev-parse", "HEAD~1"], cwd=history, capture_output=True, text=True).stdout.strip()
    patch = "diff --git a/printer.py b/printer.py\n--- a/printer.py\n+++ b/printer.py\n@@ -1 +1 @@\n-x = 2\n+x = 3\n"
    row = {"instance_id": "one", "base_commit": base, "problem_statement": "The printer is wrong", "patch": patch}
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row) + "\n" + json.dumps({**row, "base_commit": "0" * 40}) + "\n{broken\n7\n{}\n")
    (question,), _ = instances(history, file)
    assert (question.parent, question.right) == (base, ("printer.py",))


def test_a_file_of_an_instance_may_have_any_name(repo: Path, tmp_path: Path) -> None:
    base = commit(repo, "Add sizes", größe="x = 2\n")
    patch = "--- a/größe.py\n+++ b/größe.py\n@@ -1 +1 @@\n-x = 2\n+x = 3\n"
    row = {"instance_id": "one", "base_commit": base, "problem_statement": "The size is wrong", "patch": patch}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    (question,), _ = instances(repo, tmp_path / "rows.jsonl")
    assert question.right == ("größe.py",)


def test_the_command_prints_both_rankings(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(evaluate, ["localize", "--repo", str(history), "--json", "--out", "kept"])
    assert (tmp_path / "kept" / "plots" / "recall.json").exists()
    answers = json.loads(result.stdout)["answers"]
    assert [(answer["ranks"], answer["bm25_ranks"]) for answer in answers] == [([1], [1]), ([1], [1])]
    shown = CliRunner().invoke(evaluate, ["localize", "--repo", str(history)]).stdout
    assert "BM25" in shown and ["2", "+0.0%"] in [line.split()[:2] for line in shown.splitlines()]


def test_the_function_that_was_changed_is_right(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "def parse(text):\n    return text\n\n\ndef shorten(text):\n    return text[:9]\n"
    commit(repo, "Add a parser", parser=text)
    commit(repo, "shorten leaves ten characters of a text", parser=text.replace("9", "10"))
    result = CliRunner().invoke(evaluate, ["localize", "--repo", str(repo), "--json"])
    (answer,) = json.loads(result.stdout)["answers"]
    assert answer["function_ranks"] == [1] and answer["index_bytes"] > 0
    shown = CliRunner().invoke(evaluate, ["localize", "--repo", str(repo)]).stdout
    assert "functions" in shown and "MB" in shown


@pytest.mark.parametrize(
    ("hunk", "lines"),
    [
        ("@@ -3 +3 @@\n-x\n+y", (2,)),
        ("@@ -3,2 +2,0 @@\n-x\n-y", (2, 3)),
        ("@@ -3,0 +4 @@\n+y", (2,)),
        ("@@ -1,3 +1,4 @@\n a\n b\n+n\n c", (1,)),
    ],
)
def test_the_lines_that_a_patch_changes(hunk: str, lines: tuple[int, ...]) -> None:
    assert changed_lines(f"--- a/x.py\n+++ b/x.py\n{hunk}\n") == {"x.py": lines}


def test_without_a_question_the_command_says_so(repo: Path) -> None:
    result = CliRunner().invoke(evaluate, ["localize", "--repo", str(repo)])
    assert result.exit_code == 1 and "no commit of this history" in result.output


def test_recall_is_the_mean_share_of_the_right_files() -> None:
    ranks = [(1, 4), (None, 2), (7,)]
    assert recall_at(ranks, 3) == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert recall_at(ranks, 10) == pytest.approx((1 + 0.5 + 1) / 3)
    assert mean_reciprocal_rank([*ranks, (None,)]) == pytest.approx((1 + 1 / 2 + 1 / 7 + 0) / 4)


def test_the_gain_has_an_interval_around_it() -> None:
    better = Answer(id="a", ranks=(1,), bm25_ranks=(9,), seconds=0.1, files=10)
    equal = better.model_copy(update={"bm25_ranks": (1,)})
    mean, low, high = gain([better] * 5 + [equal] * 5, 5)
    assert mean == 0.5 and 0 <= low < 0.5 < high <= 1


def test_tests_and_data_are_no_source() -> None:
    assert [is_source(path) for path in ("a/b.py", "tests/test_b.py", "a.json", "Makefile", "src/x.rs")] == [
        True,
        False,
        False,
        False,
        True,
    ]
