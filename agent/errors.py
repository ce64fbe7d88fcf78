"""Errors of the agent, all of them `UserError`.

UserError
├── RepositoryError       exit code 2: the repository cannot be used as it is
├── ConfigError           exit code 2: a setting is wrong
├── EditRefused           an edit does not apply; the model is told why
├── SandboxError          exit code 2: the sandbox that was asked for does not work here
└── ModelError            exit code 3: the model or its endpoint failed
"""

from memory.errors import UserError


class RepositoryError(UserError):
    """The repository cannot be used as it is."""


class ConfigError(UserError):
    """A setting is wrong."""


class EditRefused(UserError):
    """An edit does not apply to the file as it is."""


class SandboxError(UserError):
    """The sandbox that was asked for does not work here."""


class ModelError(UserError):
    """The model or its endpoint failed."""

    exit_code = 3
