"""Stateful GSM-Symbolic: how a problem is cut, what counts as its answer, and a run against a scripted endpoint."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.scripted_server import Body, Scripted, ScriptedServer
from evals.cli import evaluate
from evals.errors import DatasetError
from evals.run_folder import RunFolder
from evals.stateful_gsm import load, released_split, right_answer, said_answer, split

PROBLEMS = [
    ("Ann has 2.5 kg of flour. Dr. Lee takes 1 kg at 9 a.m. on Monday. How much is left?", "1.5"),
    ("A box holds 12 eggs. Three boxes arrive. How many eggs are there? Give a whole number.", "1,236"),
    ("How many legs do two cats have?", "8"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        {"id": number, "instance": 0, "question": question, "answer": f"First 7.\n#### {answer}"}
        for number, (question, answer) in enumerate(PROBLEMS)
    ]
    path = tmp_path / "GSM_p2.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("text", "context", "question"),
    [
        (
            PROBLEMS[0][0],
            "Ann has 2.5 kg of flour. Dr. Lee takes 1 kg at 9 a.m. on Monday.",
            "How much is left?",
        ),
        (
            PROBLEMS[1][0],
            "A box holds 12 eggs. Three boxes arrive.",
            "How many eggs are there? Give a whole number.",
        ),
        (PROBLEMS[2][0], "", "How many legs do two cats have?"),
        ("Tom runs. He stops! Say how far he ran.", "Tom runs. He stops!", "Say how far he ran."),
        ('She said "go." Then she ran. How far?', 'She said "go." Then she ran.', "How far?"),
    ],
)
def test_a_problem_is_cut_before_its_question(text: str, context: str, question: str) -> None:
    assert split(text) == (context, question)


def test_the_released_splitter_breaks_decimals_and_takes_what_comes_last() -> None:
    assert released_split(PROBLEMS[0][0])[0].startswith("Ann has 2. 5 kg of flour.")
    assert released_split(PROBLEMS[1][0])[1] == "How many eggs are there? Give a whole number"


def test_what_was_cut_is_counted(file: Path) -> None:
    found = load(file)
    assert (len(found.problems), found.without_context, found.differing, found.without_question_mark) == (2, 1, 1, 1)
    assert [problem.answer for problem in found.problems] == ["1.5", "1236"]
    assert len(load(file, limit=1).problems) == 1


@pytest.mark.parametrize(
    ("text", "answer"),
    [("So $1,236.", "1236"), ("It is 7, no: -12", "-12"), ("none", ""), ("2.50 kg", "2.50"), ("a 5", "5")],
)
def test_the_last_number_is_the_answer(text: str, answer: str) -> None:
    assert said_answer(text) == answer


def test_the_right_answer_stands_behind_the_hashes() -> None:
    assert right_answer("7 + 1 = 8\n#### $1,008.") == "1008"


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"question": "Why?"}\n')
    with pytest.raises(DatasetError, match="Line 1 of"):
        load(tmp_path / "x.jsonl")


def test_a_row_may_hold_what_python_takes_for_the_end_of_a_line(tmp_path: Path) -> None:
    row = {"question": PROBLEMS[0][0], "answer": "First\u2028this.\n#### 5"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert [problem.answer for problem in load(tmp_path / "x.jsonl").problems] == ["5"]


def answering(body: Body) -> Scripted:
    """Knows the answers where notes are there."""
    prompt = body["messages"][-1]["content"]
    if "Prepare for it" in prompt:
        return Scripted(tuple(f"1.5 kg is left. Draft {n}." for n in range(body.get("n") or 1)))
    return Scripted(("The answer is 1.5",)) if "beforehand" in prompt else Scripted(("I think it is 3",))


def test_a_run_with_a_served_model_leaves_its_folder(file: Path, tmp_path: Path) -> None:
    with ScriptedServer(answering) as server:
        command = [
            "sleep",
            "--suite",
            "gsm",
            "--file",
            str(file),
            "--base-url",
            server.url,
            "--out",
            str(tmp_path / "run"),
        ]
        done = CliRunner().invoke(evaluate, [*command, "--limit", "1", "--drafts", "2", "--verbosity", "0"])
        requests = server.requests
    assert done.exit_code == 0, done.output
    folder = RunFolder.open(tmp_path / "run")
    trials = list(folder.read_samples())
    assert [(trial["arm"], trial["score"]) for trial in trials] == [("without", 0.0), ("k=2", 1.0)]
    assert [(each["arm"], each["notes"]) for each in folder.read_samples("sleeps")] == [("k=2", 2)]
    asked = requests[-1]["messages"][-1]["content"]
    assert "Draft 0" in asked and "Draft 1" in asked and "2.5 kg" in asked and "How much is left?" in asked
    assert [table.name for table in folder.tables] == ["curve", "savings", "amortised", "sleep"]
    assert folder.scores and folder.scores.scores == {"0-0": 1.0}


def test_without_a_file_it_says_so() -> None:
    done = CliRunner().invoke(evaluate, ["sleep", "--suite", "gsm"])
    assert done.exit_code == 2 and "needs --file" in done.output
