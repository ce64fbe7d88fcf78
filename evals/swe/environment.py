"""The Python that an instance's tests run with: this one, or one made for the repository.

A made one holds what the repository depends on and its metadata, but none of its code, which is taken from the work
tree: what was installed at one commit could hold the fix of another, or hide the patch that is being graded. So a
repository with extension modules or code made at installation, or with its packages neither at the top nor in src/, is
not for it.

One is made for each set of files that say what is depended on, and kept; who needs it while it is made waits.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.errors import RepositoryError
from agent.git_command import git_output
from evals.errors import NoEnvironment
from evals.repositories import ENVIRONMENT, export, require_commit
from evals.run_folder import write_whole
from evals.swe.instances import Instance
from evals.swe.mirrors import exclusively

Kind = Literal["current", "venv"]

_EXTRAS = "test,tests,testing,dev"
# -I: it is run in the repository, which may have modules of the same names as those of Python.
_INSTALL = ("-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
_WHOLE = ".whole"
_PATIENCE = 1800.0  # seconds; old packages are built from source

_SAYS_WHAT_IT_NEEDS = re.compile(
    r"(pyproject\.toml|setup\.(py|cfg)|Pipfile(\.lock)?|environment\.ya?ml)|(.*/)?(requirements|constraints)[^/]*(\.(txt|in)|/.*)"
)

# The work tree that a command runs in, and its src/, come last on the path. Read when the environment's Python starts.
_WORK_TREE = """\
import os, sys; sys.path += filter(os.path.isdir, (os.getcwd(), os.path.join(os.getcwd(), "src")))
"""

# Keeps the metadata of what was installed from a folder and removes its code. Run by the environment's own Python.
_FORGET_CODE = """
import importlib.metadata as metadata, json, os, pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "work_tree.pth").write_text(sys.argv[1])
for found in list(metadata.distributions()):
    address = found.read_text("direct_url.json")
    if address and json.loads(address)["url"].startswith("file:"):
        for file in found.files or ():
            if ".dist-info" not in file.parts[0]:
                try:
                    os.remove(file.locate())
                except OSError:
                    pass
"""


@dataclass(frozen=True)
class Environment:
    """A Python with pytest, and how commands come to use it."""

    python: Path

    @property
    def variables(self) -> Mapping[str, str]:
        """For commands that say `python` or `pytest`."""
        settings = {"PATH": os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])}
        if self.is_current:
            # The plugins of our own environment are no part of the repository, and take longer than its tests.
            return {**settings, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return {**settings, "VIRTUAL_ENV": str(self.python.parent.parent)}

    @property
    def is_current(self) -> bool:
        return self.python == Path(sys.executable)


def open_environment(instance: Instance, mirror: Path, kind: Kind, folder: Path) -> Environment:
    """The one for the instance; those that are made are kept in `folder`.

    NoEnvironment where it cannot be made, which is tried once in a process.
    """
    if kind == "current":
        return Environment(Path(sys.executable))
    target = folder / f"{instance.repo.replace('/', '__')}-{_needs(instance, mirror)}"
    with exclusively(target) as lock:
        if target in _failed:
            raise NoEnvironment(_failed[target])
        if not (target / _WHOLE).exists():
            # Made where it stays, since its programs name their place; whole once the mark is there.
            shutil.rmtree(target, ignore_errors=True)
            try:
                _make(instance, mirror, target, lock)
            except NoEnvironment as error:
                _failed[target] = str(error)
                raise
            write_whole(target / _WHOLE, instance.instance_id)
    return Environment(target / "bin" / "python")


_failed: dict[Path, str] = {}
"""Why an environment cannot be made: nothing is built in vain for each instance that needs it."""


def _needs(instance: Instance, mirror: Path) -> str:
    """A hash of all that says what the environment holds."""
    commit = instance.environment_setup_commit or instance.base_commit
    require_commit(mirror, commit)
    listed = git_output(mirror, "ls-tree", "-r", "-z", commit, env=ENVIRONMENT).decode("utf-8", "surrogateescape")
    entries = [line for line in listed.split("\0") if _SAYS_WHAT_IT_NEEDS.fullmatch(line.partition("\t")[2])]
    config = instance.install_config.model_dump_json(exclude={"test_cmd"})
    text = "\n".join([sys.version, config, *entries])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _make(instance: Instance, mirror: Path, target: Path, lock: int) -> None:
    config = instance.install_config
    python = shutil.which(f"python{config.python}") if config.python else sys.executable
    if python is None:
        raise NoEnvironment(f"{instance.instance_id} needs Python {config.python}, which is not on the PATH.")
    _run(instance, [python, "-I", "-m", "venv", str(target)], Path.cwd(), lock)
    own = str(target / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="sleepwright-") as scratch:
        source = Path(scratch) / "source"
        try:
            export(mirror, instance.environment_setup_commit or instance.base_commit, source)
        except RepositoryError as error:
            raise NoEnvironment(str(error)) from error
        wanted = ["pytest", *config.pip_packages]
        if any((source / name).exists() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
            wanted.append(f"{source}[{_EXTRAS}]")
        if config.packages == "requirements.txt" and (source / config.packages).is_file():
            wanted += ["-r", config.packages]
        _run(instance, [own, *_INSTALL, *wanted], source, lock)
        _run(instance, [own, "-I", "-c", _FORGET_CODE, _WORK_TREE], source, lock)


def _run(instance: Instance, command: list[str], cwd: Path, lock: int) -> None:
    try:
        # It has the lock too: where we are killed, nobody begins again while it still installs.
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL,
            pass_fds=[lock],
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoEnvironment(f"The environment of {instance.instance_id} takes too long to make.") from None
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["it gave no reason"]
        error = next((line for line in said if line.lower().startswith("error")), said[-1])
        raise NoEnvironment(f"The environment of {instance.instance_id} cannot be made: {error.strip()}")
