"""The files of a checkout as text: all of them, in every language."""

import os
from functools import cached_property
from pathlib import Path

from agent.edits import decode
from agent.errors import EditRefused
from agent.source import FOREIGN, LARGEST_FILE

MOST_FILES = 20_000


class Checkout:
    """The files under `root` as text. Paths are relative, with forward slashes."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))
        self._texts: dict[str, str | None] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """At most MOST_FILES, sorted."""
        found: list[str] = []
        for folder, folders, names in os.walk(self._root):
            folders[:] = sorted(name for name in folders if name not in FOREIGN)
            inside = os.path.relpath(folder, self._root).replace(os.sep, "/")
            # In a worktree `.git` is a file.
            names = [name for name in names if (inside + name).isprintable() and name != ".git"]
            found += (name if inside == "." else f"{inside}/{name}" for name in names)
            if len(found) >= MOST_FILES:
                break
        return tuple(sorted(found[:MOST_FILES]))

    def read(self, path: str) -> str | None:
        """The text with \\n as line ends; None for what is no text of the user's, or leads out of the checkout."""
        if path not in self._texts:
            self._texts[path] = self._read(path)
        return self._texts[path]

    def _read(self, path: str) -> str | None:
        real = Path(os.path.realpath(self._root / path))
        try:
            if not (real.is_relative_to(self._root) and real.is_file() and real.stat().st_size <= LARGEST_FILE):
                return None
            text = decode(real.read_bytes()).text
        except (OSError, ValueError, EditRefused):
            return None
        return text.replace("\r\n", "\n")
