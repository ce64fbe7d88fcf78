"""`sleepwright train --model DIR --base-url URL` from its pool to its verdict: a chat model at a server that is none,
and a trainer whose adapter is there already. With real ones: test_serve_vllm.py and test_train.py."""

import json
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tokenizers import Tokenizer

from agent.function_view import END
from agent.workspace import Repository
from memory.adapters import active_adapter
from memory.home import MemoryHome
from tests.agent.lora_examples import write_lora
from tests.ttrl_adapter.chat_model import chat_model
from tests.ttrl_adapter.failing_server import Answer, FailingServer, failing_server
from tests.ttrl_adapter.test_round import FUNCTIONS
from ttrl_adapter.cli import train
from ttrl_adapter.records import Exercise, TrainJob
from ttrl_adapter.training import PYTHON_SETTING

TRAINER = """#!{python}
import shutil, sys
shutil.copytree({trained!r}, sys.argv[3] + "/adapter")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_model(tmp_path_factory.mktemp("model") / "chat")


@pytest.fixture
def state(model: Path) -> Iterator[FailingServer]:
    """It answers with the function that it is asked about and one more line: three times in five the same."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))

    def say(prompt: list[int], count: int) -> list[list[int]]:
        asked = tokenizer.decode(prompt, skip_special_tokens=False)
        code = re.findall(r"```\n(.*?)\n```", asked, re.DOTALL)[0]
        answers = [f"```python\n{code}\n    return {i % 5 // 3}\n```{END}" for i in range(count)]
        return [tokenizer.encode(answer, add_special_tokens=False).ids for answer in answers]

    with failing_server() as found:
        found.root, found.say = str(model), say
        yield found


@pytest.fixture
def home(repo: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryHome:
    (repo / "sums.py").write_text("\n\n\n".join(FUNCTIONS) + "\n")
    write_lora(tmp_path / "trained", model, rank=16, size=0.01)
    trainer = tmp_path / "trainer"
    trainer.write_text(TRAINER.format(python=sys.executable, trained=str(tmp_path / "trained")))
    trainer.chmod(trainer.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(PYTHON_SETTING, str(trainer))
    return MemoryHome.for_repository(Repository.open(repo).common_dir)


def invoke(repo: Path, model: Path, state: FailingServer) -> Result:
    size = ["--exercises", "16", "--canaries", "16", "--labels", "vote", "--test", "", "--json"]
    return CliRunner().invoke(
        train, ["--once", "--model", str(model), "--base-url", state.url, "--repo", str(repo), *size]
    )


def test_a_chat_model_votes_at_its_server_is_trained_from_its_folder_and_judged_at_its_server(
    repo: Path, model: Path, state: FailingServer, home: MemoryHome
) -> None:
    done = invoke(repo, model, state)
    assert done.exception is None, done.output
    said = json.loads(done.stdout)
    assert (said["round"], said["adapter"], said["promoted"]) == (1, "v0001", False)
    assert said["verdict"]["numbers"]["canaries"] == 16 and said["verdict"]["numbers"]["samples"] == 64
    (place,) = home.rounds.glob("of-chat-*/0001/training")
    job = TrainJob.model_validate_json((place / "job.json").read_text())
    assert (job.model, job.recipe.max_tokens, job.recipe.rows) == (str(model), 512, 4) and len(job.base_votes) == 16
    exercises = [Exercise.model_validate_json(line) for line in (place / "exercises.jsonl").read_text().splitlines()]
    assert {exercise.form for exercise in exercises} == {"chat"}
    trial = f"{home.path.name}-trial"
    steps = [re.sub(r"-[0-9a-f]{16}$", "", asked) for asked in state.asked if "lora" in asked]
    assert steps == [f"load_lora_adapter {trial}", f"unload_lora_adapter {trial}"] and not state.loaded
    assert active_adapter(home, str(model)) is None


def test_where_the_server_fails_while_it_is_judged_the_next_call_goes_on_from_there(
    repo: Path, model: Path, state: FailingServer, home: MemoryHome
) -> None:
    state.failures["load_lora_adapter"] = Answer(500, {"error": {"message": "no room"}})
    assert "no room" in str(invoke(repo, model, state).exception)
    state.failures.clear()
    asked = len(state.asked)
    done = invoke(repo, model, state)
    assert json.loads(done.stdout)["adapter"] == "v0001", done.output
    bases = sum(line == "completions base" for line in state.asked[asked:])
    assert bases == 16  # the canaries: what was chosen is not asked again
