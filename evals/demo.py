"""The command `sleepwright demo`: a small repository with a bug, the real command at work on it, and what came out."""

import shlex
import subprocess
import sys
from pathlib import Path

import click

REQUEST = "make the failing test pass"
ABOUT = """\
This makes a small git repository in {where}: a shop in four modules with 15 tests, one of which fails.
The model that comes with sleepwright samples repairs of it (no key, no network), each is checked with the tests in
a worktree of its own, and the winner of the vote is applied to the repository, which stays for you to look at.
"""
AFTER = """\

Look around:   cd {where} && git diff && sleepwright log
Take it back:  sleepwright undo --repo {where}
Once more:     sleepwright demo {where}
"""


@click.command()
@click.argument("directory", metavar="[DIR]", default="demo-repo", type=click.Path(file_okay=False, path_type=Path))
@click.pass_obj
def demo(proposer: object, directory: Path) -> int:
    """Make a small repository with a bug in DIR (./demo-repo) and repair it.

    DIR must be missing, empty or an earlier demo, which is replaced. The exit code is the repair's.
    """
    from agent.cli import sleepwright
    from evals.repositories import create_demo

    where = shlex.quote(str(directory))
    tests = "unittest discover"  # what Python brings along starts ten times faster than pytest with all its plugins
    click.echo(ABOUT.format(where=where))
    create_demo(directory)
    command = f"{shlex.quote(sys.executable)} -m {tests}"
    arguments = ["run", REQUEST, "--repo", str(directory), "--test", command, "--model", "embedded", "--apply"]
    click.secho(f"$ sleepwright {shlex.join(arguments)}", bold=True)
    code: int = sleepwright.main(arguments, standalone_mode=False, obj=proposer) or 0
    if code == 0:
        _show(["git", "--no-pager", "diff", "--stat"], directory)
        _show([sys.executable, "-m", *tests.split()], directory)
        click.echo(AFTER.format(where=where), nl=False)
    return code


def _show(command: list[str], directory: Path) -> None:
    """Run a command for everyone to see."""
    click.secho(f"\n$ {shlex.join(command)}", bold=True)
    subprocess.run(command, cwd=directory, check=True, stderr=subprocess.STDOUT)
