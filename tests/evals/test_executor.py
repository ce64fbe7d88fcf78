"""The same work in threads, and on a local Ray cluster with two workers, of which one is killed in the middle."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.threads import carry_out
from tests.evals.swe.examples import make_example
from tests.evals.swe.test_predict import ANSWER
from tests.free_ports import free_ports

# It kills the Ray worker that waits for it at the second instance, the first time, and hangs.
AGENT = """
import json, os, pathlib, signal, sys, time
calls = pathlib.Path(sys.argv[0]).with_name("calls")
id = pathlib.Path(sys.argv[sys.argv.index("--repo") + 1]).parent.name
with calls.open("a") as file: file.write(f"{id} {os.getpid()}\\n")
if id.endswith("-2") and calls.read_text().count(id) == 1:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
print(ANSWER)
"""


def double(number: int) -> int:
    return 2 * number


def never() -> None:
    raise AssertionError("nothing has to be stopped")


def test_threads_do_all_of_it() -> None:
    assert sorted(carry_out(double, range(5), 2, never)) == [0, 2, 4, 6, 8]


def test_what_is_under_way_is_stopped_where_it_is_left_early() -> None:
    stopped = []
    results: Any = carry_out(double, range(5), 1, lambda: stopped.append(True))
    next(results)
    results.close()

    assert stopped == [True]


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """The environment of programs that use it: two workers on this machine, started as a user starts them."""
    port, *ports = free_ports(5)
    # With ports that are given it need not wait for its own helpers, which a busy machine is slow to start.
    names = ("dashboard-agent-grpc", "dashboard-agent-listen", "metrics-export", "runtime-env-agent")
    options = [f"--{name}-port={number}" for name, number in zip(names, ports, strict=True)]
    settings = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
    env = {**os.environ, **settings}
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--num-cpus=2"]
        command += [f"--port={port}", f"--temp-dir={folder}", "--include-dashboard=false", *options]
        with (Path(folder) / "said").open("w") as said:
            head = subprocess.Popen(command, env=env, stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + 200
            while "Ray runtime started" not in (Path(folder) / "said").read_text():
                assert head.poll() is None and time.monotonic() < deadline, (Path(folder) / "said").read_text()
                time.sleep(0.2)
            yield {**env, "RAY_ADDRESS": f"127.0.0.1:{port}"}
        finally:
            head.terminate()
            head.wait(60)


@pytest.fixture(scope="module")
def trial(cluster: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One cluster for all of it: starting one takes longer than the work."""
    folder = tmp_path_factory.mktemp("ray")
    row = make_example(folder).instance.row
    rows = (json.dumps(row | {"instance_id": f"tiny__calc-{number}"}) + "\n" for number in range(1, 5))
    (folder / "rows.jsonl").write_text("".join(rows))
    (folder / "agent.py").write_text(AGENT.replace("ANSWER", repr(json.dumps(ANSWER))))
    command = [sys.executable, str(Path(__file__).with_name("ray_trial.py")), str(folder)]
    done = subprocess.run(
        command,
        env={**cluster, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    calls = [line.split() for line in (folder / "calls").read_text().splitlines()]
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return {**found, "calls": calls, "tries": len(list((folder / "tries").glob("3-*")))}


@pytest.mark.swebench
def test_a_killed_worker_loses_nothing(trial: dict[str, Any]) -> None:
    assert trial["survived"] == list(range(6)) and trial["tries"] == 2 and trial["elsewhere"]


@pytest.mark.swebench
def test_what_kills_every_worker_ends_nothing(trial: dict[str, Any]) -> None:
    [problem] = trial["hopeless"]

    assert "WorkerCrashedError" in problem


@pytest.mark.swebench
def test_a_worker_killed_in_the_middle_of_a_prediction_costs_one_try(trial: dict[str, Any]) -> None:
    asked = [id for id, _ in trial["calls"]]

    assert sorted(asked) == ["tiny__calc-1", "tiny__calc-2", "tiny__calc-2", "tiny__calc-3", "tiny__calc-4"]
    assert trial["problems"] == [""] * 4
    assert trial["scores"] == {f"tiny__calc-{number}": 1.0 for number in range(1, 5)}


@pytest.mark.swebench
def test_the_agent_that_outlived_its_worker_was_ended(trial: dict[str, Any]) -> None:
    first = next(process for id, process in trial["calls"] if id == "tiny__calc-2")

    assert not Path(f"/proc/{first}").exists()
