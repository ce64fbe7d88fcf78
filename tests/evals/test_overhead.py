"""The measurement of what a step costs: our own side of it, with two steps."""

import sys

import pytest

from evals.overhead import measure


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_step_is_measured_and_saved() -> None:
    (cost,) = measure(None, [2], ["writing"], 1)
    assert (cost.program, cost.commands, cost.steps) == ("sleepwright", "writing", 2)
    assert cost.saved_kib > 1 and cost.start_cpu_seconds > 0 and cost.cpu_ms_per_step > 0
