"""Calls of tools through the model client: what is sent, and every way in which endpoints send them back."""

from typing import Any

import pytest

from agent.chat import Message, ToolCall
from agent.chat_stream import ChatStream
from agent.errors import ToolsRefused
from agent.listening import Patience
from agent.openai_model import OpenAIModel
from agent.scripted_server import Body, Scripted, ScriptedServer, call, error

QUESTION = [Message("user", "What is here?")]
TOOLS = [{"type": "function", "function": {"name": "bash", "parameters": {"type": "object", "properties": {}}}}]
HASTY = Patience(connect=2, first_token=2, stall=2, retries=0, backoff=0.01)
LS = ToolCall("call_1", "bash", '{"command": "ls"}')


def calls(answer: Scripted) -> tuple[ToolCall, ...]:
    with ScriptedServer([answer]) as server, OpenAIModel("scripted", server.url, patience=HASTY) as model:
        (reply,) = model.sample(QUESTION, tools=TOOLS)
        return reply.calls


@pytest.mark.parametrize("ignores_stream", [False, True])
def test_calls_come_back_as_they_were_sent(ignores_stream: bool) -> None:
    sent = [call("bash", {"command": "ls"}), call("read", {"path": "a.py"}, "call_2")]
    answer = Scripted(("Let me see.",), calls=sent, finish="tool_calls", ignores_stream=ignores_stream)
    assert calls(answer) == (LS, ToolCall("call_2", "read", '{"path": "a.py"}'))


def test_arguments_that_are_an_object_become_json() -> None:
    sent = {"id": "call_1", "type": "function", "function": {"name": "bash", "arguments": {"command": "ls"}}}
    assert calls(Scripted(calls=[sent])) == (LS,)


def read(*deltas: Body) -> tuple[ToolCall, ...]:
    stream = ChatStream()
    for delta in deltas:
        stream._read_chunk({"choices": [{"index": 0, "delta": delta}]})
    return stream.choices[0].calls


def piece(**fields: Any) -> Body:
    return {"tool_calls": [fields]}


def test_calls_that_all_have_the_index_0_are_told_apart_by_their_ids() -> None:
    one, two = call("bash", {"command": "ls"}, "a"), call("bash", {"command": "pwd"}, "b")
    found = read(piece(index=0, **one), piece(index=0, **two))
    assert [(id, arguments) for id, _, arguments in found] == [("a", '{"command": "ls"}'), ("b", '{"command": "pwd"}')]


def test_calls_without_index_or_id_in_one_piece_are_told_apart_by_their_place() -> None:
    one, two = ({"function": {"name": "bash", "arguments": f"{i}"}} for i in (1, 2))
    assert read({"tool_calls": [one, two]}) == (ToolCall("", "bash", "1"), ToolCall("", "bash", "2"))


def test_pieces_without_an_index_belong_to_the_last_call() -> None:
    begun = piece(id="a", function={"name": "bash", "arguments": '{"command"'})
    assert read(begun, piece(function={"arguments": ': "ls"}'})) == (ToolCall("a", "bash", '{"command": "ls"}'),)


def test_the_old_form_of_one_function_is_read() -> None:
    assert read({"function_call": {"name": "bash", "arguments": "{}"}}) == (ToolCall("", "bash", "{}"),)


@pytest.mark.parametrize("junk", [{"tool_calls": None}, {"tool_calls": "x"}, {"tool_calls": [None]}])
def test_junk_in_the_place_of_calls_is_no_call(junk: Body) -> None:
    assert read(junk) == ()


def test_a_call_and_its_result_are_sent_in_the_apis_form() -> None:
    with ScriptedServer() as server, OpenAIModel("scripted", server.url, patience=HASTY) as model:
        model.sample([*QUESTION, Message("assistant", "", (LS,)), Message("tool", "a.py", call_id="call_1")])
    assert server.requests[0]["messages"][1:] == [
        {"role": "assistant", "content": "", "tool_calls": [call("bash", '{"command": "ls"}')]},
        {"role": "tool", "content": "a.py", "tool_call_id": "call_1"},
    ]
    assert "tools" not in server.requests[0]


@pytest.mark.parametrize(
    "refusal",
    [
        error(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        error(400, "registry.ollama.ai/library/gemma:2b does not support tools"),
        error(500, "tools param requires --jinja flag"),
        error(404, "No endpoints found that support tool use."),
        error(400, "Unrecognized request argument supplied: tools"),
    ],
)
def test_an_endpoint_without_tools_says_so_once(refusal: Scripted) -> None:
    with ScriptedServer([refusal]) as server, OpenAIModel("scripted", server.url, patience=HASTY) as model:
        for _ in range(2):
            with pytest.raises(ToolsRefused):
                model.sample(QUESTION, tools=TOOLS)
    assert len(server.requests) == 1


def test_an_endpoint_with_tools_but_not_in_a_stream_is_asked_without_one() -> None:
    def answer(body: Body) -> Scripted:
        return error(400, "Cannot use tools with stream") if body.get("stream") else Scripted(calls=[call("bash", {})])

    with ScriptedServer(answer) as server, OpenAIModel("scripted", server.url, patience=HASTY) as model:
        (reply,) = model.sample(QUESTION, tools=TOOLS)
    assert reply.calls[0].name == "bash"
    assert "tools" in server.requests[1]
