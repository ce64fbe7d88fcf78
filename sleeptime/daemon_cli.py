"""`sleepwright daemon ...` and `sleepwright status`. Heavy imports wait until a command runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memory.cli_options import json_option, print_json, repo_option

if TYPE_CHECKING:
    from agent.workspace import Repository
    from sleeptime.settings import SleepSettings

_repo = click.argument(
    "repo", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=".", required=False
)


@click.group()
def daemon() -> None:
    """Study repositories while you are away: one daemon for all of them, which gives way when you come back."""


@daemon.command()
@_repo
def start(repo: Path) -> None:
    """Start the daemon, which outlives this terminal, and watch the repository DIR.  [default: here]

    Where it runs already, it only watches one more.
    """
    from memory.errors import UserError
    from sleeptime.control import DaemonFolder, daemon_pid
    from sleeptime.control import start as start_daemon
    from sleeptime.daemon_record import DaemonRecord

    folder = DaemonFolder.open()
    with DaemonRecord(folder.record) as record:
        repository, problem = _repository(repo)
        if repository and record.watch(repository.root):
            click.echo(f"Watching {repository.root}.")
        elif problem and not (repo == Path(".") and record.watched()):
            raise UserError(f"There is nothing to watch: {problem}. `sleepwright daemon start DIR` names a repository.")
    if pid := daemon_pid(folder):
        click.echo(f"The daemon runs already (process {pid}).")
        return
    pid = start_daemon(folder)
    click.echo(f"The daemon runs (process {pid}). `sleepwright daemon status` says what it does.")


@daemon.command()
def stop() -> None:
    """End the daemon and the sleep that it has under way. Nothing that was finished is lost."""
    from sleeptime.control import DaemonFolder
    from sleeptime.control import stop as stop_daemon

    pid = stop_daemon(DaemonFolder.open())
    click.echo(f"The daemon (process {pid}) has ended." if pid else "No daemon runs.")


@daemon.command()
def run() -> None:
    """Be the daemon, in the foreground: for a service manager, or to look on. Ctrl-C ends it."""
    from importlib.metadata import version

    from sleeptime.control import DaemonFolder
    from sleeptime.daemon import run_daemon

    run_daemon(DaemonFolder.open(), _sleep_command, _training_command, version("sleepwright"))


def _sleep_command(root: Path, settings: "SleepSettings", with_model: bool) -> list[str]:
    import sys

    command = [sys.executable, "-m", "sleeptime.leash", "sleep", "--once", "--json", "--repo", str(root)]
    if not with_model:
        return [*command, "--model", "embedded"]
    command += ["--model", settings.model] if settings.model else []
    return command + (["--base-url", settings.base_url] if settings.base_url else [])


def _training_command(root: Path) -> list[str]:
    import sys

    words = ["train", "--once", "--if-due", "--json", "--repo", str(root)]
    return [sys.executable, "-m", "sleeptime.leash", *words]


@daemon.command()
@_repo
def add(repo: Path) -> None:
    """Watch one more repository, from now on and after a restart.  [default: here]"""
    from memory.errors import UserError
    from sleeptime.control import DaemonFolder, daemon_pid
    from sleeptime.daemon_record import DaemonRecord

    folder = DaemonFolder.open()
    repository, problem = _repository(repo)
    if repository is None:
        raise UserError(f"{str(repo)!r} cannot be watched: {problem}.")
    with DaemonRecord(folder.record) as record:
        is_new = record.watch(repository.root)
    click.echo(f"{'Watching' if is_new else 'Already watching'} {repository.root}.")
    if daemon_pid(folder) is None:
        click.echo("No daemon runs: `sleepwright daemon start` starts one.", err=True)


@daemon.command()
@_repo
def remove(repo: Path) -> None:
    """Watch a repository no longer. What is known of it stays.  [default: here]"""
    from sleeptime.control import DaemonFolder
    from sleeptime.daemon_record import DaemonRecord

    repository, _ = _repository(repo)
    root = repository.root if repository else repo.absolute()  # it may be gone
    with DaemonRecord(DaemonFolder.open().record) as record:
        record.unwatch(root)
    click.echo(f"No longer watching {root}.")


@daemon.command(name="status")
@json_option
def daemon_status(as_json: bool) -> int:
    """What the daemon is doing. Exit code 1 where none runs."""
    from agent.output import readable
    from sleeptime.control import DaemonFolder, read_state
    from sleeptime.daemon_record import DaemonRecord

    folder = DaemonFolder.open()
    state = read_state(folder)
    with DaemonRecord(folder.record) as record:
        watched = [str(root) for root in record.watched()]
    if as_json:
        said = state.model_dump(mode="json") if state else None
        print_json({"running": state is not None, "daemon": said, "watched": watched})
        return 0 if state else 1
    if state is None:
        click.echo("No daemon runs: `sleepwright daemon start` starts one.")
    else:
        click.echo(f"The daemon runs since {state.started.astimezone():%Y-%m-%d %H:%M} (process {state.pid}).")
    for root in watched:
        doing = "sleeping on it now" if state and state.sleeping_on == root else ""
        click.echo(readable(f"  {root}: {doing or (state and state.waiting_for.get(root)) or 'watched'}"))
    return 0 if state else 1


@daemon.command()
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Of a past day; they are kept for 30.  [default: today]")
@click.option(
    "-n", "lines", metavar="N", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Last lines."
)
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until Ctrl-C.")
def logs(day: "object", lines: int, follow: bool) -> None:
    """What the daemon did and why it did not."""
    from datetime import datetime

    from agent.output import readable
    from sleeptime.control import DaemonFolder
    from sleeptime.day_log import followed, last_lines

    log = DaemonFolder.open().log
    if isinstance(day, datetime) and day.date() != datetime.now().date():
        log = log.with_name(f"{log.name}.{day:%Y-%m-%d}")
    found = last_lines(log, lines)
    for line in found:
        click.echo(readable(line))  # names of files are in it
    if not found:
        click.echo(f"There is no log of that day: {log}", err=True)
    if follow:
        for line in followed(log):
            click.echo(readable(line))


@daemon.command()
@json_option
def settings(as_json: bool) -> None:
    """What can be set, what it is set to, and the file that sets it: `NAME = VALUE` lines."""
    from sleeptime.settings import SleepSettings, settings_file

    found = SleepSettings.load()
    if as_json:
        print_json({"file": str(settings_file()), **found.model_dump(mode="json")})
        return
    click.echo(f"# {settings_file()}")
    for name, field in SleepSettings.model_fields.items():
        value = getattr(found, name)
        click.echo(f"\n# {' '.join((field.description or '').split())}")
        click.echo(f"# {name} = " if value is None else f"{name} = {json.dumps(value)}")


@daemon.command()
@click.option("--no-start", is_flag=True, help="Only write the file, and say how to start it.")
def install(no_start: bool) -> None:
    """Let the system start the daemon when you log in: a systemd user unit, or on macOS a launchd agent.

    `loginctl enable-linger` lets it work while you are logged out too.
    """
    import os
    from contextlib import suppress

    from memory.errors import UserError
    from sleeptime.control import DaemonFolder
    from sleeptime.control import stop as stop_daemon
    from sleeptime.service import service_for

    folder = DaemonFolder.open()
    service = service_for(folder, os.environ)
    was_there = service.file.exists()
    service.write()
    click.echo(f"Wrote {service.file}.")
    if no_start:
        click.echo("To start it:\n" + "\n".join(f"    {' '.join(words)}" for words in service.start))
        return
    if was_there:
        with suppress(UserError):  # it may not be loaded
            service.run(service.end)
    if pid := stop_daemon(folder):
        click.echo(f"The daemon (process {pid}) has ended, the system starts the next one.")
    service.run(service.start)
    click.echo("The system starts the daemon now, and whenever you log in. `sleepwright daemon uninstall` ends that.")


@daemon.command()
def uninstall() -> None:
    """Let the system no longer start the daemon. It ends; what is known stays."""
    import os

    from sleeptime.control import DaemonFolder
    from sleeptime.service import service_for

    service = service_for(DaemonFolder.open(), os.environ)
    if not service.file.exists():
        click.echo(f"There is no {service.file}.")
        return
    service.run(service.end)
    service.file.unlink()
    click.echo(f"Removed {service.file}.")


def _repository(path: Path) -> "tuple[Repository | None, str]":
    """The one that the directory lies in, or why there is none."""
    from agent.errors import RepositoryError
    from agent.workspace import Repository

    try:
        return Repository.open(path), ""
    except RepositoryError as error:
        return None, str(error)


@click.command(short_help="How sleep is doing, and whether it pays.")
@repo_option
@json_option
def status(repo: Path, as_json: bool) -> int:
    """How sleep on a repository is doing: its last success and failures, what is waiting, what was spent, the notes,
    and whether they have paid.

    Exit code 1 where sleep has failed since its last success.
    """
    import os

    from memory.config import MemoryConfig
    from sleeptime.control import DaemonFolder
    from sleeptime.settings import SleepSettings
    from sleeptime.status import status as gather
    from sleeptime.status_report import shown

    found = gather(repo, DaemonFolder.open(), SleepSettings.load(), MemoryConfig.from_environment(os.environ))
    if as_json:
        print_json({**found.model_dump(mode="json"), "recall_rate": found.recalls.rate})
    else:
        click.echo(shown(found))
    return 1 if found.failures else 0
