"""What the commands of every folder have in common: options, JSON; and the notes that those of the memory open."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from memory.note_store import NoteStore

repo_option = click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="The repository, or a folder in it.  [default: here]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


@contextmanager
def opened(repo: Path) -> "Iterator[NoteStore]":
    """The notes of the repository that the folder lies in."""
    import os

    from memory.config import MemoryConfig
    from memory.note_store import NoteStore

    with NoteStore.open(repo, MemoryConfig.from_environment(os.environ)) as store:
        yield store


def print_json(value: object) -> None:
    """One line of ASCII, which is JSON whatever the encoding of stdout."""
    click.echo(json.dumps(value))
