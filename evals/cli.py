"""The commands `sleepwright eval ...`."""

import click

from evals import (
    daemon_cli,
    passk_cli,
    replay_cli,
    run_cli,
    sleep_cli,
    swe_cli,
    ttrl_cli,
    ttrl_cost_cli,
    ttrl_rounds_cli,
)
from evals.programs_cli import classics, localize, repair
from evals.speed_cli import map_, memory_speed, overhead, speed


@click.group(name="eval")
def evaluate() -> None:
    """Measure how well it works. Each command leaves a run folder, of which `eval report` makes a page."""


evaluate.add_command(run_cli.report)
evaluate.add_command(ttrl_cli.ttrl)
evaluate.add_command(ttrl_rounds_cli.ttrl_rounds)
evaluate.add_command(ttrl_cost_cli.ttrl_cost)
evaluate.add_command(passk_cli.passk)
evaluate.add_command(daemon_cli.daemon)
evaluate.add_command(replay_cli.replay)
evaluate.add_command(replay_cli.survey)
evaluate.add_command(sleep_cli.sleep)
evaluate.add_command(swe_cli.swe)
for command in (classics, repair, localize, speed, memory_speed, map_, overhead):
    evaluate.add_command(command)
