"""Where a repository's memory lies: every path in one place.

One folder per repository in the user's data directory (`SLEEPWRIGHT_HOME` moves it), named after the resolved git
common directory, so that all work trees of a repository share it and nothing shows in `git status`; it goes along when
the repository is moved. Nothing that came with a repository is ever opened as a store: a home inside a work tree, or
owned by somebody else, is refused.
"""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from memory.errors import StoreError


@dataclass(frozen=True)
class MemoryHome:
    """The memory of one repository. `path` exists, with mode 0700."""

    path: Path

    @classmethod
    def for_repository(cls, common_dir: Path) -> "MemoryHome":
        """The home of the repository whose git common directory this is, made if it is new.

        StoreError where it cannot be made, lies inside a repository's work tree, or belongs to another user.
        """
        common_dir = common_dir.resolve()
        home = cls(all_homes(common_dir) / _folder_name(common_dir))
        if not home.path.exists():
            _take_along(common_dir, home.path)
        _own_folder(home.path, make_private=True)
        _own_folder(home.worktrees, make_private=True)
        home._name_repository(common_dir)
        return home

    def _name_repository(self, common_dir: Path) -> None:
        """Say whose home this is, for `forsaken_homes` and for when the repository is moved."""
        try:
            if self._identity != (identity := _identity(common_dir)):
                self._identity_file.write_text(identity)
            if self.repository != common_dir:
                self._owner_file.write_bytes(os.fsencode(common_dir))
        except OSError as error:
            raise StoreError(f"The memory home {str(self.path)!r} cannot be used: {error.strerror}.") from error

    @property
    def repository(self) -> Path | None:
        """The git common directory that it belongs to; None where an older program made it and did not say."""
        try:
            return Path(os.fsdecode(self._owner_file.read_bytes()))
        except OSError:
            return None

    def paths_of(self, root: Path) -> list[str]:
        """By which tasks know a work tree: its path, and of the main one those from before the repository was moved."""
        if self.repository != root / ".git":
            return [str(root)]
        try:
            former = self._former_file.read_bytes().split(b"\0")
        except OSError:  # it was never moved
            former = []
        return [str(root), *(str(Path(os.fsdecode(name)).parent) for name in former if name.endswith(b"/.git"))]

    def is_of(self, common_dir: Path) -> bool:
        """Whether this is the repository that it was made for, wherever that lies now."""
        known = self._identity
        return bool(known) and known == _identity(common_dir)

    @property
    def _identity(self) -> str | None:
        """None where an older program made the home."""
        try:
            return self._identity_file.read_text()
        except OSError:
            return None

    @property
    def _owner_file(self) -> Path:
        return self.path / "repository"

    @property
    def _identity_file(self) -> Path:
        return self.path / "identity"

    @property
    def _former_file(self) -> Path:
        """The git common directories that the repository had before it was moved, each ended by a NUL."""
        return self.path / "moved_from"

    @property
    def experiences(self) -> Path:
        """The experience log, an SQLite file."""
        return self.path / "experiences.db"

    @property
    def notes(self) -> Path:
        """The durable record of the notes, an SQLite file."""
        return self.path / "notes.db"

    @property
    def index(self) -> Path:
        """The notes as vectors, a Chroma folder made from the record."""
        return self.path / "chroma"

    @property
    def adapters(self) -> Path:
        """The folder of LoRA adapters, and the history that says which is active."""
        return self.path / "adapters"

    @property
    def rounds(self) -> Path:
        """The folder of rounds of training, one folder each."""
        return self.path / "rounds"

    @property
    def training(self) -> Path:
        """The lock of the one who trains an adapter."""
        return self.path / "training.lock"

    @property
    def serving(self) -> Path:
        """What `sleepwright serve` says about its server; there is a lock beside it."""
        return self.path / "serving.json"

    @property
    def server_log(self) -> Path:
        """What the server that was started last has written."""
        return self.path / "vllm.log"

    @property
    def symbols(self) -> Path:
        """The symbols of blobs, an SQLite file that can be deleted at any time."""
        return self.path / "symbols.db"

    @property
    def words(self) -> Path:
        """The words of blobs, an SQLite file that can be deleted at any time."""
        return self.path / "words.db"

    @property
    def sleep(self) -> Path:
        """What sleep has thought about and has still to think about, an SQLite file."""
        return self.path / "sleep.db"

    @property
    def sleeper(self) -> Path:
        """Locked by the one process that sleeps here."""
        return self.path / "sleep.lock"

    @property
    def failures(self) -> Path:
        """The patches that were tried in vain, an SQLite file that can be deleted at any time."""
        return self.path / "failures.db"

    @property
    def study(self) -> Path:
        """What commits changed and what test runs showed, an SQLite file that can be deleted at any time."""
        return self.path / "study.db"

    @property
    def runs(self) -> Path:
        """The folder of runs under way, and of the trajectories of finished ones."""
        return self.path / "runs"

    @property
    def worktrees(self) -> Path:
        """The folder of throw-away worktrees; outside every repository, so that no tool mistakes them for its part."""
        return self.path / "worktrees"


