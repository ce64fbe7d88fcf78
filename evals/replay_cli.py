"""`sleepwright eval replay` and `sleepwright eval survey`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evals.run_cli import conclude, finish, new_folder, out_option
from memory.cli_options import json_option, print_json

if TYPE_CHECKING:
    from evals.replay import Visit


@click.command()
@click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=".",
    help="A repository with its history; it is only read.  [default: here]",
)
@click.option("--commits", type=click.IntRange(min=1), default=200, show_default=True, help="The newest.")
@click.option("--every", type=click.IntRange(min=1), default=3, show_default=True, help="Commits from sleep to sleep.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Of the survey's cost.")
@out_option
@json_option
def replay(repo: Path, commits: int, every: int, rounds: int, out: Path | None, as_json: bool) -> int:
    """A repository's own history, commit by commit with sleeps in between: is a stale note ever served?

    Git says what is true, not the code that serves the notes. Then what the survey costs: at first, where nothing has
    changed, and after a one-file commit. Exit code 1 where a stale note was served.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from evals import replay as bench
    from evals import survey_speed
    from evals.own_memory import own_memory
    from evals.run_folder import RunConfig, RunFolder

    options = {"repo": str(repo), "commits": commits, "every": every, "passes": bench.PASSES}
    config = RunConfig.of("replay", label=f"{repo.resolve().name}, {commits} commits", options=options)
    folder = RunFolder.begin(out or new_folder("replay"), config)
    visits: list[bench.Visit] = []
    sleeps: list[survey_speed.Slept] = []
    with TemporaryDirectory(prefix="sleepwright-replay-") as name, folder.samples() as samples:
        scratch = Path(name).resolve()
        with own_memory(scratch / "memory"):
            replayed = bench.Replay(repo, scratch, commits)
            for step in replayed.run(every, bench.PASSES):
                samples.append(step.model_dump(mode="json"))
                if isinstance(step, survey_speed.Slept):
                    sleeps.append(step)
                    continue
                if visits and step.commit != visits[-1].commit:
                    _tell(replayed.commits.index(step.commit), len(replayed.commits), visits)
                visits.append(step)
        steps = survey_speed.measure(replayed.root, scratch, rounds, lambda text: click.echo(text, err=True))
        tables = [bench.served_table(visits), bench.sleeps_table(sleeps), survey_speed.table(steps, replayed.root)]
    for table in tables:
        folder.add_table(table)
    stale = [problem for visit in visits for problem in visit.stale]
    if as_json:
        print_json({"stale": stale, "tables": [table.as_json for table in tables]})
    else:
        for table in tables:
            table.show(Console())
            click.echo()
        for problem in stale[:20]:
            click.echo(problem)
    finish(folder)
    return 1 if stale else 0


def _tell(done: int, of: int, visits: "Sequence[Visit]") -> None:
    if done % 10 == 0:
        served, stale = sum(visit.served for visit in visits), sum(len(visit.stale) for visit in visits)
        click.echo(f"{done}/{of} commits, {served:,} notes served, {stale} of them stale", err=True)


@click.command()
@click.option("--files", type=click.IntRange(min=1), default=2_000, show_default=True, help="Of a made-up repository.")
@click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="A copy of this repository instead.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Medians of so many.")
@out_option
@json_option
def survey(files: int, repo: Path | None, rounds: int, out: Path | None, as_json: bool) -> None:
    """What the survey costs on a large repository: at first, where nothing has changed, after a one-file commit."""
    from tempfile import TemporaryDirectory

    from evals import survey_speed
    from evals.repositories import copy_head
    from evals.run_folder import RunConfig, RunFolder

    of = str(repo) if repo else f"{files} files"
    config = RunConfig.of("survey", label=of, options={"of": of, "rounds": rounds})
    folder = RunFolder.begin(out or new_folder("survey"), config)
    with TemporaryDirectory(prefix="sleepwright-survey-") as name, folder.samples() as samples:
        scratch = Path(name).resolve()
        root = scratch / "repository"
        if repo:
            copy_head(repo, root)
        else:
            survey_speed.make_repository(root, files)
        steps = survey_speed.measure(root, scratch, rounds, lambda text: click.echo(text, err=True))
        for step in steps:
            samples.append(step.model_dump(mode="json"))
        table = survey_speed.table(steps, root)
    folder.add_table(table)
    conclude(folder, table.as_json, as_json)
