"""`sleepwright memory export|import|recover|gc`: what is done to a memory as a whole. Heavy imports wait."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from memory.cli_options import json_option, opened, print_json, repo_option

if TYPE_CHECKING:
    from memory.note_store import NoteStore


@click.command(name="export")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["markdown", "jsonl"]), help="[default: by FILE's name]")
@repo_option
def export_all(file: Path | None, form: Literal["markdown", "jsonl"] | None, repo: Path) -> None:
    """Write all notes to FILE (stdout without one), to read, edit and import again without loss."""
    from memory.errors import UserError
    from memory.interchange import export_notes

    with opened(repo) as store:
        notes = store.log.notes()
    text = export_notes(notes, form or ("jsonl" if file and file.suffix == ".jsonl" else "markdown"))
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{str(file)!r} cannot be written: {error.strerror}.") from error
    click.echo(f"Wrote {len(notes)} notes to {file}.", err=True)


@click.command(name="import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@repo_option
@json_option
def import_all(file: Path, repo: Path, as_json: bool) -> None:
    """Read notes from an export (- is stdin): new ones are added, changed ones edited, the others left as they are."""
    from memory.errors import UserError
    from memory.importing import bring_in
    from memory.interchange import import_notes

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{str(file)!r} cannot be read as text: {error}.") from error
    with opened(repo) as store:
        brought = bring_in(store.log, import_notes(text))
    if as_json:
        print_json(brought._asdict())
    else:
        click.echo(f"{brought.added} added, {brought.changed} changed, {brought.same} as before (run {brought.run}).")


@click.command()
@repo_option
@json_option
def recover(repo: Path, as_json: bool) -> None:
    """Make a lost or damaged record of the notes again from the index. The damaged files are kept beside it."""
    from memory.home import MemoryHome
    from memory.recovery import recover_notes
    from memory.work_tree import WorkTree

    count = recover_notes(MemoryHome.for_repository(WorkTree.open(repo).common_dir))
    if as_json:
        print_json({"recovered": count})
    else:
        click.echo(f"Recovered {count} notes as they last were; their history is lost.")


@click.command()
@click.option("--delete", is_flag=True, help="Really delete; without it they are only named.")
@repo_option
@json_option
def gc(delete: bool, repo: Path, as_json: bool) -> None:
    """Delete the memories of repositories that are gone, and bring this one's index up to date."""
    from memory.home import forsaken_homes, remove_home

    forsaken = forsaken_homes()
    for home in forsaken if delete else ():
        remove_home(home)
    with opened(repo) as store:
        indexed = _bring_up_to_date(store)
    if as_json:
        print_json({"gone": [str(home) for home in forsaken], "deleted": delete, "indexed": indexed})
        return
    for home in forsaken:
        click.echo(f"{'Deleted' if delete else 'Of a repository that is gone:'} {home}")
    if forsaken and not delete:
        click.echo("`sleepwright memory gc --delete` deletes them.", err=True)


def _bring_up_to_date(store: "NoteStore") -> bool:
    from memory.index_folder import IndexFailure

    def tell(done: int, total: int) -> None:
        click.echo(f"\rindexing {done}/{total} changes", nl=done == total, err=True)

    try:
        return store.index.catch_up(progress=tell)
    except IndexFailure as failure:
        click.echo(f"The index was left as it is: {failure}", err=True)
        return False
