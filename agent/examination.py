"""Examines the parts that a run needs, each by using it. What `doctor` prints."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agent.errors import RepositoryError
from agent.git_command import check_version, run_git
from agent.model_name import is_served
from agent.policy import Policy
from agent.sandbox import bwrap_problem
from agent.workspace import Repository
from memory.errors import UserError
from memory.experiences import ExperienceLog
from memory.home import MemoryHome, all_homes


class Finding(NamedTuple):
    """One part: whether it works, and what was seen or what is wrong."""

    part: str
    works: bool
    is_needed: bool
    text: str


def examine(repo: Path) -> list[Finding]:
    """Every part, whatever is wrong with the others."""
    problem = bwrap_problem()
    return [
        _finding("git", lambda: _git(repo)),
        _finding("repository", lambda: str(Repository.open(repo).root), is_needed=False),
        _finding("memory", lambda: _memory(repo)),
        _finding("model", _model),
        _endpoint(),
        Finding("sandbox", problem is None, False, problem or "bubblewrap: a read-only system, no home, no network"),
    ]


def _finding(part: str, use: Callable[[], str], is_needed: bool = True) -> Finding:
    try:
        return Finding(part, True, is_needed, use())
    except UserError as error:
        return Finding(part, False, is_needed, str(error))


def _git(repo: Path) -> str:
    check_version(repo)
    return run_git(repo, "version").output.decode().strip().removeprefix("git version ")


def _memory(repo: Path) -> str:
    """Of the repository where there is one: its log is opened, and made if it is new."""
    try:
        common_dir = Repository.open(repo).common_dir
    except RepositoryError:
        return str(all_homes())
    home = MemoryHome.for_repository(common_dir)
    with ExperienceLog(home.experiences) as log:
        log.latest(1)
    return str(home.path)


def _endpoint() -> Finding:
    model, url = os.environ.get("SLEEPWRIGHT_MODEL"), os.environ.get("SLEEPWRIGHT_BASE_URL")
    if not is_served(model, url):
        return Finding("endpoint", False, False, "none is configured, the embedded model answers")
    # Importing the openai package takes most of a CPU second, needed only here.
    from agent.served import describe_endpoint

    return _finding("endpoint", lambda: describe_endpoint(model, url))


def _model() -> str:
    return f"embedded, prompts of up to {Policy().limit} tokens"
