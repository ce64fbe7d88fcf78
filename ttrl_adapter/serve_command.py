"""`sleepwright serve`: its options. What they do is in serve.py, imported when the command runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ttrl_adapter.serve import Ready


@click.command(short_help="Serve a model and its active adapter with vLLM.")
@click.argument("model", required=False)
@click.argument("extra", metavar="[-- VLLM OPTIONS]", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--repo",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="The repository whose adapters are served, or a folder in it.  [default: here]",
)
@click.option(
    "--vllm",
    metavar="ENV",
    envvar="SLEEPWRIGHT_VLLM_PYTHON",
    type=click.Path(path_type=Path),
    help="The environment that has vLLM, or its Python.  [default: $SLEEPWRIGHT_VLLM_PYTHON, else found out]",
)
@click.option("--port", metavar="N", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option(
    "--max-rank",
    metavar="R",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="The largest rank of an adapter that the server takes.",
)
@click.option(
    "--key",
    metavar="KEY",
    envvar="SLEEPWRIGHT_API_KEY",
    help="What clients have to send.  [default: $SLEEPWRIGHT_API_KEY, else made up]",
)
@click.option(
    "--start-timeout",
    metavar="S",
    type=click.FloatRange(min=0, min_open=True),
    default=1800.0,
    show_default=True,
    help="Seconds until the server must be ready.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line on stdout each time that the server is ready.")
def serve(
    model: str | None,
    extra: tuple[str, ...],
    repo: Path,
    vllm: Path | None,
    port: int,
    max_rank: int,
    key: str | None,
    start_timeout: float,
    as_json: bool,
) -> int:
    """Serve MODEL (a folder, or a name of the hub) on this machine with vLLM, until Ctrl-C or SIGTERM.

    Without MODEL it is the embedded one. The adapter that is active for it is loaded; `adapters promote` and
    `rollback` change it while the server answers. What follows -- goes to vLLM as it is.

    Exit codes: 0 stopped; 2 wrong use, or there is no vLLM; 3 the server failed.
    """
    if model and model.startswith("-"):  # it stood behind --, with no MODEL before
        extra, model = (model, *extra), None

    from agent.workspace import Repository
    from memory.home import MemoryHome
    from ttrl_adapter.serve import ServeOptions, Supervisor

    def notice(text: str) -> None:
        click.echo(text, err=True)

    def ready(found: "Ready") -> None:
        click.echo(_ready_json(found) if as_json else _ready(found))

    home = MemoryHome.for_repository(Repository.open(repo).common_dir)
    options = ServeOptions(
        model=model,
        vllm=vllm,
        port=port,
        rank=max_rank,
        key=key or "",
        extra=extra,
        start_seconds=start_timeout,
    )
    notice(f"Starting vLLM (its log is {str(home.server_log)!r}). Ctrl-C stops it.")
    Supervisor(home, options, notice, ready).run()
    notice("Stopped.")
    return 0


def _ready(found: "Ready") -> str:
    serving = found.serving
    what = f"{serving.model} with adapter {found.adapter}" if found.adapter else f"{serving.model} without an adapter"
    return f"Serving {what} at {serving.url}; in this repository: sleepwright run TASK --base-url {serving.url}"


def _ready_json(found: "Ready") -> str:
    serving = found.serving
    return json.dumps(
        {
            "url": serving.url,
            "key": serving.key,
            "model": serving.model,
            "base": serving.base,
            "adapter": found.adapter,
            "log": str(found.log),
        }
    )
