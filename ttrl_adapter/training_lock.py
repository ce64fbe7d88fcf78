"""One training at a time in a home."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from memory.errors import UserError
from memory.file_lock import Locked, locked
from memory.home import MemoryHome


class TrainerBusy(UserError):
    """Another process is training."""


@contextmanager
def training_lock(home: MemoryHome) -> Iterator[None]:
    """Held while the block runs; TrainerBusy where another process has it."""
    with ExitStack() as holding:
        try:
            holding.enter_context(locked(home.training))
        except Locked as busy:
            raise TrainerBusy(
                f"Another training of this repository is under way ({busy}): wait for it, or end it."
            ) from None
        yield
