"""Calls of tools in replies: every form in which models write them, well formed and not."""

import json

import pytest

from agent.chat import Reply, ToolCall
from agent.tool_calls import MOST_CALLS, Call, read_calls
from memory.records import Tokens

LS = ("bash", {"command": "ls -la"})
READ = ("read", {"path": "a.py"})


def reply(text: str = "", *calls: ToolCall, finish: str = "stop") -> Reply:
    return Reply(text, finish, Tokens(), 0.0, calls)


def in_text(text: str, finish: str = "stop") -> tuple[Call, ...]:
    return read_calls(reply(text, finish=finish))


def native(arguments: str, name: str = "bash", finish: str = "tool_calls") -> Call:
    (call,) = read_calls(reply("", ToolCall("id_1", name, arguments), finish=finish))
    return call


def plain(calls: tuple[Call, ...]) -> list[tuple[str, dict[str, object]]]:
    assert not [call.problem for call in calls if call.problem]
    return [(call.name, dict(call.arguments)) for call in calls]


J = '{"name": "bash", "arguments": {"command": "ls -la"}}'

LEAKED = {
    "hermes": f"<tool_call>{J}</tool_call>",
    "hermes, with words and lines": f"Let me look.\n\n<tool_call>\n{J}\n</tool_call>\nThen I will see.",
    "no opener": f"{J}\n</tool_call>",
    "no opener, after words": f"I look around. {J}</tool_call>",
    "no closer": f"<tool_call>\n{J}",
    "another opener for a closer": f"<tool_call>\n{J}\n<tool_call>",
    "a list after cohere's tag": f'<|START_ACTION|>[{{"tool_call_id": "0", {J[1:]}]<|END_ACTION|>',
    "python after olmo's tag": '<function_calls>\nbash(command="ls -la")\n</function_calls>',
    "a fence within the tag": f"<tool_call>\n```json\n{J}\n```\n</tool_call>",
    "the tag within a fence": f"```xml\n<tool_call>\n{J}\n</tool_call>\n```",
    "fenced json": f"```json\n{J}\n```",
    "a fence without a language": f"I will run this:\n```\n{J}\n```",
    "a fence without its end": f"```json\n{J}",
    "bare json": J,
    "bare json after words": f"Sure!\n{J}",
    "json over several lines": '{\n  "name": "bash",\n  "arguments": {\n    "command": "ls -la"\n  }\n}',
    "the last bracket is missing": f"<tool_call>{J[:-1]}</tool_call>".replace("</tool_call>", ""),
    "parameters": '{"name": "bash", "parameters": {"command": "ls -la"}}',
    "tool and args": '{"tool": "bash", "args": {"command": "ls -la"}}',
    "tool and tool_input": '```json\n{"tool_name": "bash", "tool_input": {"command": "ls -la"}}\n```',
    "action and action_input": '{"thought": "hm", "action": "bash", "action_input": {"command": "ls -la"}}',
    "flat": '{"tool": "bash", "command": "ls -la"}',
    "openai's object": '{"id": "x", "type": "function", "function": ' + J + "}",
    "openai's list": '{"tool_calls": [{"function": ' + J + "}]}",
    "arguments as a text": json.dumps({"name": "bash", "arguments": '{"command": "ls -la"}'}),
    "arguments as a text, twice": json.dumps({"name": "bash", "arguments": json.dumps('{"command": "ls -la"}')}),
    "arguments in single quotes as a text": json.dumps({"name": "bash", "arguments": "{'command': 'ls -la'}"}),
    "single quotes": "<tool_call>{'name': 'bash', 'arguments': {'command': 'ls -la'}}</tool_call>",
    "trailing commas": '<tool_call>{"name": "bash", "arguments": {"command": "ls -la",},}</tool_call>',
    "names without quotes": '<tool_call>{name: "bash", arguments: {command: "ls -la"}}</tool_call>',
    "smart quotes": "<tool_call>{“name”: “bash”, “arguments”: {“command”: “ls -la”}}</tool_call>",
    "triple quotes": '<tool_call>{"name": "bash", "arguments": {"command": """ls -la"""}}</tool_call>',
    "null for what is optional": '{"name": "bash", "arguments": {"command": "ls -la", "timeout": null}}',
    "a namespace": '<tool_call>{"name": "functions.bash", "arguments": {"command": "ls -la"}}</tool_call>',
    "another case": '<tool_call>{"name": "Bash", "arguments": {"command": "ls -la"}}</tool_call>',
    "function tag": "<function=bash><parameter=command>ls -la</parameter></function>",
    "function tag over lines": (
        "<tool_call>\n<function=bash>\n<parameter=command>\nls -la\n</parameter>\n</function>\n</tool_call>"
    ),
    "function tag, only the end of the outer tag": (
        "<function=bash>\n<parameter=command>\nls -la\n</parameter>\n</function>\n</tool_call>"
    ),
    "function tag, parameter not closed": "<function=bash><parameter=command>ls -la</function>",
    "function tag, nothing closed": "<function=bash>\n<parameter=command>\nls -la\n",
    "function tag, function not closed": "<function=bash>\n<parameter=command>\nls -la\n</parameter>\n</tool_call>",
    "function tag with json": '<function=bash>{"command": "ls -la"}</function>',
    "function tag with a name": '<function name="bash"><parameter name="command">ls -la</parameter></function>',
    "invoke": (
        '<function_calls><invoke name="bash"><parameter name="command">ls -la</parameter></invoke></function_calls>'
    ),
    "invoke with a namespace": '<x:invoke name="bash"><x:parameter name="command">ls -la</x:parameter></x:invoke>',
    "glm": ("<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>ls -la</arg_value>\n</tool_call>"),
    "mistral": f"[TOOL_CALLS][{J}]",
    "mistral, newer": '[TOOL_CALLS]bash[ARGS]{"command": "ls -la"}',
    "llama": f"<|python_tag|>{J}",
    "harmony": '<|channel|>commentary to=functions.bash <|constrain|>json<|message|>{"command": "ls -la"}<|call|>',
    "deepseek": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>bash\n```json\n"
        '{"command": "ls -la"}\n```<｜tool▁call▁end｜>'
    ),
    "deepseek, newer": '<｜tool▁call▁begin｜>bash<｜tool▁sep｜>{"command": "ls -la"}<｜tool▁call▁end｜>',
    "kimi": '<|tool_call_begin|>functions.bash:0<|tool_call_argument_begin|>{"command": "ls -la"}<|tool_call_end|>',
    "python": 'bash(command="ls -la")',
    "python in a list": "[bash(command='ls -la')]",
    "python in a fence": 'I look.\n```tool_code\nbash("ls -la")\n```',
    "python printed": '```python\nprint(bash(command="ls -la"))\n```',
    "python in the tag": '<tool_call>bash(command="ls -la")</tool_call>',
    "a made-up result": f"<tool_call>{J}</tool_call>\n<tool_response>a.py</tool_response>\n<tool_call>{J}</tool_call>",
}


