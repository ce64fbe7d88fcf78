"""The SWE-Features protocol: which commits are questions, what counts, and a run against a scripted endpoint."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.scripted_server import Body, Scripted, ScriptedServer, call
from evals.cli import evaluate
from evals.errors import DatasetError
from evals.features import f1, modified_paths, own_features
from evals.run_folder import RunFolder

FILES = ("shop.py", "stock.py", "prices.py", "cli.py")


def git(repo: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True)


def commit(repo: Path, message: str, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (repo / name).write_text(text)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", message)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    repo = tmp_path / "history"
    repo.mkdir()
    git(repo, "init", "--quiet")
    commit(repo, "Begin the shop", dict.fromkeys(FILES, "x = 1\n"))
    commit(repo, "Count the stock everywhere", dict.fromkeys(FILES[:3], "x = 2\n"))
    commit(repo, "Fix one thing in prices", {"prices.py": "x = 3\n"})
    commit(repo, "Show discounts in shop and prices", dict.fromkeys(FILES[1:], "x = 4\n") | {"new.py": "y = 1\n"})
    return repo


def test_a_question_is_a_commit_of_several_files_after_another_such(history: Path) -> None:
    (feature,) = own_features(history, 5)
    assert feature.request == "Show discounts in shop and prices"
    assert feature.right == ("cli.py", "prices.py", "stock.py")  # what it added does not count
    assert len(feature.siblings) == 1


def test_a_history_without_such_commits_says_so(repo: Path) -> None:
    with pytest.raises(DatasetError, match="No commit of"):
        own_features(repo, 5)


@pytest.mark.parametrize(
    ("touched", "score"), [((), 0.0), (("a",), 0.5), (("a", "b", "c"), 1.0), (("a", "x"), 0.4), (("x",), 0.0)]
)
def test_f1_of_the_files(touched: tuple[str, ...], score: float) -> None:
    assert f1(touched, ("a", "b", "c")) == pytest.approx(score)


def test_only_modified_files_of_a_patch_count() -> None:
    patch = "--- a/a.py\n+++ b/a.py\n--- /dev/null\n+++ b/new.py\n--- a/gone.py\n+++ /dev/null\n"
    assert modified_paths(patch) == ("a.py",)


class Script:
    """Edits one file where it was not told of the stock, and two where a note says so."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def __call__(self, body: Body) -> Scripted:
        texts = [message.get("content") or "" for message in body["messages"]]
        if "Write a note" in texts[-1]:
            return Scripted(("Show discounts: stock.py and prices.py go together.",))
        if len(texts) == 2:
            self.prompts.append(texts[1])
        done = sum(message["role"] == "tool" for message in body["messages"])
        wanted = ["stock.py", "prices.py"] if "go together" in texts[1] else ["stock.py"]
        if done < len(wanted):
            return Scripted(("",), calls=[call("write", {"path": wanted[done], "content": "x = 5\n"})])
        return Scripted(("",), calls=[call("submit", {"summary": "done"})])


def test_a_run_with_a_served_model_leaves_its_folder(history: Path, tmp_path: Path) -> None:
    script = Script()
    with ScriptedServer(script) as server:
        command = ["sleep", "--suite", "features", "--repo", str(history), "--base-url", server.url]
        more = ["--steps", "1", "--steps", "6", "--sandbox", "none", "--out", str(tmp_path / "run")]
        done = CliRunner().invoke(evaluate, [*command, *more])
    assert done.exit_code == 0, done.output
    folder = RunFolder.open(tmp_path / "run")
    trials = {(trial["arm"], trial["budget"]): trial for trial in folder.read_samples()}
    assert trials["without", 6]["touched"] == ["stock.py"] and trials["without", 6]["score"] == 0.5
    assert sorted(trials["with", 6]["touched"]) == ["prices.py", "stock.py"] and trials["with", 6]["score"] == 0.8
    assert trials["with", 1]["touched"] == ["stock.py"]  # the cap came first
    assert [each["notes"] for each in folder.read_samples("sleeps")] == [1]
    without, with_sleep = script.prompts[0], script.prompts[-1]
    assert "Count the stock everywhere" in without and "Count the stock everywhere" not in with_sleep
    assert all("new.py" not in prompt for prompt in script.prompts)
