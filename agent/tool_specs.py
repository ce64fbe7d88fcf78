"""The tools of a rollout as data: names, parameters, and how a model is told of them. What they do is in tools.py."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple


class Parameter(NamedTuple):
    """One argument of a tool."""

    kind: Literal["string", "integer", "number"]
    meaning: str
    is_required: bool = True


@dataclass(frozen=True)
class ToolSpec:
    """One tool."""

    name: str
    purpose: str
    parameters: Mapping[str, Parameter]

    @property
    def signature(self) -> str:
        """For people and models: `read(path, start?, end?)`."""
        names = (name if parameter.is_required else f"{name}?" for name, parameter in self.parameters.items())
        return f"{self.name}({', '.join(names)})"

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name, parameter in self.parameters.items() if parameter.is_required)


_PATH = Parameter("string", "Relative to the repository's top.")

TOOLS: Mapping[str, ToolSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ToolSpec(
                "bash",
                "Run a shell command at the repository's top. Every call is a new shell: `cd` and variables do not"
                " last. There is no terminal and no input.",
                {
                    "command": Parameter("string", "The command."),
                    "timeout": Parameter("number", "Seconds it may take; 60 if not given, at most 600.", False),
                },
            ),
            ToolSpec(
                "read",
                "Read a file, with line numbers, or list a folder.",
                {
                    "path": _PATH,
                    "start": Parameter("integer", "The first line, from 1.", False),
                    "end": Parameter("integer", "The last line, included.", False),
                },
            ),
            ToolSpec(
                "search",
                "Search all text files line by line.",
                {
                    "pattern": Parameter("string", "A regular expression as Python has them."),
                    "path": Parameter("string", "A file or folder to search in; everything if not given.", False),
                    "glob": Parameter("string", "Only files like this, such as *.py or src/**/*.ts.", False),
                },
            ),
            ToolSpec(
                "edit",
                "Replace a text in a file by another. An edit after which the code is broken is refused.",
                {
                    "path": _PATH,
                    "old": Parameter(
                        "string", "What is there now, exactly, without line numbers; it must occur only once."
                    ),
                    "new": Parameter("string", "What shall be in its place."),
                },
            ),
            ToolSpec(
                "write",
                "Create a file, or replace all of it.",
                {"path": _PATH, "content": Parameter("string", "The whole text.")},
            ),
            ToolSpec(
                "recall",
                "Ask what is remembered about this repository.",
                {"query": Parameter("string", "What you would like to know.")},
            ),
            ToolSpec(
                "submit",
                "End the work: the files as they are now are your answer.",
                {"summary": Parameter("string", "What you changed, and why, in a few sentences.")},
            ),
        )
    }
)


def offered() -> list[dict[str, Any]]:
    """The tools in OpenAI's form."""
    return [
        {
            "type": "function",
            "function": {
                "name": spec.name,
                "description": spec.purpose,
                "parameters": {
                    "type": "object",
                    "properties": {
                        name: {"type": parameter.kind, "description": parameter.meaning}
                        for name, parameter in spec.parameters.items()
                    },
                    "required": list(spec.required),
                },
            },
        }
        for spec in TOOLS.values()
    ]


def described() -> str:
    """The tools as text, for a model that is not offered them."""
    lines = []
    for spec in TOOLS.values():
        lines.append(f"{spec.signature}: {spec.purpose}")
        lines += [f"  {name}: {parameter.meaning}" for name, parameter in spec.parameters.items()]
    return "\n".join(lines)


def example(name: str = "read") -> str:
    """A call as text."""
    arguments = {"read": {"path": "src/app.py"}, "bash": {"command": "ls"}}[name]
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"