@pytest.mark.parametrize("text", LEAKED.values(), ids=LEAKED)
def test_a_call_that_leaks_into_the_text_is_read(text: str) -> None:
    assert plain(in_text(text)) == [LS]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I am done.",
        "Use `bash` to run it: bash(ls).",
        "```python\ndef read(path):\n    return 1\n```",
        '```json\n{"name": "left-pad", "version": "1.0.0"}\n```',
        "```json\n[1, 2, {}]\n```",
        "{}",
        "if (a) {\n  b();\n}",
        "```bash\nls -la\n```",
        "The set {'name', 'tool'} is empty.",
        "<think>I could call <tool_call> later",
        "{" * 3000,
        "[" * 3000,
        '{"name": "' * 500,
    ],
)
def test_what_is_no_call_is_left_alone(text: str) -> None:
    assert [call for call in in_text(text) if not call.problem] == []


@pytest.mark.parametrize(
    "text",
    [
        f'{J}\n{{"name": "read", "arguments": {{"path": "a.py"}}}}',
        f'<tool_call>{J}</tool_call><tool_call>{{"name": "read", "arguments": {{"path": "a.py"}}}}</tool_call>',
        f'<tool_call>[{J}, {{"name": "read", "arguments": {{"path": "a.py"}}}}]</tool_call>',
        f'[TOOL_CALLS][{J}, {{"name": "read", "arguments": {{"path": "a.py"}}}}]',
        "<function=bash><parameter=command>ls -la</parameter></function>"
        "<function=read><parameter=path>a.py</parameter></function>",
        f'```json\n{J}\n```\nand\n```json\n{{"name": "read", "arguments": {{"path": "a.py"}}}}\n```',
        '[bash(command="ls -la"), read(path="a.py")]',
    ],
)
def test_several_calls_keep_their_order(text: str) -> None:
    assert plain(in_text(text)) == [LS, READ]


