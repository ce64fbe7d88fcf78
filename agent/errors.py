"""Errors of the agent, all of them `UserError`.

UserError
├── RepositoryError       exit code 2: the repository cannot be used as it is
├── ConfigError           exit code 2: a setting is wrong
├── EditRefused           an edit does not apply; the model is told why
├── SandboxError          exit code 2: the sandbox that was asked for does not work here
├── AdapterError          exit code 2: a LoRA adapter is broken, or does not fit its base model
├── Interrupted           exit code 130: the user ended the run, which can be resumed
└── ModelError            exit code 3: the model or its endpoint failed
    ├── ContextExceeded   the prompt is longer than the model takes; a shorter one may do
    └── ToolsRefused      the endpoint takes no tools; a request without them may do
"""

from pathlib import Path

from memory.errors import UserError


class RepositoryError(UserError):
    """The repository cannot be used as it is."""


class ConfigError(UserError):
    """A setting is wrong."""


class EditRefused(UserError):
    """An edit does not apply to the file as it is."""


class SandboxError(UserError):
    """The sandbox that was asked for does not work here."""


class AdapterError(UserError):
    """A LoRA adapter is broken, or does not fit its base model."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"The adapter in {str(folder)!r} cannot be used: {reason}.")
        self.folder = folder
        self.reason = reason


class Interrupted(UserError):
    """The user ended the run."""

    exit_code = 130


class ModelError(UserError):
    """The model or its endpoint failed."""

    exit_code = 3


class ContextExceeded(ModelError):
    """The prompt is longer than the model takes."""

    def __init__(self, message: str, tokens: int) -> None:
        super().__init__(message)
        self.tokens = tokens
        """What the model takes, prompt and answer together; 0 where unknown."""


class ToolsRefused(ModelError):
    """The endpoint takes no tools."""
