"""Reads the calls of tools in a reply: those that the endpoint told apart, else those that leaked into the text.

What cannot be executed becomes a `Call` with a problem, in sentences for its author. Nothing is guessed that could be
another action than was meant; what is no call at all (prose, code, other JSON) is left alone.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from agent.chat import Reply
from agent.leaked_calls import Leaked, leaked_calls
from agent.loose_json import NotJson, parse
from agent.tool_specs import TOOLS, Parameter, ToolSpec

MOST_CALLS = 20
"""Of one reply that are executed."""

Argument = str | int | float

_MEANT = {
    **dict.fromkeys(("shell", "execute", "exec", "run", "terminal", "command", "execute_bash", "run_command"), "bash"),
    **dict.fromkeys(("cat", "view", "open", "read_file", "view_file", "ls", "list_files", "list_dir"), "read"),
    **dict.fromkeys(("grep", "find", "glob", "grep_search", "search_files", "find_file", "ripgrep"), "search"),
    **dict.fromkeys(("replace", "str_replace", "str_replace_editor", "apply_patch", "edit_file", "patch"), "edit"),
    **dict.fromkeys(("create", "create_file", "write_file", "save", "new_file"), "write"),
    **dict.fromkeys(("memory", "remember", "notes"), "recall"),
    **dict.fromkeys(("finish", "done", "complete", "final_answer", "answer", "end", "exit", "stop"), "submit"),
}
"""What other agents call these tools."""

_PREFIX = re.compile(r"^(?:functions?|tools?|default_api|repo_browser|container)[.:/]", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """One call, ready to be executed unless there is a problem."""

    id: str
    """The endpoint's; empty where the call stood in the text."""
    name: str
    """A name in TOOLS, or what the model wrote where there is a problem."""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    problem: str = ""
    """Why it cannot be executed, for its author."""


def read_calls(reply: Reply) -> tuple[Call, ...]:
    """All calls of a reply, in order; empty where there is none."""
    if reply.calls:
        calls = [_native(call.id, call.name, call.arguments, reply.was_cut) for call in reply.calls]
    else:
        calls = [_from_text(found, reply.was_cut) for found in leaked_calls(reply.text)]
    surplus = f"Only the first {MOST_CALLS} calls of one answer are executed."
    return tuple(
        call if i < MOST_CALLS else Call(call.id, call.name, problem=surplus) for i, call in enumerate(calls[:100])
    )


def _native(id: str, name: str, arguments: str, was_cut: bool) -> Call:
    given = _object(arguments, known_name(name), was_cut)
    return Call(id, name, problem=given) if isinstance(given, str) else _checked(id, name, given)


def _from_text(found: Leaked, was_cut: bool) -> Call:
    if found.problem:
        return Call("", found.name, problem=_CUT if was_cut else found.problem)
    if was_cut and not found.is_complete:
        return Call("", found.name, problem=_CUT)
    if isinstance(found.arguments, str):
        return _native("", found.name, found.arguments, was_cut)
    return _checked("", found.name, found.arguments)


_CUT = "The call was cut, because the answer was too long: nothing was done. Do it in smaller steps."


def known_name(name: str) -> str | None:
    """The tool that a name means beyond doubt: other case, a namespace, or remains of a template around it."""
    bare = _PREFIX.sub("", name.partition("<|")[0].strip().strip("`'\"")).casefold().removesuffix("()")
    return bare if bare in TOOLS else None


