"""`sleepwright eval swe` as a whole: from rows to the summary, poisoned rows among them, and killed in the middle."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evals.cli import evaluate
from evals.run_folder import RunConfig, RunFolder
from tests.evals.swe.examples import FIX, Example, make_example
from tests.evals.swe.test_predict import ANSWER

HERE = Path(__file__).parent


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return make_example(tmp_path)


def write_rows(example: Example, *rows: object) -> Path:
    file = example.mirrors.parent / "rows.jsonl"
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def invoke(example: Example, rows: Path, predictions: str) -> Result:
    out = example.mirrors.parent / "out"
    options = ["--dataset", str(rows), "--repos", str(example.mirrors), "--env", "current", "--out", str(out)]
    return CliRunner().invoke(evaluate, ["swe", "grade", "--predictions", predictions, "--json", *options])


def grade(example: Example, rows: Path, predictions: str) -> dict[str, Any]:
    done = invoke(example, rows, predictions)
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_poisoned_instances_end_nothing_and_count(example: Example) -> None:
    row = example.instance.row
    rows = write_rows(
        example,
        row,
        row | {"instance_id": "tiny__calc-2", "base_commit": "0" * 40},
        row | {"instance_id": "tiny__calc-3"},
        row | {"instance_id": "tiny__calc-4"},
        "{broken",
        row | {"instance_id": "tiny__calc-6", "FAIL_TO_PASS": None},
    )
    file = example.mirrors.parent / "predictions.jsonl"
    patches = {"tiny__calc-1": FIX, "tiny__calc-2": FIX, "tiny__calc-3": ""}
    file.write_text(
        "".join(
            json.dumps({"instance_id": id, "model_name_or_path": "me/mine", "model_patch": patch}) + "\n"
            for id, patch in patches.items()
        )
    )

    found = grade(example, rows, str(file))

    assert found["resolved_ids"] == ["tiny__calc-1"]
    assert found["empty_patch_ids"] == ["tiny__calc-3"]
    assert found["incomplete_ids"] == ["tiny__calc-4"]
    assert found["error_ids"] == ["row-5", "tiny__calc-2", "tiny__calc-6"]
    assert (found["total_instances"], found["submitted_instances"], found["schema_version"]) == (6, 3, 2)
    out = example.mirrors.parent / "out"
    assert json.loads((out / "me__mine.sleepwright.json").read_text())["resolved_instances"] == 1
    assert (out / "logs/run_evaluation/sleepwright/me__mine/tiny__calc-1/report.json").exists()
    assert json.loads((out / "scores.json").read_text())["scores"]["row-5"] == 0.0


def test_gold_is_a_prediction(example: Example) -> None:
    found = grade(example, write_rows(example, example.instance.row), "gold")

    assert found["resolved_ids"] == ["tiny__calc-1"]
    assert grade(example, write_rows(example, example.instance.row), "gold") == found


def test_mirrors_may_belong_to_somebody_else(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # as git's own tests have it

    assert grade(example, write_rows(example, example.instance.row), "gold")["resolved_ids"] == ["tiny__calc-1"]


def test_a_mirror_that_is_no_repository_is_called_that(example: Example) -> None:
    shutil.rmtree(example.repository / ".git" / "refs")

    found = grade(example, write_rows(example, example.instance.row), "gold")

    assert "is not in a git repository" in found["failure_reasons"]["tiny__calc-1"]


@pytest.mark.parametrize("name", ["..", "m" * 201, "a\0b", "a\x1b[2Jb"])
def test_a_model_whose_name_can_be_none_of_a_folder_is_refused(example: Example, name: str) -> None:
    file = example.mirrors.parent / "predictions.jsonl"
    file.write_text(json.dumps({"instance_id": "tiny__calc-1", "model_name_or_path": name, "model_patch": FIX}))

    done = invoke(example, write_rows(example, example.instance.row), str(file))

    assert "model_name_or_path" in str(done.exception)
    assert not (example.mirrors.parent / "out").exists()


@pytest.mark.parametrize("predicts", [False, True])
def test_grades_of_another_model_do_not_mix_with_those_of_a_folder(example: Example, predicts: bool) -> None:
    rows, out = write_rows(example, example.instance.row), example.mirrors.parent / "out"
    mine = {"instance_id": "tiny__calc-1", "model_name_or_path": "mine", "model_patch": "\ud800"}
    (example.mirrors.parent / "mine.jsonl").write_text(json.dumps(mine))
    assert grade(example, rows, str(example.mirrors.parent / "mine.jsonl"))["error_ids"] == ["tiny__calc-1"]
    if predicts:
        (out / "predictions.jsonl").write_text(json.dumps(mine))

    assert "name another folder" in str(invoke(example, rows, "gold").exception)
    assert not list(out.glob("gold.*"))


def test_grades_do_not_go_into_the_folder_of_another_command(example: Example) -> None:
    out = example.mirrors.parent / "out"
    RunFolder.begin(out, RunConfig.of("localize", label="HEAD"))

    done = invoke(example, write_rows(example, example.instance.row), "gold")

    assert "holds another run of `eval localize`" in str(done.exception)


@pytest.mark.parametrize(
    ("environment", "name"),
    [({}, "embedded"), ({"BASE_URL": "http://127.0.0.1:9/v1"}, "served"), ({"MODEL": "a/b"}, "a--b")],
)
def test_predictions_bear_the_name_of_the_model_that_the_agent_asks(
    example: Example, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], name: str
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(f"SLEEPWRIGHT_{variable}", value)
    rows, out = write_rows(example, example.instance.row | {"base_commit": "0" * 40}), example.mirrors.parent / "out"
    options = ["--dataset", str(rows), "--repos", str(example.mirrors), "--env", "current", "--out", str(out)]

    CliRunner().invoke(evaluate, ["swe", "predict", *options], catch_exceptions=False)

    assert json.loads((out / "predictions.jsonl").read_text())["model_name_or_path"] == f"sleepwright-base-{name}"


def test_without_docker_the_harness_says_so(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    rows = write_rows(example, example.instance.row)
    options = ["--dataset", str(rows), "--repos", str(example.mirrors), "--out", str(rows.parent / "out")]

    done = CliRunner().invoke(evaluate, ["swe", "grade", "--predictions", "gold", "--harness", *options])

    assert "grade without --harness" in str(done.exception)


def test_an_interrupted_grading_does_not_wait_for_tests_that_hang(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    hidden = f"import time\n\n\ndef test_add():\n    open({str(begun)!r}, 'w').close()\n    time.sleep(600)\n"
    example = make_example(tmp_path, hidden=hidden)
    rows, out = write_rows(example, example.instance.row), tmp_path / "out"
    options = ["--dataset", str(rows), "--repos", str(example.mirrors), "--env", "current", "--out", str(out)]
    options += ["--predictions", "gold", "--sandbox", "none"]
    command = [sys.executable, "-m", "agent.cli", "eval", "swe", "grade", *options]
    with subprocess.Popen(command, cwd=HERE.parents[2], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not begun.exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(30) == 130
        finally:
            process.kill()


def test_a_killed_evaluation_goes_on_where_it_was(example: Example) -> None:
    folder = example.mirrors.parent
    row = example.instance.row
    write_rows(example, *(row | {"instance_id": f"tiny__calc-{number}"} for number in range(1, 4)))
    agent = folder / "agent.py"
    # The second time that it is asked it hangs, until somebody removes the file.
    agent.write_text(
        "import json, os, pathlib, sys, time\n"
        f"calls = pathlib.Path({str(folder / 'calls')!r})\n"
        "repository = sys.argv[sys.argv.index('--repo') + 1]\n"
        "with calls.open('a') as file: file.write(repository + '\\n')\n"
        f"hang = pathlib.Path({str(folder / 'hang')!r})\n"
        "while pathlib.Path(repository).parent.name.endswith('-2') and hang.exists(): time.sleep(0.05)\n"
        f"print({json.dumps(json.dumps(ANSWER))})\n"
    )
    (folder / "hang").touch()
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, ''); import runpy; "
               "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')",
               str(HERE / "killed_evaluation.py"), str(folder), str(agent)]  # fmt: skip
    root = HERE.parents[2]
    process = subprocess.Popen(command, cwd=root, env=dict(os.environ))
    deadline = time.monotonic() + 120
    while not (folder / "calls").exists() or len((folder / "calls").read_text().split()) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len((folder / "out" / "samples.jsonl").read_text().splitlines()) == 1
    (folder / "hang").unlink()

    subprocess.run(command, cwd=root, env=dict(os.environ), check=True)

    asked = [Path(line).parent.name for line in (folder / "calls").read_text().split()]
    assert asked == ["tiny__calc-1", "tiny__calc-2", "tiny__calc-2", "tiny__calc-3"]
    rows = [json.loads(line) for line in (folder / "out" / "predictions.jsonl").read_text().splitlines()]
    assert [row["instance_id"] for row in rows] == ["tiny__calc-1", "tiny__calc-2", "tiny__calc-3"]
    assert all(row.keys() == {"instance_id", "model_name_or_path", "model_patch"} for row in rows)
