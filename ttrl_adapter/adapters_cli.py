"""`sleepwright adapters ...`: the user's own hands on the adapters. Heavy imports wait until a command runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memory.cli_options import json_option, print_json, repo_option

if TYPE_CHECKING:
    from memory.adapters import Stored
    from ttrl_adapter.registry import Registry
    from ttrl_adapter.swap import Server

_base = click.option(
    "--base",
    metavar="MODEL",
    help="The base model, where adapters of several are active: 'embedded', a folder, a name.",
)


@click.group()
def adapters() -> None:
    """What training has made of the local model: versions that are kept, switched and taken back.

    Where `sleepwright serve` is running, promote, rollback and remove change its server too, while it answers.
    """


@adapters.command(name="list")
@repo_option
@json_option
def list_all(repo: Path, as_json: bool) -> None:
    """All adapters, the oldest first: active, passed or rejected by the gate, unjudged, broken."""
    from ttrl_adapter.adapter_report import as_json as record
    from ttrl_adapter.adapter_report import listed

    entries = _registry(repo).entries()
    if as_json:
        print_json({"adapters": [record(entry) for entry in entries]})
        return
    for entry in entries:
        click.echo(listed(entry))
    if not entries:
        click.echo("No adapters. `sleepwright train` makes one.", err=True)


@adapters.command()
@click.argument("id")
@repo_option
@json_option
def show(id: str, repo: Path, as_json: bool) -> None:
    """One adapter: where it comes from, what its training and the gate measured, what happened to it."""
    from memory.adapters import history
    from ttrl_adapter.adapter_report import as_json as record
    from ttrl_adapter.adapter_report import shown

    registry = _registry(repo)
    entry = registry.entry(id)
    events = [event for event in history(registry.home) if id in (event.adapter, event.active)]
    if as_json:
        print_json({**record(entry), "history": [event.model_dump(mode="json") for event in events]})
    else:
        click.echo(shown(entry, events))


@adapters.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--base",
    metavar="MODEL",
    default="embedded",
    show_default=True,
    help="The model that it is an adapter of: 'embedded', or its folder.",
)
@repo_option
@json_option
def add(folder: Path, base: str, repo: Path, as_json: bool) -> None:
    """Keep a copy of an adapter that was trained elsewhere, in PEFT's format. It becomes active by `promote`."""
    from agent.errors import ConfigError
    from ttrl_adapter.adapter_report import as_json as record
    from ttrl_adapter.registry import model_folder

    model = model_folder(base)
    if model is None:
        raise ConfigError(f"The base model {base!r} is no folder here: an adapter is checked against its weights.")
    named = base if base == "embedded" else str(model.resolve())
    registry = _registry(repo)
    stored = registry.publish(folder, model, base=named)
    if as_json:
        print_json(record(registry.entry(stored.record.id)))
    else:
        click.echo(
            f"Added {stored.record.id}; `sleepwright adapters promote {stored.record.id} --anyway` makes it active."
        )


@adapters.command()
@click.argument("id")
@click.option("--anyway", is_flag=True, help="Also where the gate has not passed it.")
@repo_option
@json_option
def promote(id: str, anyway: bool, repo: Path, as_json: bool) -> None:
    """Make an adapter the active one of its base model. Whatever fails, the one that was active stays."""
    from ttrl_adapter import swap

    registry = _registry(repo)
    with _server(registry, registry.promotable(id, anyway=anyway).record.base) as server:
        stored = swap.promote(registry, id, server, anyway=anyway)
    _tell_active(stored.record.base, stored, server, as_json)


@adapters.command()
@_base
@repo_option
@json_option
def rollback(base: str | None, repo: Path, as_json: bool) -> None:
    """Make active what was so before the last promotion: an adapter, or the base model as it is."""
    from ttrl_adapter import swap

    registry = _registry(repo)
    base = base or _only_base(registry)
    with _server(registry, base) as server:
        stored = swap.roll_back(registry, base, server)
    _tell_active(base, stored, server, as_json)


@adapters.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@repo_option
@json_option
def remove(ids: tuple[str, ...], repo: Path, as_json: bool) -> None:
    """Delete adapters that are not active and not in use."""
    from ttrl_adapter import swap

    registry = _registry(repo)
    for id in ids:
        with _server(registry, None) as server:
            swap.remove(registry, id, server)
        if not as_json:
            click.echo(f"Removed {id}.")
    if as_json:
        print_json({"removed": list(ids)})


def _registry(repo: Path) -> "Registry":
    from agent.workspace import Repository
    from memory.home import MemoryHome
    from ttrl_adapter.registry import Registry

    return Registry(MemoryHome.for_repository(Repository.open(repo).common_dir))


@contextmanager
def _server(registry: "Registry", base: str | None) -> "Iterator[Server | None]":
    """The one that runs for this base model, for any if None."""
    from ttrl_adapter.swap import running_server

    with running_server(registry.home, base) as server:
        yield server


def _only_base(registry: "Registry") -> str:
    from agent.errors import ConfigError
    from memory.adapters import active_ids, history

    bases = sorted(active_ids(history(registry.home)))
    if len(bases) > 1:
        raise ConfigError(f"Adapters of several models are active, name one with --base: {', '.join(bases)}.")
    if not bases:
        raise ConfigError("No adapter is active: there is nothing to roll back.")
    return bases[0]


def _tell_active(base: str, stored: "Stored | None", server: "Server | None", as_json: bool) -> None:
    id = stored.record.id if stored else None
    if as_json:
        print_json({"base": base, "active": id, "server": server.client.url if server else None})
        return
    where = f", also at {server.client.url}" if server else ""
    click.echo(f"{id} is active for {base}{where}." if id else f"{base} answers without an adapter{where}.")
