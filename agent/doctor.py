"""`sleepwright doctor`: what is found and what is missing. Heavy imports wait until the command runs."""

from pathlib import Path

import click

from memory.cli_options import print_json, repo_option


@click.command(short_help="Say what is found and what is missing.")
@repo_option
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def doctor(repo: Path, as_json: bool) -> int:
    """Try git, the repository, its memory, the model and the sandbox; exit code 1 where a needed part is missing."""
    from agent.examination import examine

    findings = examine(repo)
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            state = "ok" if finding.works else "MISSING" if finding.is_needed else "without"
            click.echo(f"{finding.part:<12}{state:<9}{finding.text}")
    return 1 if any(finding.is_needed and not finding.works for finding in findings) else 0