ARGUMENTS = {
    "json": '{"command": "ls -la"}',
    "double-encoded": json.dumps('{"command": "ls -la"}'),
    "triple-encoded": json.dumps(json.dumps('{"command": "ls -la"}')),
    "single quotes": "{'command': 'ls -la'}",
    "a trailing comma": '{"command": "ls -la",}',
    "a bracket too many": '{"command": "ls -la"}}',
    "a bracket missing": '{"command": "ls -la"',
    "a fence": '```json\n{"command": "ls -la"}\n```',
    "the text alone": "ls -la",
    "wrapped once more": '{"arguments": {"command": "ls -la"}}',
    "a tag left over": '{"command": "ls -la"}`',
}


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
def test_native_arguments_are_repaired(arguments: str) -> None:
    call = native(arguments)
    assert (call.name, call.arguments, call.problem, call.id) == (*LS, "", "id_1")


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        ('{"path": "a", "content": "x\ny\n"}', "x\ny\n"),
        ('{"path": "a", "content": "x\\ny\\n"}', "x\ny\n"),
        ("{'path': 'a', 'content': 'x\ny'}", "x\ny"),
        ('{"path": "a", "content": "\\d+"}', "\\d+"),
        ("{'path': 'a', 'content': 'it\\'s'}", "it's"),
        ('{"path": "a", "content": "\\ud83d\\ude00"}', "😀"),
        ("{'path': 'a', 'content': '\\ud83d\\ude00'}", "😀"),
        ('{"path": "a", "content": 5}', "5"),
        ('{"path": "a", "content": ""}', ""),
        ('{"path": "a", "content": "</tool_call><function=x>```"}', "</tool_call><function=x>```"),
    ],
)
def test_texts_keep_every_character(arguments: str, content: str) -> None:
    assert native(arguments, "write").arguments == {"path": "a", "content": content}


@pytest.mark.parametrize("number", ["30", '"30"', "30.0"])
def test_numbers_may_be_texts(number: str) -> None:
    assert native(f'{{"path": "a.py", "start": {number}}}', "read").arguments == {"path": "a.py", "start": 30}


def test_a_value_in_a_tag_keeps_its_lines_and_indentation() -> None:
    values = "<parameter=path>a.py</parameter><parameter=content>\n\n  if x:\n    <y>\n\n</parameter>"
    text = f"<function=write>{values}</function>"
    ((_, arguments),) = plain(in_text(text))
    assert arguments["content"] == "\n  if x:\n    <y>\n"


def test_tags_within_json_do_no_harm() -> None:
    content = '</tool_call>\n<tool_call>{"name": "bash"}\n```'
    text = f"<tool_call>{json.dumps({'name': 'write', 'arguments': {'path': 'a', 'content': content}})}</tool_call>"
    assert plain(in_text(text)) == [("write", {"path": "a", "content": content})]


def test_native_calls_come_before_any_in_the_text() -> None:
    found = read_calls(reply(f"```json\n{J}\n```", ToolCall("1", "read", '{"path": "a.py"}')))
    assert plain(found) == [READ]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("shell", "bash(command, timeout?)"),
        ("grep", "search(pattern, path?, glob?)"),
        ("str_replace_editor", "edit(path, old, new)"),
        ("finish", "submit(summary)"),
        ("reed", "read(path, start?, end?)"),
        ("view_file", "read(path, start?, end?)"),
        ("functions.create_file", "write(path, content)"),
    ],
)
def test_a_wrong_name_is_explained_with_the_nearest_tool(name: str, nearest: str) -> None:
    problem = native("{}", name).problem
    assert f"no tool {name!r}" in problem
    assert f"Did you mean {nearest}?" in problem


