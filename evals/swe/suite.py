"""The suite that comes with sleepwright: instances in SWE-bench's fields on small repositories written for it.

data/swe/instances.jsonl holds the instances. data/swe/<repository>/files is its first commit; then, for each of its
instances in their order, NUMBER.patch breaks something or lays the ground (its first line is the commit's message,
and there is none where a feature is asked for), which makes the base commit, and the instance's own patch and
test_patch make the next one. So every later commit holds earlier fixes with their tests, as in a real history, and the
commits are the same on every machine.
"""

import hashlib
import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from itertools import groupby
from pathlib import Path

from platformdirs import user_cache_path

from agent.git_command import git_output
from evals.repositories import ENVIRONMENT, start_repository
from evals.swe.instances import Dataset, Instance, load, read_rows
from evals.swe.mirrors import exclusively

_START = 1_735_732_800  # 2025-01-01 12:00 UTC
_STEP = 86_400 + 3_607  # seconds between two commits


def dataset() -> Dataset:
    """Its instances."""
    with as_file(_data() / "instances.jsonl") as path:
        return load(read_rows(path))


def build(folder: Path | None = None) -> Path:
    """A folder of mirrors with its repositories, made on first use; in the user's cache where none is given."""
    if folder is None:
        folder = user_cache_path("sleepwright", appauthor=False) / "swe" / f"own-{_digest()}"
    with exclusively(folder):
        if not folder.is_dir():
            unfinished = folder.with_name(f".{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            for repo, group in groupby(dataset().instances, key=lambda instance: instance.repo):
                for _ in build_repository(unfinished / repo.replace("/", "__"), list(group)):
                    pass
            unfinished.rename(folder)
    return folder


def build_repository(target: Path, instances: list[Instance]) -> Iterator[str]:
    """Make one repository from its data; yields the base commit of each of its instances, in their order."""
    name = instances[0].repo.rpartition("/")[2]
    start_repository(target)
    with as_file(_data() / name) as source:
        shutil.copytree(source / "files", target, dirs_exist_ok=True)
        _commit(target, "First version", 0)
        for number, instance in enumerate(instances, start=1):
            change = source / f"{number:02}.patch"
            if change.exists():
                message, _, diff = change.read_text(encoding="utf-8").partition("\n")
                _apply(target, diff)
                _commit(target, message, 2 * number - 1)
            yield _git(target, "rev-parse", "HEAD").strip()
            _apply(target, instance.patch)
            _apply(target, instance.test_patch)
            _commit(target, instance.problem_statement.partition("\n")[0], 2 * number)


def _data() -> Traversable:
    return files("evals") / "data" / "swe"


def _digest() -> str:
    """Of all the data: another version of the suite is built elsewhere."""
    found = hashlib.sha256()
    with as_file(_data()) as source:
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def _apply(target: Path, patch: str) -> None:
    _git(target, "apply", "--index", "-", stdin=patch)


def _commit(target: Path, message: str, step: int) -> None:
    date = f"{_START + step * _STEP} +0000"
    _git(target, "add", "--all")
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    _git(target, "commit", "--quiet", "--no-verify", "--message", message, **dates)


def _git(target: Path, *arguments: str, stdin: str = "", **env: str) -> str:
    return git_output(target, *arguments, env={**ENVIRONMENT, **env}, stdin=stdin.encode()).decode()
