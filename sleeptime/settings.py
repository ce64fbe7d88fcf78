"""What a user can set about sleep: a small TOML file in the user's own configuration directory, never in a repository.

`SLEEPWRIGHT_CONFIG` names another file. Keys of endpoints come from the environment only.
"""

import os
import tomllib
from pathlib import Path
from typing import Self

from platformdirs import user_config_path
from pydantic import ConfigDict, Field, ValidationError

from memory.errors import UserError
from memory.records import Record


class SleepSettings(Record):
    """The defaults work without a file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str | None = None
    """The model that thinks while you are away; None for $SLEEPWRIGHT_MODEL, else the embedded one."""
    base_url: str | None = None
    """Where it is served; None for $SLEEPWRIGHT_BASE_URL."""

    paid_tokens_per_day: int = Field(default=0, ge=0)
    """Prompt and completion tokens of endpoints that are not on this machine, all repositories together."""
    tokens_per_day: int | None = Field(default=None, ge=0)
    """The same of all endpoints; without it those on this machine are not limited."""
    requests_per_day: int = Field(default=5_000, ge=0)
    """To all endpoints, repeated ones included."""
    cpu_seconds_per_day: float = Field(default=7_200.0, ge=0)
    """Of the daemon's sleep and all that it starts."""
    gpu_seconds_per_day: float | None = Field(default=None, ge=0)
    """Seconds for which requests of the sleeper kept an endpoint on this machine busy."""

    train: bool = False
    """After a sleep, whether the daemon also lets the local model learn from enough finished tasks: `sleepwright train
    --once --if-due`, which needs what `make ttrl` installs."""

    quiet_seconds: float = Field(default=120.0, ge=0)
    """For how long nothing may have changed in a work tree, and no run may have been active, before sleep begins."""
    highest_load: float = Field(default=0.6, gt=0)
    """Load average per core above which sleep does not begin."""
    lowest_battery: int = Field(default=100, ge=0, le=100)
    """Per cent of charge below which nothing is done while unplugged; 100 leaves the battery alone nearly always."""

    @classmethod
    def load(cls, file: Path | None = None) -> Self:
        """From the user's file, or from `file`; UserError where it is not understood."""
        file = file or settings_file()
        try:
            return cls.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            raise UserError(f"{str(file)!r}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
        except (OSError, ValueError) as error:
            raise UserError(f"The settings {str(file)!r} cannot be read: {error}.") from error


def settings_file() -> Path:
    """Where the user's settings of sleep lie, or would."""
    moved = os.environ.get("SLEEPWRIGHT_CONFIG", "")
    file = Path(moved).expanduser() if moved else user_config_path("sleepwright", appauthor=False) / "sleep.toml"
    if not file.is_absolute():
        raise UserError(f"SLEEPWRIGHT_CONFIG names {moved!r}: write an absolute path, so that no repository brings it.")
    return file