def all_homes(common_dir: Path | None = None) -> Path:
    """The folder of all homes, made if it is new; `common_dir` is the repository that one is looked for.

    StoreError where it cannot be used.
    """
    root = _root()
    _refuse_inside_work_tree(root, common_dir)
    _own_folder(root, make_private=False)
    return root


def forsaken_homes() -> list[Path]:
    """The homes of repositories that are gone, while the folder that they lay in is still there."""
    found = []
    for path in sorted(all_homes().iterdir()):
        repository = MemoryHome(path).repository
        # A disk that is not mounted takes the folder around the repository with it.
        if repository and not repository.exists() and any(above.exists() for above in repository.parents[:2]):
            found.append(path)
    return found


def remove_home(path: Path) -> None:
    """Delete one of the homes that `forsaken_homes` named."""
    if path not in forsaken_homes():
        raise StoreError(f"{str(path)!r} is not the memory of a repository that is gone: it is not deleted.")
    shutil.rmtree(path)


def _root() -> Path:
    moved = os.environ.get("SLEEPWRIGHT_HOME", "")
    root = Path(moved).expanduser() if moved else user_data_path("sleepwright", appauthor=False)
    if not root.is_absolute():
        raise StoreError(f"The memory home {str(root)!r} is not an absolute path: set SLEEPWRIGHT_HOME to one.")
    return root.resolve()


def _identity(common_dir: Path) -> str:
    """What a repository keeps when it is moved and no other has, not even one made in its place; "" where nothing.

    Numbers of files are given again once they are free. `description` is written when a repository is made, and never
    after.
    """
    try:
        folder, description = common_dir.stat(), (common_dir / "description").stat()
    except OSError:
        return ""
    return f"{folder.st_ino} {description.st_ino} {description.st_mtime_ns}"


def _take_along(common_dir: Path, home: Path) -> None:
    """Where the repository has been moved here since its home was made, make that `home`."""
    for path in sorted(home.parent.iterdir()):
        old = MemoryHome(path)
        if old.repository and not old.repository.exists() and old.is_of(common_dir):
            with suppress(OSError):  # another process was faster
                with old._former_file.open("ab") as former:
                    former.write(os.fsencode(old.repository) + b"\0")
                path.rename(home)
            return


def _folder_name(common_dir: Path) -> str:
    """A name that people recognise, and a hash that tells equal names apart."""
    named_after = common_dir.parent.name if common_dir.name == ".git" else common_dir.name.removesuffix(".git")
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", named_after)[:40].strip(".-") or "repository"
    return f"{readable}-{hashlib.sha256(os.fsencode(common_dir)).hexdigest()[:12]}"


def _refuse_inside_work_tree(root: Path, common_dir: Path | None) -> None:
    for folder in (root, *root.parents):
        # Some keep their whole home directory in git; the data directory in it is still theirs, unless it is the task.
        is_dotfiles = folder == Path("~").expanduser() and folder / ".git" != common_dir
        if os.path.lexists(folder / ".git") and not is_dotfiles:
            raise StoreError(
                f"The memory home {str(root)!r} lies inside the work tree {str(folder)!r}, where a repository could "
                "bring its own: set SLEEPWRIGHT_HOME to a folder outside of it."
            )


def _own_folder(folder: Path, *, make_private: bool) -> None:
    """Make the folder with mode 0700, whatever the umask; an existing one must be the user's own."""
    way_out = "set SLEEPWRIGHT_HOME to a folder that you own and can write to"
    try:
        is_new = not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise StoreError(f"The memory home {str(folder)!r} belongs to another user: {way_out}.")
        if (is_new or make_private) and found.st_mode & 0o777 != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise StoreError(f"The memory home {str(folder)!r} cannot be used: {error.strerror}; {way_out}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"The memory home {str(folder)!r} is not writable: {way_out}.")
