"""The adapter of the arms `adapter` and `both`: which one it is, and how it comes into the memory of a repository."""

import shutil
from pathlib import Path

from agent.model_name import EMBEDDED, is_served
from agent.workspace import Repository
from evals.errors import PredictionError
from memory.adapters import AdapterEvent, Stored, active_ids, history, history_file, read_adapter
from memory.home import MemoryHome
from memory.journal import Journal


def find_adapter(repo: Path, model: str | None, base_url: str | None) -> Stored:
    """The one that is active in a repository's memory for the model that is asked, the embedded one if none is named.

    PredictionError where none is; RepositoryError where there is no repository.
    """
    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    active = active_ids(history(home))
    if is_served(model, base_url):
        served = sorted(active.keys() - {EMBEDDED})
        base = served[0] if len(served) == 1 and model not in active else model or ""
    else:
        base = EMBEDDED
    if base not in active:
        whose = "embedded" if base == EMBEDDED else "served"
        raise PredictionError(
            f"No adapter is active for the {whose} model in {str(repository.root)!r}: "
            "`sleepwright train --once` there makes one, `sleepwright adapters promote ID` makes one active, and "
            "--adapter-of names another repository."
        )
    return read_adapter(home, active[base])


def bring(stored: Stored, home: MemoryHome) -> None:
    """Make a copy of the adapter the active one of a home that has none."""
    id, base = stored.record.id, stored.record.base
    shutil.copytree(stored.folder, home.adapters / id)
    with Journal(history_file(home)) as journal:
        journal.append(AdapterEvent(action="promoted", adapter=id, base=base, active=id).model_dump(mode="json"))
