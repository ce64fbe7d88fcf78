"""Whether it is time for a round of training: what the daemon asks through `sleepwright train --once --if-due`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from memory.experiences import ExperienceLog
from ttrl_adapter.round import DONE, round_folders

LEAST_NEW = 16
"""Finished tasks since the last round: fewer teach it little, and a round takes minutes."""


class Due(NamedTuple):
    """What waits to be learnt from."""

    new: int
    """Finished tasks since the last round, LEAST_NEW at most."""
    interrupted: bool
    """A round was begun and not finished."""

    @property
    def is_due(self) -> bool:
        return self.interrupted or self.new >= LEAST_NEW

    def __str__(self) -> str:
        if self.interrupted:
            return "a round was interrupted"
        return f"{self.new} finished tasks wait since the last round, of {LEAST_NEW} that make one due"


def look(rounds: Path, log: ExperienceLog) -> Due:
    """What waits now for the model whose rounds lie there; StoreError where the log cannot be read."""
    folders = round_folders(rounds)
    last = folders[-1] / DONE if folders else None
    if last and not last.exists():
        return Due(0, interrupted=True)
    since = datetime.fromtimestamp(last.stat().st_mtime, UTC) if last else datetime.min.replace(tzinfo=UTC)
    return Due(sum(experience.created_at > since for experience in log.latest(LEAST_NEW)), interrupted=False)
