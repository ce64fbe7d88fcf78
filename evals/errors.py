"""Errors of the evaluations, all of them `UserError` with exit code 2.

UserError
├── RunFolderError   the folder of a run cannot be used
│   └── NoAnswers    it has nothing to make tables from
├── DatasetError     the instances of a data set cannot be read
├── NoEnvironment    the environment for an instance's tests cannot be made
├── PredictionError  the agent was not asked, or gave no answer
└── HarnessError     SWE-bench's own harness cannot be used here
"""

from pathlib import Path

from memory.errors import UserError


class RunFolderError(UserError):
    """The folder of a run cannot be used."""


class NoAnswers(RunFolderError):
    """The folder of a run has nothing to make tables from."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{str(folder)!r} has no answers: the run was cut before the first one.")


class DatasetError(UserError):
    """The instances of a data set cannot be read."""


class NoEnvironment(UserError):
    """The environment for an instance's tests cannot be made."""


class PredictionError(UserError):
    """The agent was not asked, or gave no answer."""


class HarnessError(UserError):
    """SWE-bench's own harness cannot be used here."""
