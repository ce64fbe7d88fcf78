"""Predictions: what the agent is given, what it says, and what may go wrong. A script stands in for the agent."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from evals.swe.mirrors import Mirrors
from evals.swe.predict import Asking, Prediction, predict
from memory.adapters import Stored
from memory.records import Adapter
from tests.evals.swe.examples import FIX, Example, make_example

ANSWER: dict[str, Any] = {
    "status": "passed",
    "patch": FIX,
    "candidates": [{}, {}],
    "vote": {"votes": 2},
    "tokens": {"prompt": 10, "completion": 5, "calls": 1},
    "notes": ["n1"],
    "adapter": None,
    "cost": 0.25,
}
SLEEP = {"passes": {"survey": {"notes": 3, "tokens": {"prompt": 7, "completion": 1, "calls": 1}}}}


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return make_example(tmp_path, test_cmd="python -m pytest -q")


def ask(example: Example, body: str, **more: Any) -> Prediction:
    """With a script in the agent's place that writes down what it sees."""
    folder = example.mirrors.parent
    script = folder / "agent.py"
    script.write_text(
        "import json, os, pathlib, subprocess, sys\n"
        "def option(name): return sys.argv[sys.argv.index(name) + 1]\n"
        "repository = pathlib.Path(option('--repo'))\n"
        f"seen = pathlib.Path({str(folder)!r}) / f'seen-{{sys.argv[1]}}'\n"
        "log = subprocess.run(['git', 'log', '--all', '--format=%s'], cwd=repository, capture_output=True, text=True)\n"
        "about = {'arguments': sys.argv[1:], 'stdin': sys.stdin.read(), 'log': log.stdout,\n"
        "         'home': os.environ['SLEEPWRIGHT_HOME'], 'hidden': os.environ['SLEEPWRIGHT_HIDE'].split(':'),\n"
        "         'files': sorted(p.name for p in repository.iterdir())}\n"
        f"seen.write_text(json.dumps(about))\n{body}\n"
    )
    asking = Asking(
        arm=more.pop("arm", "base"),
        mirrors=Mirrors(example.mirrors),
        environments=folder / "environments",
        kind="current",
        scratch=folder / "scratch",
        command=(sys.executable, str(script)),
        **more,
    )
    return predict(example.instance, asking)


def seen(example: Example, command: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((example.mirrors.parent / f"seen-{command}").read_text())
    return found


SAYS = f"print({json.dumps(json.dumps(ANSWER))})"
SLEEPS = f"print({json.dumps(json.dumps(SLEEP))} if sys.argv[1] == 'sleep' else {json.dumps(json.dumps(ANSWER))})"


def test_a_prediction_is_what_the_agent_says(example: Example) -> None:
    made = ask(example, SAYS)

    assert (made.status, made.patch, made.candidates, made.votes) == ("passed", FIX, 2, 2)
    assert (made.tokens.prompt, made.dollars, made.notes, made.slept) == (10, 0.25, ("n1",), None)


def test_the_agent_gets_the_problem_the_history_up_to_the_base_and_no_hidden_test(example: Example) -> None:
    ask(example, SAYS, options=("--seed", "3"))

    found = seen(example, "run")
    assert found["stdin"] == example.instance.problem_statement
    assert found["log"] == "first\n"
    assert found["files"] == [".git", "calc.py", "pyproject.toml", "tests"]
    arguments = " ".join(found["arguments"])
    assert "--json --no-apply" in arguments and "--seed 3" in arguments
    assert "-m pytest -q" in arguments and "test_calc" not in arguments


def test_where_answers_are_is_hidden_from_the_commands_of_the_agent(example: Example, tmp_path: Path) -> None:
    ask(example, SLEEPS, arm="notes", hidden=(tmp_path / "rows.jsonl",))

    assert seen(example, "run")["hidden"] == [str(example.repository), str(tmp_path / "rows.jsonl")]
    assert seen(example, "sleep")["hidden"] == seen(example, "run")["hidden"]


def test_the_notes_arm_sleeps_first_with_the_same_memory_and_budget(example: Example) -> None:
    made = ask(example, SLEEPS, arm="notes", sleep_options=("--budget", "9"))

    assert made.slept and (made.slept.notes, made.slept.tokens.prompt) == (3, 7)
    assert seen(example, "sleep")["home"] == seen(example, "run")["home"]
    assert "--once" in seen(example, "sleep")["arguments"]
    base = ask(example, SLEEPS)
    assert base.slept is None


# An agent that makes its memory, as the real one does, and says which adapter is there.
ADAPTED = f"""
home = pathlib.Path(os.environ["SLEEPWRIGHT_HOME"]) / "calc-1"
home.mkdir(parents=True, exist_ok=True)
lines = [json.loads(line) for line in open(home / "adapters" / "history.jsonl")] if (home / "adapters").exists() else []
active = [line["active"] for line in lines if (home / "adapters" / line["active"] / "adapter.json").exists()]
print(json.dumps(dict({ANSWER!r}, adapter=active[-1] if active else None)))
"""


def stored_adapter(folder: Path) -> Stored:
    record = Adapter(id="v0007", base="embedded", base_hash="b", weights_hash="w", rank=4)
    (folder / "v0007").mkdir(parents=True)
    (folder / "v0007" / "adapter.json").write_text(record.model_dump_json())
    return Stored(folder / "v0007", record)


def test_the_adapter_arm_brings_the_adapter_into_the_memory(example: Example, tmp_path: Path) -> None:
    made = ask(example, ADAPTED, arm="adapter", adapter=stored_adapter(tmp_path / "adapters"))

    assert (made.adapter, made.problem) == ("v0007", "")
    assert ask(example, ADAPTED).adapter is None


def test_an_agent_that_does_not_use_the_adapter_is_an_error(example: Example, tmp_path: Path) -> None:
    forgets = ADAPTED.replace("active[-1] if active else None", "None")
    made = ask(example, forgets, arm="adapter", adapter=stored_adapter(tmp_path / "adapters"))

    assert made.status == "error" and "did not use the adapter v0007" in made.problem


def test_a_sleep_that_fails_says_why_in_a_sentence(example: Example) -> None:
    made = ask(example, "print(json.dumps({'status': 'error', 'error': 'no room'})); sys.exit(2)", arm="notes")

    assert made.problem == "The sleep on tiny__calc-1 failed: no room"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('print(\'{"status": "error", "error": "no model"}\'); sys.exit(3)', "no model"),
        ("sys.exit('it broke')", "exit code 1: it broke"),
        ("print('{}')", "KeyError"),
    ],
)
def test_an_agent_that_fails_is_an_error_with_its_reason(example: Example, body: str, problem: str) -> None:
    made = ask(example, body)

    assert made.status == "error" and problem in made.problem


def test_a_missing_commit_is_an_error(tmp_path: Path) -> None:
    assert "has no commit" in ask(make_example(tmp_path, base_commit="0" * 40), SAYS).problem


def test_nothing_is_left_behind(example: Example) -> None:
    ask(example, SAYS)

    assert list((example.mirrors.parent / "scratch").iterdir()) == []
