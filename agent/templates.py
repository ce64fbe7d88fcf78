"""Prompts are files, those of the agent in agent/prompts; a variable that is missing raises."""

import functools
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_RUN = re.compile(r"`{3,}")


def fenced(text: str, info: str = "") -> str:
    """The text as a block of its own, in a fence longer than any within it: data can never end its own section."""
    fence = "`" * max(3, 1 + max((len(run) for run in _RUN.findall(text)), default=0))
    body = text if text.endswith("\n") or not text else text + "\n"
    return f"{fence}{info}\n{body}{fence}"


@functools.cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,  # prompts are text
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fenced"] = fenced
    return environment


def render(name: str, /, **values: object) -> str:
    """The prompt `name`, without white space at its ends."""
    return render_from(Path(__file__).parent / "prompts", name, **values)


def render_from(folder: Path, name: str, /, **values: object) -> str:
    """The same of another folder's prompts."""
    return _environment(folder).get_template(f"{name}.jinja").render(**values).strip()
