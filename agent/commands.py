"""`sleepwright undo` and `sleepwright log`: what became of past runs. Heavy imports wait until a command runs."""

from pathlib import Path
from typing import TextIO

import click

from memory.cli_options import repo_option


@click.command(short_help="Take back what was applied last.")
@repo_option
def undo(repo: Path) -> None:
    """Take back the patch that was applied or committed last in this work tree, exactly; nothing else is touched.

    It is refused where the files have changed since. Undo again to take back the one before. A commit that is gone, as
    after `git reset`, is passed over.
    """
    from agent.delivery import is_gone, undo_patch
    from agent.errors import RepositoryError
    from agent.workspace import Repository
    from memory.experiences import ExperienceLog
    from memory.home import MemoryHome
    from memory.records import Outcome

    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    with ExperienceLog(home.experiences) as log:
        for last in log.applied(home.paths_of(repository.root)):
            made = log.outcomes(last.id)[-1].commit
            if not (made and is_gone(repository, last.patch, made)):
                break
        else:
            raise RepositoryError(f"Nothing is applied in {str(repository.root)!r} that could be taken back.")
        commit = undo_patch(repository, last.patch, made)
        log.add_outcome(Outcome(experience_id=last.id, kind="undone", commit=commit))
    by = f" by commit {commit[:12]}" if commit else ""
    click.echo(f"Taken back{by}: {' '.join(last.task.request.split())[:200]}")


@click.command(short_help="Show past runs.")
@click.argument("action", type=click.Choice(["list", "show"]), default="list")
@click.argument("id", required=False)
@repo_option
@click.option(
    "--limit", metavar="N", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="How many to list."
)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.option(
    "--export",
    metavar="FILE",
    type=click.File("w", encoding="utf-8", lazy=True),
    help="With show: write every step as JSON, by the field's conventions for trajectories; - is stdout.",
)
def log(action: str, id: str | None, repo: Path, limit: int, as_json: bool, export: TextIO | None) -> None:
    """Show past runs of this repository: `log` lists them, the newest first, `log show ID` shows one step by step.

    The beginning of an ID is enough where it is the only one. Interrupted runs are listed first.
    """
    if (action == "show") != (id is not None):
        raise click.UsageError("`log show` takes the ID of a run, `log list` takes none.")
    if export and not id:
        raise click.UsageError("--export is about one run: `log show ID --export FILE`.")

    from rich.console import Console

    from agent.past_runs import PastRuns
    from agent.workspace import Repository
    from memory.home import MemoryHome

    with PastRuns(MemoryHome.for_repository(Repository.open(repo).common_dir)) as runs:
        if id is None:
            runs.list(limit, None if as_json else Console())
        elif export:
            export.write(runs.export(id))
        else:
            runs.show(id, None if as_json else Console())
