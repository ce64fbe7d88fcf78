"""`sleepwright eval classics | repair | localize`: what the embedded model and the ranking of files can do."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evals.run_cli import conclude, new_folder, out_option
from memory.cli_options import json_option

if TYPE_CHECKING:
    from evals.classics import Attempt, Classic
    from evals.run_folder import RunFolder


@click.command()
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N programs, by name.")
@json_option
@click.option("--candidates", type=click.IntRange(min=1), metavar="N", help="Candidates per program (the command's).")
@click.option("--seed", type=int, metavar="K", help="Seed of the sampling (the command's default).")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, metavar="W", show_default=True, help="Programs at a time."
)
@out_option
def classics(
    limit: int | None, as_json: bool, candidates: int | None, seed: int | None, workers: int, out: Path | None
) -> None:
    """Small classic programs with a one-line bug each: how many does `sleepwright run` solve?

    Each becomes a repository of its own, and the command gets nothing but its failing tests. A run that was cut goes on
    where the same options and --out are given again.
    """
    from evals import classics as bench
    from evals.run_folder import RunConfig, RunFolder

    if not find_spec("pytest"):
        raise click.ClickException("the programs' tests need pytest in this environment: install pytest")
    chosen = bench.load_classics()[:limit]
    config = RunConfig.of(
        "classics",
        label=f"{candidates or 'default'} candidates",
        options={"programs": len(chosen), "candidates": candidates},
        conduct={"workers": workers},
        seeds=[] if seed is None else [seed],
    )
    folder = RunFolder.begin(out or new_folder("classics"), config, continues=True)
    attempts = _attempt_all(folder, chosen, bench.run_command(candidates, seed), workers)
    for table in bench.tables(attempts):
        folder.add_table(table)
    folder.add_chart(bench.chart(attempts))
    folder.set_scores("solved", {one.name: float(one.solved) for one in attempts})
    conclude(folder, bench.as_json(attempts), as_json)


def _attempt_all(
    folder: "RunFolder", chosen: "Sequence[Classic]", command: Sequence[str], workers: int
) -> "list[Attempt]":
    """Those that the folder has no result of; all in the order given."""
    from evals.classics import Attempt, evaluate

    known = {one.name: one for one in folder.read_records(Attempt) if one.status != "error"}
    left = [classic for classic in chosen if classic.name not in known]
    with folder.samples() as samples:

        def tell(attempt: Attempt) -> None:
            samples.append(attempt.model_dump(mode="json"))
            known[attempt.name] = attempt
            result = "solved" if attempt.solved else attempt.status
            click.echo(f"{len(known):3}/{len(chosen)} {result:12} {attempt.name} ({attempt.seconds:.1f} s)", err=True)

        evaluate(left, command, workers, tell)
    return [known[classic.name] for classic in chosen]


@click.command()
@click.option("--count", type=click.IntRange(min=1), default=500, show_default=True, help="Functions.")
@click.option("--of-classics", is_flag=True, help="The programs of `eval classics` instead.")
@click.option("--marks", type=click.IntRange(1, 10), default=3, show_default=True, help="Marked lines per function.")
@click.option("--samples", type=click.IntRange(min=1), default=64, show_default=True, help="Answers per function.")
@click.option("--temperature", type=click.FloatRange(min=0.05), help="[default: the command's]")
@click.option(
    "--templates", type=click.FloatRange(0, 1), metavar="SHARE", help="Of the answers.  [default: the command's]"
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--model", type=click.Path(file_okay=False, exists=True), help="Model folder instead of the shipped one.")
@click.option(
    "--wheels", type=click.Path(file_okay=False), help="Folder for the held-out packages.", default="runs/held-out"
)
@out_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, every function in it.")
def repair(
    count: int,
    of_classics: bool,
    marks: int,
    samples: int,
    temperature: float | None,
    templates: float | None,
    seed: int,
    model: str | None,
    wheels: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """One-line bugs in functions of packages, or in programs, that the embedded policy never saw: pass@k and majority.

    The faulty line is among the marked ones; right is what gives the original function back.
    """
    from agent.policy import SHIPPED, Policy
    from evals import repair as bench
    from evals.classics import load_classics
    from evals.run_folder import RunConfig, RunFolder

    if of_classics:
        cases = bench.classic_cases(load_classics(), marks, seed)
    else:
        cases = bench.make_cases(bench.fetch_held_out(Path(wheels)), count, marks, seed)
    given = {"temperature": temperature, "template_share": templates}
    sampling = bench.Sampling(samples=samples, seed=seed, **{k: v for k, v in given.items() if v is not None})
    options = {
        "count": len(cases),
        "of_classics": of_classics,
        "marks": marks,
        "samples": samples,
        **given,
        "model": model,
    }
    config = RunConfig.of("repair", label=Path(model).name if model else "shipped", options=options, seeds=[seed])
    folder = RunFolder.begin(out or new_folder("repair"), config)
    repairs = []
    with folder.samples() as kept:
        for one in bench.measure(cases, Policy(Path(model) if model else SHIPPED), sampling):
            repairs.append(one)
            kept.append(one.model_dump(mode="json"))
            if len(repairs) % 50 == 0:
                click.echo(f"{len(repairs)}/{len(cases)}", err=True)
    folder.add_table(bench.table(repairs))
    folder.add_chart(bench.chart(repairs))
    folder.set_scores("right among the first 8", bench.scores(repairs))
    conclude(
        folder, {"functions": len(repairs), "marks": marks, "rows": [one.model_dump() for one in repairs]}, as_json
    )


@click.command()
@click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=".",
    help="A repository with its history.  [default: here]",
)
@click.option("--commits", type=click.IntRange(min=1), metavar="N", default=200, show_default=True, help="The newest.")
@click.option(
    "--instances",
    "rows",
    metavar="FILE",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Problem statements in SWE-bench's fields (JSON or JSON lines) instead of commits.",
)
@out_option
@json_option
def localize(repo: Path, commits: int, rows: Path | None, out: Path | None, as_json: bool) -> None:
    """Which files is a task about? Asked of a repository's own commits, answered with what was known before each."""
    from evals import localize_tables as found
    from evals.localize import answer
    from evals.localize_questions import instances, own_history
    from evals.run_folder import RunConfig, RunFolder

    def tell(done: int) -> None:
        if done % 20 == 0:
            click.echo(f"{done}/{len(questions)}", err=True)

    questions, history = instances(repo, rows) if rows else own_history(repo, commits)
    if not questions:
        raise click.ClickException(
            "there is no question: no commit of this history, or no instance of it, modifies source"
        )
    asked = str(rows) if rows else f"{commits} commits"
    config = RunConfig.of("localize", label=f"{repo.resolve().name}, {asked}", options={"repo": str(repo), "of": asked})
    folder = RunFolder.begin(out or new_folder("localize"), config)
    answers = answer(repo, questions, history, tell)
    with folder.samples() as samples:
        for one in answers:
            samples.append(one.model_dump(mode="json"))
    folder.add_table(found.recall_table(answers))
    folder.add_table(found.gain_table(answers))
    folder.add_chart(found.recall_chart(answers))
    folder.set_scores("recall@5", {one.id: found.recall_at([one.ranks], 5) for one in answers})
    conclude(folder, {"questions": len(answers), "answers": [one.model_dump() for one in answers]}, as_json)
