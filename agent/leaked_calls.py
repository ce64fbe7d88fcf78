"""Finds calls of tools in the text of a reply, in the forms that the templates of open models use, and their ruins.

    <tool_call>{"name": "bash", "arguments": {"command": "ls"}}</tool_call>     opener or closer may be missing
    <function=bash><parameter=command>ls</parameter></function>                 also <invoke name="bash">
    <function=bash>{"command": "ls"}</function>
    <tool_call>bash<arg_key>command</arg_key><arg_value>ls</arg_value></tool_call>
    [TOOL_CALLS][{"name": "bash", "arguments": {"command": "ls"}}]              also [TOOL_CALLS]bash{"command": "ls"}
    <|channel|>commentary to=functions.bash<|message|>{"command": "ls"}
    {"tool": "bash", "command": "ls"}                                           bare, or in a fence
    [bash(command="ls")]                                                        alone, or in a fence

Finds them; whether they make sense is for tool_calls.py.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.loose_json import NotJson, parse
from agent.tool_specs import TOOLS

_MOST = 100

_NAME_KEYS = ("name", "tool", "tool_name", "function", "function_name", "action", "recipient_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "action_input", "tool_input", "params", "kwargs")
_LIST_KEYS = ("tool_calls", "function_calls", "calls", "tool_uses")
_OTHER_KEYS = ("id", "type", "call_id", "thought", "index")

_OPENER = re.compile(
    r"(?P<results><tool_response|<\|im_end\|>|<function_results?>)"
    r"|(?P<tag><tool_call>|<function_calls?>|<tool_code>|<\|tool_call\|>|<\|python_tag\|>|<\|START_ACTION\|>|\[TOOL_CALLS\])"
    r"|(?P<named>to=functions\.(?P<harmony>\w+)[^{}\n]{0,100}?(?:<\|message\|>)"
    r"|<｜tool▁call▁begin｜>\s*(?:function\s*<｜tool▁sep｜>\s*)?(?P<deepseek>\w+)\s*(?:<｜tool▁sep｜>)?\s*(?:```json)?"
    r"|<\|tool_call_begin\|>\s*(?:functions\.)?(?P<kimi>\w+)(?::\d+)?\s*<\|tool_call_argument_begin\|>)\s*(?=\{)"
    r"|(?P<xml><function(?:=|\s+name=)[\"']?(?P<function>[\w.:-]+)[\"']?\s*>"
    r"|<(?:\w+:)?invoke\s+name=[\"']?(?P<invoke>[\w.:-]+)[\"']?\s*>)"
    r"|(?P<code>^```(?:tool_code|tool_call|python|py)?[ \t]*\n\s*(?=\[?\s*(?:\w+)\())"
    r"|(?P<json>^[ \t]*(?=[{\[]\s*[\"'{\]}])|(?=(?:\[\s*)?\{\s*[\"'](?:"
    + "|".join((*_NAME_KEYS, *_LIST_KEYS))
    + r")[\"']\s*:))",
    re.MULTILINE,
)
_PARAMETER = re.compile(r"\s*<(?:\w+:)?parameter(?:=|\s+name=)[\"']?(?P<name>[\w.-]+)[\"']?[^>\n]*>")
_PARAMETER_END = re.compile(r"</(?:\w+:)?parameter>")
_XML_END = re.compile(r"\s*</(?:(?:\w+:)?invoke|function)>|(?=</tool_call>)|\Z")
_OPEN_END = re.compile(r"</(?:(?:\w+:)?invoke|function|tool_call)>|\s*<(?:\w+:)?parameter(?:=|\s+name=)|\Z")
_PAIR = re.compile(r"\s*<arg_key>\s*(?P<key>[\w.-]+)\s*</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>", re.DOTALL)
_BARE_NAME = re.compile(r"\s*(?:```\w*\s*)?(?P<name>[A-Za-z_][\w.]*)\s*(?:\[ARGS\])?\s*(?=\{|<arg_key>)")
_KNOWN = re.compile(
    r"[\"'](?:" + "|".join(_NAME_KEYS) + r")[\"']\s*:\s*[\"'](?:functions\.)?(?:" + "|".join(TOOLS) + r")[\"']"
)


@dataclass(frozen=True)
class Leaked:
    """One call as it stands in a text."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    """A text where they are JSON within JSON."""
    is_complete: bool = True
    """False where its end was missing."""
    problem: str = ""
    """Why it cannot be read, for its author."""


def leaked_calls(text: str) -> list[Leaked]:
    """The calls in a text, in order, as far as the results that a model may have made up."""
    if calls := _python_calls(text.strip()):
        return calls
    found: list[Leaked] = []
    position = 0
    for _ in range(_MOST):
        opener = _OPENER.search(text, position)
        if opener is None or opener["results"]:
            break
        calls, position = _at(text, opener)
        found += calls
        if position >= len(text):
            break
    return found


def _at(text: str, opener: re.Match[str]) -> tuple[list[Leaked], int]:
    """What an opener begins, and where to look on."""
    start, further = opener.end(), max(opener.end(), opener.start() + 1)
    if opener["xml"]:
        call, end = _xml_call(text, start, opener["function"] or opener["invoke"])
        return [call], end
    if opener["named"]:
        return _named_json(text, start, opener["harmony"] or opener["deepseek"] or opener["kimi"])
    if opener["code"]:
        end = text.find("```", start)
        calls = _python_calls(text[start : end if end >= 0 else len(text)].strip())
        return (calls, end + 3 if end >= 0 else len(text)) if calls else ([], further)
    if opener["tag"]:
        return _tagged(text, start)
    try:
        parsed = parse(text, start)
    except NotJson as problem:
        if not _KNOWN.search(text, start, start + 300):
            return [], further
        return [Leaked("", problem=f"The JSON of the call cannot be read: {problem}.")], len(text)
    return list(_from_value(parsed.value, parsed.is_complete, is_sure=False)), parsed.end


def _tagged(text: str, start: int) -> tuple[list[Leaked], int]:
    """What follows a tag that says that there is a call."""
    fence = re.compile(r"\s*(?:```\w*\s*)?").match(text, start)
    begin = fence.end() if fence else start
    if text[begin : begin + 1] in ("{", "["):
        try:
            parsed = parse(text, begin)
        except NotJson as problem:
            if calls := _python_calls(_until_closer(text, begin)):
                return calls, begin + len(_until_closer(text, begin))
            sentence = f"The JSON of the call cannot be read: {problem}."
            return [Leaked("", problem=sentence)], begin + len(_until_closer(text, begin))
        calls = list(_from_value(parsed.value, parsed.is_complete, is_sure=True))
        return calls or [Leaked("", problem="The call names no tool.")], parsed.end
    if bare := _BARE_NAME.match(text, start):
        if text[bare.end()] == "{":
            return _named_json(text, bare.end(), bare["name"])
        arguments: dict[str, Any] = {}
        end = bare.end()
        while pair := _PAIR.match(text, end):
            arguments[pair["key"]] = pair["value"]
            end = pair.end()
        return [Leaked(bare["name"], arguments, text[end:].lstrip().startswith("</tool_call>"))], end
    calls = _python_calls(_until_closer(text, begin))
    return calls, begin + len(_until_closer(text, begin)) if calls else start


def _until_closer(text: str, start: int) -> str:
    match = re.compile(r"</\w+>|```|<\|").search(text, start)
    return text[start : match.start() if match else len(text)]


def _named_json(text: str, start: int, name: str) -> tuple[list[Leaked], int]:
    """JSON arguments whose tool has been named before them."""
    try:
        parsed = parse(text, start)
    except NotJson as problem:
        return [Leaked(name, problem=f"The arguments are not valid JSON: {problem}.")], len(text)
    if not isinstance(parsed.value, dict):
        return [Leaked(name, problem="The arguments must be one JSON object.")], parsed.end
    return [Leaked(name, parsed.value, parsed.is_complete)], parsed.end


def _xml_call(text: str, start: int, name: str) -> tuple[Leaked, int]:
    """The parameters of a function, each in a tag of its own, or as JSON."""
    arguments: dict[str, Any] = {}
    position, is_complete = start, True
    while parameter := _PARAMETER.match(text, position):
        end = _PARAMETER_END.search(text, parameter.end())
        # Without an end, the value reaches to whatever ends the call or begins the next parameter.
        other = _PARAMETER.search(text, parameter.end())
        if end is None or (other and other.start() < end.start() and "\n" in text[other.start() : other.start() + 1]):
            end = _OPEN_END.search(text, parameter.end())
            assert end
            value, position = text[parameter.end() : end.start()], end.start()
            is_complete = is_complete and end.start() < len(text)
        else:
            value, position = text[parameter.end() : end.start()], end.end()
        arguments[parameter["name"]] = value.removeprefix("\n").removesuffix("\n")
    if not arguments and text[position:].lstrip().startswith("{"):
        calls, position = _named_json(text, position, name)
        return calls[0], position
    closed = _XML_END.match(text, position)
    is_complete = is_complete and closed is not None and position < len(text)
    return Leaked(name, arguments, is_complete), closed.end() if closed else position


def _from_value(value: Any, is_complete: bool, is_sure: bool) -> Iterator[Leaked]:
    """The calls in a JSON value. `is_sure`: the text around it says that it is one."""
    if isinstance(value, list):
        for item in value:
            yield from _from_value(item, is_complete, is_sure)
        return
    if not isinstance(value, dict):
        return
    inner = next((value[key] for key in _LIST_KEYS if isinstance(value.get(key), list)), value.get("function"))
    if isinstance(inner, (list, dict)):
        yield from _from_value(inner, is_complete, is_sure)
        return
    name_key = next((key for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    if name_key is None:
        return
    arguments_key = next((key for key in _ARGUMENT_KEYS if key in value and key != name_key), None)
    name = value[name_key]
    if arguments_key is None:
        if is_sure or name.removeprefix("functions.") in TOOLS:
            rest = {key: item for key, item in value.items() if key != name_key and key not in _OTHER_KEYS}
            yield Leaked(name, rest, is_complete)
        return
    given = value[arguments_key]
    if isinstance(given, (dict, str)):
        yield Leaked(name, given, is_complete)
    elif given is None:
        yield Leaked(name, {}, is_complete)
    else:
        yield Leaked(name, problem="The arguments must be one JSON object.")


def _python_calls(text: str) -> list[Leaked]:
    """A text that is nothing but calls written as Python, alone or in a list; empty where it is anything else."""
    if not re.match(r"\[?\s*(?:print\()?\s*(?:" + "|".join(TOOLS) + r")\(", text):
        return []
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    nodes: list[ast.expr] = []
    for statement in body:
        if not isinstance(statement, ast.Expr):
            return []
        whole = statement.value
        if isinstance(whole, ast.Call) and isinstance(whole.func, ast.Name) and whole.func.id == "print":
            whole = whole.args[0] if len(whole.args) == 1 else whole
        nodes += whole.elts if isinstance(whole, ast.List) else [whole]
    calls = [_python_call(node) for node in nodes]
    return [call for call in calls if call] if all(calls) else []


def _python_call(node: ast.expr) -> Leaked | None:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TOOLS):
        return None
    names = list(TOOLS[node.func.id].parameters)
    try:
        arguments = dict(zip(names, map(ast.literal_eval, node.args), strict=False))
        arguments |= {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg}
    except (ValueError, TypeError):
        return Leaked(node.func.id, problem="The arguments must be plain values.")
    return Leaked(node.func.id, arguments)
