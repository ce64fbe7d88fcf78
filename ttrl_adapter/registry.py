"""The adapters of a home: published once and never changed, promoted, rolled back, removed. The only writer of them.

An adapter is written aside, made durable, and renamed into place; what is active is the last word of the history. A
process that is killed leaves nothing half done but a folder that the next one clears away.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from safetensors import SafetensorError

from agent.errors import AdapterError
from agent.lora import CONFIG, WEIGHTS, open_lora, open_stored
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED, Policy
from agent.weight_file import hash_weights, shapes_of_model
from memory.adapters import RECORD, AdapterEvent, Stored, active_ids, history, history_file, read_adapter, unused
from memory.errors import StoreError, UserError
from memory.file_lock import Locked, locked
from memory.home import MemoryHome
from memory.journal import Journal
from memory.records import Adapter, Verdict

_BUSY_SECONDS = 30.0  # publishing a large adapter takes seconds
_NEW, _GONE = ".new-", ".gone-"

State = Literal["active", "passed", "rejected", "unjudged", "broken"]
"""passed, rejected: by the gate; unjudged: no gate has seen it; broken: it can only be removed."""


class Entry(NamedTuple):
    """An adapter as a list shows it."""

    id: str
    state: State
    stored: Stored | None
    """None where it is broken."""
    problem: str = ""
    """Of a broken one."""


class Registry:
    """Every method may raise StoreError. Safe for several processes."""

    def __init__(self, home: MemoryHome) -> None:
        self.home = home

    def publish(
        self,
        source: Path,
        model: Path,
        *,
        base: str,
        parent: str | None = None,
        data_hash: str = "",
        seed: int | None = None,
        metrics: Mapping[str, float] | None = None,
        verdict: Verdict | None = None,
    ) -> Stored:
        """Take a copy of the PEFT folder `source`, an adapter of the base model in the folder `model`.

        `base` is the model's name: "embedded", a folder, or what a hub calls it. Durable when this returns. Raises
        AdapterError where the adapter is broken, too large, or of another model, UserError where the model is.
        """
        try:
            shapes = shapes_of_model(model)
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"The base model in {str(model)!r} cannot be read: {error}.") from error
        lora = open_lora(source, shapes)
        base_hash = hash_weights(model)  # seconds, for a large one
        with self._writing() as journal:
            id = self._next_id()
            aside = self.home.adapters / f"{_NEW}{id}"
            try:
                aside.mkdir(mode=0o700)
                for name in (CONFIG, WEIGHTS):
                    shutil.copyfile(source / name, aside / name)
                for _ in open_lora(aside, shapes).updates():  # reads all of them
                    pass
                record = Adapter(
                    id=id,
                    parent=parent,
                    base=base,
                    base_hash=base_hash,
                    weights_hash=hash_weights(aside),
                    rank=lora.rank,
                    data_hash=data_hash,
                    seed=seed,
                    metrics=dict(metrics or {}),
                    verdict=verdict,
                )
                (aside / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
                _settle(aside, self.home.adapters / id)
            except AdapterError as error:
                raise AdapterError(source, error.reason) from None
            except OSError as error:
                raise StoreError(f"An adapter cannot be kept in {str(self.home.adapters)!r}: {error}.") from error
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            journal.append(_entry("published", id, base))
        return read_adapter(self.home, id)

    def entries(self) -> list[Entry]:
        """All that are there, the oldest first."""
        active = set(active_ids(history(self.home)).values())
        return [self._entry(id, active) for id in self._ids()]

    def entry(self, id: str) -> Entry:
        """The one of this id, broken or not; UserError where there is none."""
        if id not in self._ids():
            raise UserError(f"There is no adapter {id!r}: `sleepwright adapters list` names them.")
        return self._entry(id, set(active_ids(history(self.home)).values()))

    def get(self, id: str) -> Stored:
        """The adapter of this id, checked as far as its base model is at hand: AdapterError where it is broken."""
        stored = read_adapter(self.home, id)
        check(stored)
        return stored

    def active(self, base: str) -> Stored | None:
        """What is active for a base model; None for the model itself."""
        id = active_ids(history(self.home)).get(base)
        return read_adapter(self.home, id) if id else None

    def promotable(self, id: str, *, anyway: bool = False) -> Stored:
        """The adapter, if it may become active: UserError where the gate did not pass it, unless `anyway`, AdapterError
        where it is broken."""
        stored = self.get(id)
        verdict = stored.record.verdict
        if verdict and verdict.passed:
            return stored
        if not anyway:
            why = "; ".join(verdict.reasons) or "inconclusive" if verdict else "no gate has judged it"
            raise UserError(f"{id} is not promoted: {why.rstrip('.')}. --anyway does it all the same.")
        if stored.record.base == EMBEDDED:
            Policy(SHIPPED, open_stored(stored, SHIPPED))  # the gate has not asked it; one for a server is asked there
        return stored

    def promote(self, id: str, *, anyway: bool = False) -> Stored:
        """Make it the active one of its base model. Nothing happens where it is that already."""
        with self._writing() as journal:
            stored = self.promotable(id, anyway=anyway)
            if active_ids(history(self.home)).get(stored.record.base) != id:
                journal.append(_entry("promoted", id, stored.record.base, active=id))
        return stored

    def before(self, base: str) -> Stored | None:
        """What a roll-back would make active; None for the base model itself. UserError where nothing is active."""
        line = _line(history(self.home), base)
        if not line:
            raise UserError(f"No adapter of {base!r} is active: there is nothing to roll back.")
        return self.get(line[-2]) if len(line) > 1 else None

    def roll_back(self, base: str) -> Stored | None:
        """Make active what was so before the last promotion; returns it, None for the base model itself."""
        with self._writing() as journal:
            found = self.before(base)
            active = active_ids(history(self.home))[base]
            journal.append(_entry("rolled-back", active, base, active=found.record.id if found else None))
        return found

    def remove(self, id: str) -> None:
        """Delete it. UserError where it is active, or a run is using it."""
        with self._writing() as journal:
            if id not in self._ids():
                raise UserError(f"There is no adapter {id!r}: `sleepwright adapters list` names them.")
            if id in active_ids(history(self.home)).values():
                raise UserError(f"{id} is not removed: it is active. `sleepwright adapters rollback` first.")
            base = ""
            with suppress(StoreError):  # a broken one can be removed too
                stored = read_adapter(self.home, id)
                base = stored.record.base
                with unused(stored) as is_unused:
                    if not is_unused:
                        raise UserError(f"{id} is not removed: a run is using it.")
            journal.append(_entry("removed", id, base))
            self._tidy()

    @contextmanager
    def _writing(self) -> Iterator[Journal]:
        """The only writer of all processes; what a killed one left is cleared away first."""
        folder = self.home.adapters
        with ExitStack() as holding:
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
                holding.enter_context(locked(folder / "lock", _BUSY_SECONDS))
            except OSError as error:
                raise StoreError(f"Adapters cannot be kept in {str(folder)!r}: {error.strerror}.") from error
            except Locked as busy:
                raise StoreError(f"The adapters are locked by another sleepwright ({busy}): try again later.") from None
            journal = holding.enter_context(Journal(history_file(self.home)))
            self._tidy()
            for id in self._unpublished():
                with suppress(StoreError):
                    journal.append(_entry("published", id, read_adapter(self.home, id).record.base))
            yield journal

    def _tidy(self) -> None:
        """Delete what was removed, and what was never finished."""
        removed = {event.adapter for event in history(self.home) if event.action == "removed"}
        for id in removed & set(self._ids()):
            # Under another name first: half of it is never taken for an adapter.
            (self.home.adapters / id).rename(self.home.adapters / f"{_GONE}{id}")
        for prefix in (_NEW, _GONE):
            for leftover in self.home.adapters.glob(f"{prefix}*"):
                shutil.rmtree(leftover, ignore_errors=True)

    def _unpublished(self) -> list[str]:
        """Those whose process was killed between the last two steps."""
        known = {event.adapter for event in history(self.home)}
        return [id for id in self._ids() if id not in known]

    def _ids(self) -> list[str]:
        folder = self.home.adapters
        found = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        return sorted((name for name in found if name[0] == "v" and name[1:].isdigit()), key=_number)

    def _next_id(self) -> str:
        """One that no adapter ever had: a server may still know the old one by its name."""
        given = [*self._ids(), *(event.adapter for event in history(self.home))]
        return f"v{max(map(_number, given), default=0) + 1:04}"

    def _entry(self, id: str, active: set[str]) -> Entry:
        try:
            stored = self.get(id)
        except UserError as error:
            return Entry(id, "broken", None, str(error))
        if id in active:
            return Entry(id, "active", stored)
        verdict = stored.record.verdict
        return Entry(id, "unjudged" if verdict is None else "passed" if verdict.passed else "rejected", stored)


def check(stored: Stored) -> None:
    """AdapterError where an adapter is not what was published, or not of the base model that is here."""
    if model := model_folder(stored.record.base):
        open_stored(stored, model)
    elif hash_weights(stored.folder) != stored.record.weights_hash:
        raise AdapterError(stored.folder, "its weights are not those that were published")


def model_folder(base: str) -> Path | None:
    """Where the base model of this name lies; None where only a hub or a server knows."""
    if base == EMBEDDED:
        return SHIPPED
    return Path(base) if Path(base).is_dir() else None


def _line(events: Sequence[AdapterEvent], base: str) -> list[str]:
    """The promotions of a base model that nobody took back, the active one last."""
    line: list[str] = []
    for event in events:
        if event.action == "promoted" and event.base == base:
            line.append(event.adapter)
        elif event.action == "rolled-back" and event.base == base and line:
            line.pop()
        elif event.action == "removed":
            line = [id for id in line if id != event.adapter]
    return line


def _entry(
    action: Literal["published", "promoted", "rolled-back", "removed"], id: str, base: str, active: str | None = None
) -> dict[str, object]:
    return AdapterEvent(action=action, adapter=id, base=base, active=active).model_dump(mode="json")


def _number(id: str) -> int:
    return int(id[1:])


def _settle(aside: Path, place: Path) -> None:
    """Make a folder durable, unchangeable, and known by its name, in this order."""
    for path in aside.iterdir():
        path.chmod(0o400)
        _sync(path)
    _sync(aside)
    aside.rename(place)
    _sync(place.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