def _object(text: str, tool: str | None, was_cut: bool) -> dict[str, Any] | str:
    """The arguments in a text, or why there are none. JSON within JSON is unpacked."""
    value: Any = re.sub(r"^```\w*\n|\n```$", "", text.strip())
    for _ in range(3):
        if not isinstance(value, str):
            break
        if value.strip() in ("", "null", "None"):
            return {}
        if value.lstrip()[0] not in "{[\"'":
            return _only_argument(value, tool)
        try:
            parsed = parse(value)
        except NotJson as problem:
            return _CUT if was_cut else f"The arguments are not valid JSON: {problem}. They were: {text[:300]}"
        if was_cut and not parsed.is_complete:
            return _CUT
        if value[parsed.end :].strip(" \t\r\n}]`;"):
            return f"The arguments are more than one JSON object. They were: {text[:300]}"
        value = parsed.value
    if isinstance(value, dict):
        (key,) = value if len(value) == 1 else ("",)
        is_wrapped = key in ("arguments", "parameters", "args", "input") and isinstance(value[key], dict)
        return value[key] if is_wrapped else value
    return f"The arguments must be one JSON object. They were: {text[:300]}"


def _only_argument(text: str, tool: str | None) -> dict[str, Any] | str:
    """A bare text, for a tool that needs nothing else."""
    if tool and len(TOOLS[tool].required) == 1:
        return {TOOLS[tool].required[0]: text}
    return f"The arguments must be one JSON object. They were: {text[:300]}"


def _checked(id: str, said: str, given: Mapping[str, Any]) -> Call:
    """The call with its arguments as the tool takes them, or what is wrong with it."""
    name = known_name(said)
    if name is None:
        return Call(id, said, problem=_no_such_tool(said))
    spec = TOOLS[name]
    unknown = [key for key in given if key not in spec.parameters]
    missing = [key for key in spec.required if given.get(key) is None]
    if unknown or missing:
        return Call(id, name, problem=_wrong_arguments(spec, given, unknown, missing))
    arguments: dict[str, Argument] = {}
    for key, value in given.items():
        if value is None:
            continue
        fitted = _fitted(value, spec.parameters[key])
        if fitted is None:
            kind = {"string": "a text", "integer": "a whole number", "number": "a number"}[spec.parameters[key].kind]
            return Call(id, name, problem=f"{key!r} of {spec.signature} must be {kind}, not {_shown(value)}.")
        arguments[key] = fitted
    return Call(id, name, arguments)


def _no_such_tool(said: str) -> str:
    bare = _PREFIX.sub("", said.strip()).casefold()
    near = _MEANT.get(bare) or next(iter(get_close_matches(bare, [*TOOLS, *_MEANT], n=1, cutoff=0.6)), None)
    near = _MEANT.get(near, near) if near else None
    meant = f" Did you mean {TOOLS[near].signature}?" if near else ""
    return f"There is no tool {said[:80]!r}.{meant} The tools are: {_listed(TOOLS.values())}."


def _wrong_arguments(spec: ToolSpec, given: Mapping[str, Any], unknown: list[str], missing: list[str]) -> str:
    problems = []
    for key in unknown:
        free = [name for name in spec.parameters if name not in given]
        near = get_close_matches(key.casefold(), free, n=1, cutoff=0.5) or (missing if len(missing) == 1 else [])
        problems.append(f"There is no argument {key[:80]!r}" + (f": did you mean {near[0]!r}?" if near else "."))
    problems += [f"The argument {key!r} is missing." for key in missing]
    return f"{' '.join(problems)} The tool is {spec.signature}. Nothing was done."


def _listed(specs: Iterable[ToolSpec]) -> str:
    return ", ".join(spec.signature for spec in specs)


def _fitted(value: Any, parameter: Parameter) -> Argument | None:
    """The value as the parameter has it; None where it cannot be."""
    if parameter.kind == "string":
        if isinstance(value, (int, float)):
            return json.dumps(value)
        return value if isinstance(value, str) and _is_text(value) else None
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if not abs(number) < 1e12 or (parameter.kind == "integer" and number != int(number)):
        return None
    return int(number) if parameter.kind == "integer" else number


def _is_text(value: str) -> bool:
    """Without halves of characters, which no file can hold."""
    return not any(0xD800 <= ord(character) < 0xE000 for character in value)


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:80] + "…"