@pytest.mark.parametrize(
    ("name", "arguments", "explained"),
    [
        ("bash", '{"cmd": "ls"}', "no argument 'cmd': did you mean 'command'?"),
        ("bash", "{}", "'command' is missing"),
        ("bash", "", "'command' is missing"),
        ("edit", '{"file_path": "a", "old": "x", "new": "y"}', "did you mean 'path'?"),
        ("edit", '{"path": "a", "old_string": "x", "new": "y"}', "did you mean 'old'?"),
        ("edit", '{"path": "a", "old": "x"}', "edit(path, old, new)"),
        ("bash", '{"command": ["ls"]}', "must be a text"),
        ("bash", '{"command": "ls", "timeout": "soon"}', "must be a number"),
        ("read", '{"path": "a", "start": 1.5}', "must be a whole number"),
        ("read", '{"path": "a", "start": 1e999}', "must be a whole number"),
        ("read", '{"path": "a", "start": true}', "must be a whole number"),
        ("read", '{"path": "a", "start": 1' + 400 * "0" + "}", "must be a whole number"),
        ("read", '{"path": "a", "start": 1' + 5000 * "0" + "}", "too many digits"),
        ("write", '{"path": "a.json", "content": {"a": 1}}', "must be a text"),
        ("write", '{"path": "a", "content": "\\ud83d"}', "must be a text"),
        ("bash", '{"command": "echo "hi""}', "need a backslash"),
        ("bash", "{'command': 'don't'}", "not valid JSON"),
        ("bash", '{"command": "ls', "not valid JSON"),
        ("bash", '{"command": "ls"}{"command": "pwd"}', "more than one"),
        ("bash", "[1]", "must be one JSON object"),
        ("edit", "calc.py", "must be one JSON object"),
    ],
)
def test_wrong_arguments_are_explained(name: str, arguments: str, explained: str) -> None:
    call = native(arguments, name)
    assert explained in call.problem
    assert call.arguments == {}


@pytest.mark.parametrize(
    ("text", "explained"),
    [
        ('<tool_call>{"name": "bash", "arguments": {"command": "echo "hi""}}</tool_call>', "cannot be read"),
        ('```json\n{"name": "bash", "arguments": {"command": "echo "hi""}}\n```', "cannot be read"),
        ('<tool_call>{"arguments": {"command": "ls"}}</tool_call>', "names no tool"),
        ('<tool_call>{"name": "bash", "arguments": {"command": "ls', "cannot be read"),
        ("<function=bash></function>", "'command' is missing"),
        ("<function=shell><parameter=command>ls</parameter></function>", "Did you mean bash"),
        ('<tool_call>{"name": "bash", "arguments": [1]}</tool_call>', "must be one JSON object"),
    ],
)
def test_a_leaked_call_that_cannot_be_read_is_explained(text: str, explained: str) -> None:
    (call,) = in_text(text)
    assert explained in call.problem


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "bash", "arguments": {"command": "rm -r build',
        '<tool_call>{"name": "bash", "arguments": {"command": "rm -r build"',
        "<function=bash><parameter=command>rm -r build",
        "<function=write><parameter=path>a</parameter><parameter=content>half",
    ],
)
def test_a_call_that_was_cut_is_never_executed(text: str) -> None:
    (call,) = in_text(text, finish="length")
    assert "cut" in call.problem


def test_a_native_call_that_was_cut_is_never_executed() -> None:
    assert "cut" in native('{"command": "rm -r build"', finish="length").problem


def test_a_whole_call_before_the_cut_is_executed() -> None:
    assert plain(in_text(f"<tool_call>{J}</tool_call>\nAnd th", finish="length")) == [LS]


def test_of_too_many_calls_only_the_first_are_executed() -> None:
    calls = in_text(J + "\n" + f"{J}\n" * 30)
    assert [bool(call.problem) for call in calls] == [False] * MOST_CALLS + [True] * 11


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["\n", " ", "\t", "to=functions.a", "[ ", "{ "])
def test_a_reply_that_repeats_itself_takes_no_time(text: str) -> None:
    assert plain(in_text(text * (100_000 // len(text)) + f"\n<tool_call>{J}</tool_call>")) == [LS]
