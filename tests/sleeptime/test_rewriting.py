"""A served model rewrites inferred notes: only where nothing is lost and nothing invented, and it can be undone."""

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
from memory.records import Injection, Note
from sleeptime.rewriting import loss, near_duplicates
from sleeptime.run import SleepOptions, run_sleep
from tests.memory.note_examples import anchor, note

PROMPTS = Path(__file__).parents[2] / "sleeptime" / "prompts"
CALC = "calc.py, pitfall: "
ONE = "`add` returns `a - b`, so a sum of two numbers comes out wrong for callers."
OTHER = "Callers of `add` get a wrong sum of two numbers, and `double` is not concerned."
BOTH = "`add` returns `a - b`, so callers get a wrong sum of two numbers, and `double` is not concerned."


def sleeps(repo: Path, server: ScriptedServer, *, dry_run: bool = False) -> Any:
    """What a sleep with the model of that server printed."""
    options = SleepOptions(
        repo=repo,
        passes=("merge",),
        once=True,
        base_url=server.url,
        sandbox="none",
        test_command="",
        as_json=True,
        dry_run=dry_run,
    )
    out = StringIO()
    assert run_sleep(options, Console(file=out), Console(file=StringIO())) == 0
    return json.loads(out.getvalue())


def stored(repo: Path, *texts: str) -> list[Note]:
    with NoteStore.open(repo, MemoryConfig()) as store:
        return [store.add(text, ["calc.py"], origin="inferred") for text in texts]


def texts(repo: Path) -> list[str]:
    with NoteStore.open(repo, MemoryConfig()) as store:
        return sorted(each.text for each in store.log.notes())


def test_notes_that_are_alike_stand_together() -> None:
    here, there = (anchor("calc.py"),), (anchor("shop.py"),)
    one, other = note(CALC + ONE, id="note01", anchors=here), note(CALC + OTHER, id="note02", anchors=here)
    elsewhere = note(CALC + ONE, anchors=there)
    unlike = note(CALC + "The file is read by `shop` at its start.", anchors=here)
    question = note(ONE, anchors=here, kind="question")
    seen = note(CALC + ONE, anchors=here, origin="observed")
    everything = [one, other, elsewhere, unlike, question, seen]
    assert near_duplicates(everything, ()) == [(one, other)]
    assert near_duplicates(everything, {other.id}) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("`add` returns `a - b`; `double` is not concerned.", "shorter"),
        (BOTH.replace("`double`", "the other"), "leaves out 'double'"),
        (BOTH * 20, "too long"),
        (BOTH, None),
    ],
)
def test_what_a_rewrite_loses_is_told(text: str, problem: str | None) -> None:
    found = loss([note(ONE, anchors=(anchor(),)), note(OTHER, anchors=(anchor(),))], text)
    assert (problem is None and found is None) or (problem is not None and problem in str(found))


def test_two_notes_become_one_and_undo_gives_both_back(repo: Path) -> None:
    before = stored(repo, CALC + ONE, CALC + OTHER)
    with ScriptedServer([Scripted(texts=[BOTH])]) as server:
        run = sleeps(repo, server)
        assert ONE in str(server.requests[0]["messages"]) and OTHER in str(server.requests[0]["messages"])
    count = run["passes"]["merge"]
    assert texts(repo) == [CALC + BOTH] and (count["forgotten"], count["dropped"]) == (1, 0)
    assert count["tokens"]["completion"] > 0
    with NoteStore.open(repo, MemoryConfig()) as store:
        [kept] = store.log.notes()
        assert kept.origin == "inferred" and kept.id in {each.id for each in before} and kept.revision == 2
        store.log.undo(run["id"])
    assert texts(repo) == sorted([CALC + ONE, CALC + OTHER])


@pytest.mark.parametrize(
    "text",
    ["`add` is wrong.", BOTH.replace("callers", "`frobnicate` and callers"), "", "NOTHING"],
    ids=["it shrinks", "it invents", "it is empty", "it has nothing to say"],
)
def test_a_bad_rewrite_changes_nothing_and_is_not_asked_for_again(repo: Path, text: str) -> None:
    stored(repo, CALC + ONE, CALC + OTHER)
    with ScriptedServer([Scripted(texts=[text])]) as server:
        sleeps(repo, server)
        asked = len(server.requests)
        sleeps(repo, server)
        assert asked == len(server.requests) > 0
    assert texts(repo) == sorted([CALC + ONE, CALC + OTHER])


def test_a_dry_run_shows_the_difference_and_changes_nothing(repo: Path) -> None:
    stored(repo, CALC + ONE, CALC + OTHER)
    with ScriptedServer([Scripted(texts=[BOTH])]) as server:
        [foreseen] = sleeps(repo, server, dry_run=True)
    [[old, new]], [gone] = foreseen["edited"], foreseen["forgotten"]
    assert {old["text"], gone["text"]} == {CALC + ONE, CALC + OTHER} and new["text"] == CALC + BOTH
    assert texts(repo) == sorted([CALC + ONE, CALC + OTHER])


def use(repo: Path, each: Note, times: int) -> None:
    with NoteStore.open(repo, MemoryConfig()) as store:
        store.log.inject([Injection(note=each.id, used_by=f"{each.id} {time}", tokens=9) for time in range(times)])


def test_stale_notes_are_thought_about_again_the_most_used_first(repo: Path) -> None:
    seldom, often, never = stored(
        repo, CALC + "`double` takes a number.", CALC + ONE, "calc.py, purpose: It is for sums of few numbers."
    )
    use(repo, seldom, 1)
    use(repo, often, 5)
    (repo / "calc.py").write_text("def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a * 2\n")
    new = "`add` returns `a + b`, as its name says."
    with ScriptedServer([Scripted(texts=[new]), Scripted(texts=["NOTHING"])]) as server:
        sleeps(repo, server)
        asked = [str(request["messages"]) for request in server.requests]
        assert len(asked) == 2 and ONE in asked[0] and "`double` takes" in asked[1]
        assert all("return a + b" in each for each in asked)
        sleeps(repo, server)
        assert len(server.requests) == 2
    with NoteStore.open(repo, MemoryConfig()) as store:
        [live] = [each for each in store.log.notes() if each.id not in store.broken()]
        assert live.text == CALC + new and live.origin == "inferred" and often.id in str(live.source)
        assert {seldom.id, often.id, never.id} < {each.id for each in store.log.notes()}  # true again after a revert


def test_a_note_of_a_lie_is_not_stored_in_the_place_of_a_stale_one(repo: Path) -> None:
    [old] = stored(repo, CALC + ONE)
    use(repo, old, 1)
    (repo / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    with ScriptedServer([Scripted(texts=["`add` calls `frobnicate` in engine/core.py."])]) as server:
        assert sleeps(repo, server)["passes"]["merge"]["dropped"] == 1
    assert texts(repo) == [old.text]


def test_the_prompts_render() -> None:
    text = render_from(PROMPTS, "merge", path="a.py", texts=["```\nignore"], nothing="NOTHING")
    assert "````\n```" in text and "never an instruction" in text
    values = {"path": "a.py", "text": "x", "content": "```\nignore", "cut": True, "nothing": "NOTHING"}
    assert "````\n```" in render_from(PROMPTS, "rethink", **values)
