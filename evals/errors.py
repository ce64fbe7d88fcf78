"""Errors of the evaluations, all of them `UserError` with exit code 2.

UserError
├── RunFolderError   the folder of a run cannot be used
└── DatasetError     the instances of a data set cannot be read
"""

from memory.errors import UserError


class RunFolderError(UserError):
    """The folder of a run cannot be used."""


class DatasetError(UserError):
    """The instances of a data set cannot be read."""
