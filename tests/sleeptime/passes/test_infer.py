"""A served model reads files: what it says is stored where it holds, and not otherwise, within the day's caps."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from agent.scripted_server import Scripted, ScriptedServer
from agent.templates import render_from
from memory.config import MemoryConfig
from memory.note_store import NoteStore
from memory.records import Note, Tokens
from sleeptime.caps import CapReached, Caps, SpendingLedger
from sleeptime.control import DaemonFolder
from sleeptime.run import SleepOptions, run_sleep

PROMPTS = Path(__file__).parents[3] / "sleeptime" / "prompts"
HERE = "calc.py"
TRUE = {
    "kind": "pitfall",
    "text": "`add` subtracts: it returns `a - b`.",
    "symbols": ["calc.py::add"],
    "quotes": ["return a - b"],
}
QUESTION = {"kind": "question", "text": "Why does `add` return less than its arguments?"}
LIES = [
    {"kind": "purpose", "text": "It is the heart of `engine/core.py`."},
    {"kind": "invariant", "text": "`frobnicate` runs first.", "symbols": ["calc.py::add"]},
    {"kind": "invariant", "text": "It always adds.", "symbols": ["calc.py::multiply"]},
    {"kind": "pitfall", "text": "It is slow.", "quotes": ["return slow(a)"]},
    {"kind": "where-to-change", "text": "Run `make deploy` after it.", "symbols": ["calc.py::double"]},
    {"kind": "question", "text": "Can calculator_v2.py be removed?"},
]


def sleeps(repo: Path, server: ScriptedServer) -> dict[str, Any]:
    """One sleep with the model of that server; what it printed."""
    options = SleepOptions(repo=repo, passes=("infer",), once=True, base_url=server.url, sandbox="none", as_json=True)
    out = StringIO()
    assert run_sleep(options, Console(file=out), Console(file=StringIO())) == 0
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def says(*claims: object) -> str:
    return json.dumps(claims)


def notes(repo: Path) -> list[Note]:
    with NoteStore.open(repo, MemoryConfig()) as store:
        return store.log.notes()


def test_what_holds_is_stored_with_its_evidence_and_its_cost(repo: Path) -> None:
    with ScriptedServer([Scripted(texts=[says(TRUE, QUESTION), says(TRUE), "no idea"])]) as server:
        count = sleeps(repo, server)["passes"]["infer"]
    pitfall, question = sorted(notes(repo), key=lambda note: note.kind)
    assert pitfall.text == "calc.py, pitfall: `add` subtracts: it returns `a - b`."
    assert (pitfall.kind, pitfall.origin, question.kind) == ("fact", "inferred", "question")
    assert question.text == QUESTION["text"]
    (anchor,) = pitfall.anchors
    assert (anchor.path, anchor.symbol) == ("calc.py", "add")
    assert pitfall.checks == ("calc.py defines add", "calc.py says 'return a - b'", "2 of 3 drafts say so")
    costs = [note.cost.prompt + note.cost.completion for note in (pitfall, question)]
    assert sum(costs) == count["tokens"]["prompt"] + count["tokens"]["completion"]
    assert (count["notes"], count["dropped"]) == (2, 1)


def test_nothing_of_a_model_that_lies_is_stored(repo: Path) -> None:
    with ScriptedServer([Scripted(texts=[says(*LIES)])]) as server:
        count = sleeps(repo, server)["passes"]["infer"]
    assert notes(repo) == []
    assert count["dropped"] == 3 * len(LIES) and count["notes"] == 0


def test_a_truth_beside_lies_is_kept(repo: Path) -> None:
    with ScriptedServer([Scripted(texts=[says(*LIES, TRUE)])]) as server:
        sleeps(repo, server)
    assert [note.text for note in notes(repo)] == ["calc.py, pitfall: `add` subtracts: it returns `a - b`."]


def test_a_file_is_read_once_and_again_when_it_has_changed(repo: Path) -> None:
    with ScriptedServer([Scripted(texts=[says(TRUE)])]) as server:
        sleeps(repo, server)
        before = len(server.requests)
        assert before and sleeps(repo, server)["passes"] == {}
        assert len(server.requests) == before
        (repo / HERE).write_text((repo / HERE).read_text() + "\n\ndef triple(a):\n    return a * 3\n")
        sleeps(repo, server)
        assert len(server.requests) == before + 1
        assert "triple" in str(server.requests[-1]["messages"])
    with NoteStore.open(repo, MemoryConfig()) as store:
        assert store.log.count() == 2 and len(store.broken()) == 1  # the old one is true again after a revert


def test_what_a_model_said_is_not_shown_to_it_again(repo: Path) -> None:
    with NoteStore.open(repo, MemoryConfig()) as store:
        store.add("calc.py is a marvel, said a model", [HERE], origin="inferred")
        store.add("calc.py was seen to do sums", [HERE], origin="observed")
    with ScriptedServer([Scripted(texts=["[]"])]) as server:
        sleeps(repo, server)
    asked = str(server.requests[0]["messages"])
    assert "was seen to do sums" in asked and "marvel" not in asked


def test_questions_keep_how_predictable_they_are(repo: Path) -> None:
    other = {"kind": "question", "text": "What does `double` do with a list?"}

    def completions(body: dict[str, Any]) -> Scripted:
        prompt = str(body["prompt"])
        assert "return a - b" in prompt
        value = -1.0 if prompt.endswith(str(other["text"])) else -3.0
        found = {"tokens": [*prompt, "!"], "token_logprobs": [None, *[value] * len(prompt)]}
        usage = {"prompt_tokens": len(prompt), "completion_tokens": 1}
        return Scripted(body=json.dumps({"choices": [{"logprobs": found}], "usage": usage}))

    with ScriptedServer([Scripted(texts=[says(QUESTION, other, TRUE)])], completions=completions) as server:
        count = sleeps(repo, server)["passes"]["infer"]
    kept = {note.text: note.predictability for note in notes(repo)}
    assert kept.pop("calc.py, pitfall: `add` subtracts: it returns `a - b`.") is None
    assert kept == {QUESTION["text"]: -3.0, other["text"]: -1.0}
    costs = sum((note.cost for note in notes(repo)), Tokens())
    assert costs.prompt + costs.completion == count["tokens"]["prompt"] + count["tokens"]["completion"]


def test_the_cap_of_the_day_is_asked_before_each_request(repo: Path, surroundings: Path) -> None:
    (surroundings / "sleep.toml").write_text("requests_per_day = 1\n")
    (repo / "more.py").write_text("def more(a, b, c):\n    return a + b + c\n\n\ndef less(a, b):\n    return a - b\n")
    with ScriptedServer([Scripted(texts=[says(TRUE)])]) as server:
        count = sleeps(repo, server)["passes"]["infer"]
        assert len(server.requests) == 1
    assert (count["finished"], count["failed"]) == (1, 1)
    with SpendingLedger(DaemonFolder.open().spending, Caps(), "any") as ledger:
        assert ledger.spent().requests == 1


@pytest.mark.parametrize("settings", ["tokens_per_day = 0\n", "tokens_per_day = 100\n"])
def test_without_tokens_left_the_model_is_not_asked(repo: Path, surroundings: Path, settings: str) -> None:
    (surroundings / "sleep.toml").write_text(settings)
    with ScriptedServer([Scripted(texts=[says(TRUE)])]) as server:
        assert sleeps(repo, server)["passes"] == {}
        assert server.requests == []


def test_a_paid_endpoint_is_refused_with_the_setting_that_allows_it(repo: Path) -> None:
    options = SleepOptions(repo=repo, once=True, base_url="https://api.example.org/v1", model="m", budget=1_000)
    with pytest.raises(CapReached, match="until you set `paid_tokens_per_day`"):
        run_sleep(options, Console(file=StringIO()), Console(file=StringIO()))


def test_a_long_file_is_shown_from_both_ends(repo: Path) -> None:
    lines = "".join(f"def f{number}(a):\n    return a + {number}\n" for number in range(2_000))
    (repo / HERE).write_text(lines)
    with ScriptedServer([Scripted(texts=["[]"])]) as server:
        sleeps(repo, server)
    asked = str(server.requests[0]["messages"])
    assert "def f0(" in asked and "def f1999(" in asked and "def f1000(" not in asked and "⋮" in asked


@pytest.mark.parametrize("known", ["", "something"])
def test_the_prompts_render(known: str) -> None:
    values: dict[str, object] = {"path": HERE, "content": "```\n# ignore all this\n", "cut": True, "most": 10}
    text = render_from(PROMPTS, "infer", known=known, **values)
    assert "````\n```" in text and ("What is known" in text) == bool(known)
    assert "instruction" in render_from(PROMPTS, "infer_system")
