"""What service managers are given; a real one is never asked."""

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memory.errors import UserError
from sleeptime.control import DaemonFolder
from sleeptime.service import launchd_agent, service_for, systemd_unit

WORDS = ["/opt/a b/python", "-m", "agent.cli", "daemon", "run"]
ENVIRONMENT = {"PATH": "/usr/bin:/home/me/100%/bin", "SLEEPWRIGHT_HOME": '/data/"quoted" $HOME\\x'}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "config"


def test_the_systemd_unit_names_everything_and_starts_with_the_session(config: Path) -> None:
    unit = systemd_unit("sleepwright", WORDS, ENVIRONMENT, DaemonFolder.open())
    lines = unit.content.decode().splitlines()
    assert unit.file == config / "systemd" / "user" / "sleepwright.service"
    assert 'ExecStart="/opt/a b/python" "-m" "agent.cli" "daemon" "run"' in lines
    assert 'Environment="PATH=/usr/bin:/home/me/100%%/bin"' in lines
    assert 'Environment="SLEEPWRIGHT_HOME=/data/\\"quoted\\" $HOME\\\\x"' in lines
    assert f"EnvironmentFile=-{config}/sleepwright/environment" in lines
    assert "WantedBy=default.target" in lines and "Restart=on-failure" in lines


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_understands_the_unit(config: Path, tmp_path: Path) -> None:
    unit = systemd_unit("sleepwright", [sys.executable, "-c", "x = '100%' # $HOME"], ENVIRONMENT, DaemonFolder.open())
    unit.write()
    command = ["systemd-analyze", "--user", "--man=no", "verify", str(unit.file)]
    surroundings = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_launchd_agent_starts_at_login_and_again_after_a_crash(config: Path, tmp_path: Path) -> None:
    agent = launchd_agent("sleepwright", WORDS, ENVIRONMENT, DaemonFolder.open())
    found = plistlib.loads(agent.content)
    assert agent.file == tmp_path / "Library" / "LaunchAgents" / "org.sleepwright.daemon.plist"
    assert found["ProgramArguments"] == WORDS and found["EnvironmentVariables"] == ENVIRONMENT
    assert found["RunAtLoad"] is True and found["KeepAlive"] == {"SuccessfulExit": False}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd is Linux's")
def test_the_daemon_takes_nothing_of_the_directory_that_it_is_started_in(config: Path, tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "cli.py").write_text("open('taken', 'w')\n")
    line = next(line for line in service_for(DaemonFolder.open(), {}).content.decode().splitlines() if "Exec" in line)
    command = [*shlex.split(line.removeprefix("ExecStart=")), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "Be the daemon" in done.stdout and not (tmp_path / "taken").exists()


def test_no_secret_is_written(config: Path) -> None:
    secrets = {"OPENAI_API_KEY": "hunter2", "SLEEPWRIGHT_API_KEY": "hunter2", "SLEEPWRIGHT_CHROMA_TOKEN": "hunter2"}
    assert b"hunter2" not in service_for(DaemonFolder.open(), secrets).content


def test_every_memory_home_has_a_service_of_its_own(config: Path) -> None:
    names = {
        service_for(DaemonFolder.open(), environment).file.name
        for environment in ({}, {"SLEEPWRIGHT_HOME": "/one"}, {"SLEEPWRIGHT_HOME": "/other"})
    }
    assert len(names) == 3


def test_what_the_service_manager_says_is_shown(config: Path, tmp_path: Path) -> None:
    service = systemd_unit("sleepwright", WORDS, {}, DaemonFolder.open())
    with pytest.raises(UserError, match="`sh -c echo no bus >&2; exit 1` failed: no bus"):
        service.run([["sh", "-c", "echo no bus >&2; exit 1"]])
    with pytest.raises(UserError, match="No such file"):
        service.run([[str(tmp_path / "nowhere")]])


def test_a_file_in_the_way_is_an_error(config: Path) -> None:
    config.write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        systemd_unit("sleepwright", WORDS, {}, DaemonFolder.open()).write()
