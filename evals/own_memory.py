"""A memory and settings that are not the user's, for this process and for those that it starts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OURS = "SLEEPWRIGHT_"


@contextmanager
def own_memory(folder: Path, settings: str = "") -> Iterator[None]:
    """While in the block, what is remembered lies in `folder`, the settings are these, and no model is set up."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(_OURS)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sleep.toml").write_text(settings, encoding="utf-8")
    try:
        _forget()
        os.environ |= {f"{_OURS}HOME": str(folder / "home"), f"{_OURS}CONFIG": str(folder / "sleep.toml")}
        yield
    finally:
        _forget()
        os.environ |= kept


def _forget() -> None:
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        del os.environ[name]
