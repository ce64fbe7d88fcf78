"""Changing the active adapter while a server answers: load the new one under its own name, probe it, switch, unload.

The switch is one line in the history. Before it, whatever fails or is killed leaves the old adapter active and loaded;
after it, the new one is, and what is left over at the server is unloaded by the next who looks. An adapter that a run
is using stays loaded until the run has ended, so that its answers come from one model.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from memory.adapters import Stored, read_adapter, unused
from memory.errors import StoreError, UserError
from memory.file_lock import Locked, locked
from memory.home import MemoryHome
from memory.serving import read_serving
from ttrl_adapter.registry import Registry
from ttrl_adapter.vllm_client import ServerError, VllmClient

_BUSY_SECONDS = 300.0  # a load, a probe


@dataclass(frozen=True)
class Server:
    """A running server of a base model."""

    client: VllmClient
    base: str
    """As adapters name it."""


@contextmanager
def running_server(home: MemoryHome, base: str | None) -> Iterator[Server | None]:
    """What `sleepwright serve` has under way for this base model, for any if None; None where it is not up."""
    found = read_serving(home)
    if found is None or found.state != "ready" or base not in (None, found.base):
        yield None
        return
    with VllmClient(found.url, found.key) as client:
        yield Server(client, found.base)


def promote(registry: Registry, id: str, server: Server | None, *, anyway: bool = False) -> Stored:
    """Make an adapter active, at the server too. Whatever fails, the old one stays."""
    with _switching(registry.home):
        stored = registry.promotable(id, anyway=anyway)
        if server:
            _bring(server, stored)
        registry.promote(id, anyway=anyway)
        _clear_up(registry, server)
    return stored


def roll_back(registry: Registry, base: str, server: Server | None) -> Stored | None:
    """Make active what was so before, at the server too; None for the base model itself."""
    with _switching(registry.home):
        before = registry.before(base)
        if server and before:
            _bring(server, before)
        registry.roll_back(base)
        _clear_up(registry, server)
    return before


def settle(registry: Registry, server: Server) -> bool:
    """Make the server have what is active and nothing else of ours; False while a run is using something else, or
    somebody is switching. What a killed swap has left is put right by this."""
    with ExitStack() as holding:
        try:
            holding.enter_context(locked(_lock_of(registry.home)))
        except Locked:
            return False
        active = registry.active(server.base)
        if active and active.served_name not in server.client.loaded():
            registry.get(active.record.id)
            _bring(server, active)
        return _clear(registry, server)


def remove(registry: Registry, id: str, server: Server | None) -> None:
    """Delete an adapter, and have the server forget it."""
    with _switching(registry.home):
        registry.remove(id)
        if server:
            server.client.unload(f"{registry.home.path.name}-{id}")


def _bring(server: Server, stored: Stored) -> None:
    """Load and probe. What fails its probe is unloaded again."""
    name, was_there = stored.served_name, stored.served_name in server.client.loaded()
    server.client.load(name, stored.folder)
    try:
        server.client.probe(name)
    except UserError:
        if not was_there:
            server.client.unload(name)
        raise


def _clear_up(registry: Registry, server: Server | None) -> None:
    """After the switch: what fails now is no failure of it, and is done by the next who looks."""
    if server:
        with suppress(ServerError):
            _clear(registry, server)


def _clear(registry: Registry, server: Server) -> bool:
    """Unload what is not active and not used; whether nothing is left."""
    active = registry.active(server.base)
    prefix = f"{registry.home.path.name}-v"
    is_clear = True
    for name in server.client.loaded():
        if not name.startswith(prefix) or (active and name == active.served_name):
            continue
        is_clear &= _while_unused(registry.home, name[len(prefix) - 1 :], partial(server.client.unload, name))
    return is_clear


def _while_unused(home: MemoryHome, id: str, do: Callable[[], None]) -> bool:
    """Whether nobody uses an adapter, and it was done."""
    with ExitStack() as holding:
        try:
            if not holding.enter_context(unused(read_adapter(home, id))):
                return False
        except StoreError:
            pass  # it was removed
        do()
        return True


@contextmanager
def _switching(home: MemoryHome) -> Iterator[None]:
    """One switch at a time."""
    with ExitStack() as holding:
        try:
            holding.enter_context(locked(_lock_of(home), _BUSY_SECONDS))
        except Locked as busy:
            raise StoreError(f"Another sleepwright is changing the active adapter ({busy}): try again later.") from None
        yield


def _lock_of(home: MemoryHome) -> Path:
    home.adapters.mkdir(mode=0o700, exist_ok=True)
    return home.adapters / "switch.lock"
