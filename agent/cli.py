"""The front door: finds the commands in pyproject.toml's entry points, and is the one border where errors end.

A command's module is imported when the command is asked for (all of them for `--help`), so those modules import
nothing heavy at their top. A command returns its exit code, None for 0.
"""

import sys

try:
    import gc
    import json
    import os
    import signal
    import traceback
    from collections.abc import Sequence
    from contextlib import suppress
    from importlib.metadata import EntryPoints, distribution
    from types import FrameType
    from typing import NoReturn

    import click

    from agent.deferred import defer_packages
    from memory.errors import UserError
except KeyboardInterrupt:  # nothing has begun: an import that was cut is nothing to show
    sys.exit(130)

WRONG_USE = 2
INTERRUPTED = 130


class FrontDoor(click.Group):
    """A group whose commands are the entry points `sleepwright.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in _commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command | None = next((entry.load() for entry in _commands().select(name=cmd_name)), None)
        return command


def _commands() -> EntryPoints:
    return distribution("sleepwright").entry_points.select(group="sleepwright.commands")


@click.command(cls=FrontDoor, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sleepwright", message="%(prog)s %(version)s")
def sleepwright() -> None:
    """A coding agent that studies your repository while you are away."""


def begin_process() -> None:
    """What makes the start of a process cheap, before it imports anything large."""
    # Starting makes many objects and hardly any garbage: looking for it all the time is a seventh of the start.
    gc.set_threshold(100_000, 50, 100)
    # numpy's idle threads would turn round and round for 2^28 cycles, a tenth of a second each, before they sleep.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    defer_packages()


def main(arguments: Sequence[str] | None = None, proposer: object = None) -> NoReturn:
    """Run the command line and exit with its code; `proposer` takes the place of the one that the options name."""
    begin_process()
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None where the shell closed it
            # A terminal that cannot show a character is no reason to fail.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        code = _guarded(given, proposer)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError) and sys.stderr is not None:  # else the reader has gone
            with suppress(OSError):
                click.echo(f"Error: the output cannot be written: {error.strerror or error}.", err=True)
        # Python would complain again when it flushes at its end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        code = 1
    # The collector would look at everything once more before the process ends: a fifth of a second, for nothing.
    gc.freeze()
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """A closed terminal or a polite kill ends a run as Ctrl-C does: children killed, worktrees removed."""
    raise KeyboardInterrupt


def _guarded(given: list[str], proposer: object) -> int:
    """The border: every error ends here as one sentence and an exit code, with `--json` as one JSON object."""
    options = given[: given.index("--")] if "--" in given else given
    try:
        return sleepwright.main(given, prog_name="sleepwright", standalone_mode=False, obj=proposer) or 0
    except (Exception, KeyboardInterrupt) as error:
        message, code = _explained(error)
        if {"-v", "--verbose"} & set(options):
            traceback.print_exc()
        if "--json" in options:
            click.echo(json.dumps({"status": "error", "error": message}))
        elif isinstance(error, click.ClickException):
            error.show()
        else:
            click.echo(f"Error: {message}", err=True)
        return code


def _explained(error: BaseException) -> tuple[str, int]:
    """What to say, and the exit code."""
    match error:
        case click.ClickException():
            return error.format_message(), WRONG_USE  # also of a file that cannot be opened, for which click has 1
        case UserError():
            return str(error), error.exit_code
        case click.Abort() | KeyboardInterrupt():
            return "Interrupted.", INTERRUPTED
        case _:
            return f"Unexpected {type(error).__name__}: {error}. Run again with -v to see where it came from.", 1


if __name__ == "__main__":
    main()
