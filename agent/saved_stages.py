"""What the stages of a run gave, as JSON and back, so that a resumed run does not repeat them."""

from functools import cache
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter

from agent.state import AgentState


def dump(update: AgentState) -> dict[str, Any]:
    """What a stage changed, as JSON has it."""
    return {name: _adapter(name).dump_python(value, mode="json") for name, value in update.items()}


def load(saved: dict[str, Any]) -> AgentState:
    """What `dump` was given."""
    return cast(AgentState, {name: _adapter(name).validate_python(value) for name, value in saved.items()})


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(AgentState)[name])
