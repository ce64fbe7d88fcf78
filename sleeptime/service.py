"""The daemon as a service of the user's session: a systemd user unit, or on macOS a launchd agent."""

import hashlib
import os
import plistlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memory.errors import UserError
from sleeptime.control import DaemonFolder

_HANDED_ON = (
    *("PATH", "SLEEPWRIGHT_HOME", "SLEEPWRIGHT_CONFIG", "SLEEPWRIGHT_BASE_URL", "SLEEPWRIGHT_MODEL"),
    *("SLEEPWRIGHT_CHROMA_URL", "SLEEPWRIGHT_EMBED_URL", "SLEEPWRIGHT_EMBED_MODEL", "SLEEPWRIGHT_EMBED_DIR"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME"),
)
"""Of the environment that `daemon install` was called in. No secrets: the file is readable by many programs."""

_UNIT = """\
[Unit]
Description=sleepwright, which studies repositories while their user is away

[Service]
Type=exec
ExecStart={command}
{environment}
# Keys of endpoints, if you have some: NAME=VALUE lines in a file that only you can read.
EnvironmentFile=-{secrets}
Restart=on-failure
RestartSec=30
# Another daemon that runs already, or settings that are wrong, are no reason to try again.
RestartPreventExitStatus=2
KillMode=mixed
TimeoutStopSec=10
Nice=10
IOSchedulingClass=idle

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Service:
    """A file that a service manager reads, and the commands that make it look."""

    file: Path
    content: bytes
    start: Sequence[Sequence[str]]
    end: Sequence[Sequence[str]]

    def write(self) -> None:
        """In the place of an older one. UserError where it cannot be written."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_bytes(self.content)
        except OSError as error:
            raise UserError(f"{str(self.file)!r} cannot be written: {error.strerror}.") from error

    def run(self, commands: Sequence[Sequence[str]]) -> None:
        """UserError with what the service manager says where it does not do so."""
        for words in commands:
            try:
                done = subprocess.run(words, capture_output=True, text=True)
                problem = (done.stderr or done.stdout).strip() if done.returncode else None
            except OSError as error:
                problem = str(error.strerror)
            if problem is not None:
                raise UserError(f"`{' '.join(words)}` failed: {problem or 'no output'}")


def service_for(folder: DaemonFolder, environment: Mapping[str, str]) -> Service:
    """The one for this system. UserError where there is neither systemd nor launchd."""
    # -P: systemd starts it in the user's home, where there may be a folder called `memory`.
    words = [sys.executable, "-P", "-m", "agent.cli", "daemon", "run"]
    kept = {name: environment[name] for name in _HANDED_ON if environment.get(name)}
    name = f"sleepwright{_mark(environment)}"
    if sys.platform == "darwin":
        return launchd_agent(name, words, kept, folder)
    if sys.platform.startswith("linux"):
        return systemd_unit(name, words, kept, folder)
    raise UserError("Only systemd and launchd are known: let your system start `sleepwright daemon run`.")


def systemd_unit(name: str, words: Sequence[str], environment: Mapping[str, str], folder: DaemonFolder) -> Service:
    """For `systemctl --user`."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    unit = f"{name}.service"
    content = _UNIT.format(
        command=" ".join(_quoted(word).replace("$", "$$") for word in words),
        environment="\n".join(f"Environment={_quoted(f'{key}={value}')}" for key, value in environment.items()),
        secrets=_escaped(str(config / "sleepwright" / "environment")),
    )
    manager = ("systemctl", "--user")
    return Service(
        config / "systemd" / "user" / unit,
        content.encode("utf-8", "surrogateescape"),
        start=[[*manager, "daemon-reload"], [*manager, "enable", "--now", unit]],
        end=[[*manager, "disable", "--now", unit]],
    )


def launchd_agent(name: str, words: Sequence[str], environment: Mapping[str, str], folder: DaemonFolder) -> Service:
    """For `launchctl`."""
    label = f"org.{name}.daemon"
    file = Path.home() / "Library" / "LaunchAgents" / f"{label}.plist"
    content = {
        "Label": label,
        "ProgramArguments": list(words),
        "EnvironmentVariables": dict(environment),
        "WorkingDirectory": str(folder.path),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ProcessType": "Background",
        "StandardErrorPath": str(folder.output),
    }
    domain = f"gui/{os.getuid()}"
    return Service(
        file,
        plistlib.dumps(content),
        start=[["launchctl", "bootstrap", domain, str(file)]],
        end=[["launchctl", "bootout", f"{domain}/{label}"]],
    )


def _mark(environment: Mapping[str, str]) -> str:
    """Tells the services of several SLEEPWRIGHT_HOMEs apart."""
    home = environment.get("SLEEPWRIGHT_HOME")
    return f"-{hashlib.sha256(os.fsencode(home)).hexdigest()[:8]}" if home else ""


def _escaped(text: str) -> str:
    """Without what systemd would replace."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """One word of a systemd unit."""
    plain = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
