"""`sleepwright mcp`: its options. What it does is in mcp_server.py, imported when it runs."""

from importlib.util import find_spec
from pathlib import Path

import click

from memory.cli_options import repo_option


@click.command(short_help="Give other agents the notes, over MCP.")
@repo_option
def mcp(repo: Path) -> None:
    """Serve this repository's notes to other agents over stdio, by the Model Context Protocol.

    Tools: recall, note_add, note_check. An agent is set up with the command `sleepwright mcp --repo DIR`.
    """
    import os

    from memory.config import MemoryConfig

    if not find_spec("mcp"):
        raise click.ClickException("the mcp package is not installed: pip install 'sleepwright[mcp]'")

    from memory.mcp_server import serve

    serve(repo, MemoryConfig.from_environment(os.environ))
