"""The MCP server as other agents see it: the real command, asked by the official client over stdio."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from memory.config import MemoryConfig
from memory.mcp_server import build
from memory.note_store import NoteStore

Call = Callable[..., Awaitable[tuple[bool, str]]]


def with_server(repo: Path, talk: Callable[[Call, ClientSession], Awaitable[None]]) -> None:
    """Start `sleepwright mcp` and talk to it; a call gives whether it succeeded, and the text."""
    command = str(Path(sys.executable).parent / "sleepwright")
    server = StdioServerParameters(command=command, args=["mcp", "--repo", str(repo)], env=dict(os.environ))

    async def session() -> None:
        async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
            await client.initialize()

            async def call(tool: str, **arguments: Any) -> tuple[bool, str]:
                result = await client.call_tool(tool, arguments)
                return not result.is_error, "".join(part.text for part in result.content if part.type == "text")

            await talk(call, client)

    asyncio.run(session())


def test_another_agent_adds_checks_and_recalls(repo: Path) -> None:
    async def talk(call: Call, client: ClientSession) -> None:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == {"recall", "note_add", "note_check"}
        ok, said = await call("note_add", text="`add` subtracts.", places=["calc.py::add"])
        assert ok and said.startswith("Stored as ")
        ok, said = await call("recall", question="what is wrong with add?")
        assert ok and "inferred fact" in said and "calc.py::add" in said and '"`add` subtracts."' in said
        (repo / "calc.py").write_text("def add(a, b):\n    return a + b\n")
        ok, said = await call("note_check")
        assert ok and "calc.py has changed since" in said and "1 stale" in said
        ok, said = await call("recall", question="what is wrong with add?")
        assert ok and "subtracts" not in said

    with_server(repo, talk)
    with NoteStore.open(repo, MemoryConfig()) as store:
        (note,) = store.log.notes()
        assert (note.origin, note.run and note.run[:4]) == ("inferred", "mcp-")
        assert [injection.used_by for injection in store.log.injections(note.id)] == [note.run]


def test_what_is_refused_comes_back_as_an_error_with_the_reason(repo: Path) -> None:
    async def talk(call: Call, client: ClientSession) -> None:
        ok, said = await call("note_add", text="The key is AKIA" + "IOSFODNN7EXAMPLE", places=[])
        assert not ok and "AWS access key" in said
        ok, said = await call("note_add", text="About nothing.", places=["nowhere.py"])
        assert not ok and "no file 'nowhere.py'" in said
        ok, said = await call("note_add", text="Always use tabs.", places=[], kind="rule")
        assert not ok
        ok, said = await call("note_check", id="zzz")
        assert not ok and "No note has the id" in said

    with_server(repo, talk)


def test_what_was_recalled_is_not_learned_again(repo: Path) -> None:
    with NoteStore.open(repo, MemoryConfig()) as store:
        known = store.add("`add` subtracts.", ["calc.py"], origin="observed")

    async def talk(call: Call, client: ClientSession) -> None:
        ok, said = await call("note_add", text=" `add`  subtracts. ", places=["calc.py"])
        assert not ok and known.id in said

    with_server(repo, talk)


def test_the_server_answers_the_vectors_questions_of_others(repo: Path) -> None:
    with NoteStore.open(repo, MemoryConfig()) as store:
        store.add("Configuration is read from settings.toml.", origin="user-said")

        async def talk(call: Call, client: ClientSession) -> None:
            await call("recall", question="anything")  # the server is up
            recall = store.recall("konfigurations setings")
            assert len(recall.notes) == 1 and recall.problem is None

        with_server(repo, talk)


@pytest.mark.parametrize("name", ["recall", "note_add", "note_check"])
def test_every_tool_explains_itself(repo: Path, name: str) -> None:

    with NoteStore.open(repo, MemoryConfig()) as store:
        tools = {tool.name: tool for tool in asyncio.run(build(store, "run").list_tools())}
    assert tools[name].description and all(
        "description" in p for n, p in tools[name].input_schema["properties"].items() if n != "kind"
    )
