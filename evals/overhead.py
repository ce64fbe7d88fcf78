"""What the framework costs per step of a rollout, beside mini-swe-agent: same scripted server, same commands.

Both save every step. A program's CPU seconds are its own and those of all that it has started, read when its first
request comes and when its last one does: neither the start nor the end nor the server is among them.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from agent.scripted_server import Body, Scripted, ScriptedServer, call
from evals.charts import Chart, Series
from evals.repositories import commit_all, start_repository
from evals.tables import Column, Table
from memory.errors import UserError
from memory.records import Record

Commands = Literal["reading", "writing"]

MINI = "mini-swe-agent==2.4.6"

_MINI_PROGRAM = """
import sys
from pathlib import Path
from minisweagent.agents.default import DefaultAgent
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel
url, repo, saved = sys.argv[1:]
model = LitellmModel(
    model_name="openai/scripted", model_kwargs={"api_base": url, "api_key": "none"}, cost_tracking="ignore_errors"
)
DefaultAgent(
    model, LocalEnvironment(cwd=repo), system_template="You use tools.", instance_template="{{task}}", cost_limit=0,
    output_path=Path(saved) / "saved.traj.json",
).run("x")
"""


class Cost(Record):
    """Medians over the rounds."""

    program: str
    commands: Commands
    steps: int
    cpu_ms_per_step: float
    start_cpu_seconds: float
    """From the command to the first request."""
    saved_kib: float


class _Run(NamedTuple):
    first: float
    """CPU seconds until the first request."""
    last: float
    saved: int


def measure(mini: Path | None, steps: Sequence[int], kinds: Sequence[Commands], rounds: int) -> list[Cost]:
    """A row for each program, kind of commands and number of steps.

    `mini` is a Python that has mini-swe-agent, None to leave that out.
    """
    found = []
    for kind in kinds:
        for program, python in (("sleepwright", Path(sys.executable)), ("mini-swe-agent", mini)):
            if python is None:
                continue
            for count in steps:
                runs = [_run(program, python, kind, count) for _ in range(rounds)]
                cost = Cost(
                    program=program,
                    commands=kind,
                    steps=count,
                    cpu_ms_per_step=1000 * statistics.median(run.last - run.first for run in runs) / count,
                    start_cpu_seconds=statistics.median(run.first for run in runs),
                    saved_kib=statistics.median(run.saved for run in runs) / 1024,
                )
                found.append(cost)
    return found


def table(costs: Sequence[Cost]) -> Table:
    """A row for each program, kind of commands and number of steps."""
    return Table(
        name="overhead",
        caption="The framework's own CPU time; what it has saved at the end; what passes until the first request.",
        columns=(
            *(Column(name="program"), Column(name="commands"), Column(name="steps")),
            Column(name="CPU ms a step", format=".1f"),
            Column(name="saved KiB", format=".0f"),
            Column(name="CPU s to the first request", format=".2f"),
        ),
        rows=tuple(
            (one.program, one.commands, one.steps, one.cpu_ms_per_step, one.saved_kib, one.start_cpu_seconds)
            for one in costs
        ),
    )


def chart(costs: Sequence[Cost]) -> Chart:
    """CPU time of a step, the programs side by side."""
    runs = list(dict.fromkeys((one.commands, one.steps) for one in costs))
    by_run = {(one.program, one.commands, one.steps): one.cpu_ms_per_step for one in costs}
    return Chart(
        name="overhead",
        title="What a step costs beside the model and its commands",
        x_label="commands, steps",
        y_label="CPU ms a step",
        kind="bars",
        categories=tuple(f"{commands}, {steps}" for commands, steps in runs),
        series=tuple(
            Series(label=program, y=tuple(by_run[program, *run] for run in runs))
            for program in dict.fromkeys(one.program for one in costs)
        ),
    )


def make_mini(folder: Path) -> Path:
    """A Python with mini-swe-agent in an environment of its own, made where it is missing."""
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", MINI]
        if subprocess.run(command).returncode:
            raise UserError(
                f"{MINI} could not be installed into {str(folder)!r}: name a Python that has it with --mini."
            )
        (folder / ".installed").touch()
    return python


def _run(program: str, python: Path, kind: Commands, steps: int) -> _Run:
    """One program, which takes so many steps and then submits."""
    seen: list[float] = []

    def answer(body: Body) -> Scripted:
        seen.append(_cpu_of(process.pid))
        turn = len([message for message in body["messages"] if message["role"] == "assistant"])
        if turn < steps:
            return _calling("bash", {"command": _command(kind, turn)}, turn)
        if any(tool["function"]["name"] == "submit" for tool in body["tools"]):
            return _calling("submit", {"summary": "done"}, turn)
        return _calling("bash", {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}, turn)

    with tempfile.TemporaryDirectory() as folder, ScriptedServer(answer) as server:
        top = Path(folder).resolve()
        repo, saved = top / "repo", top / "saved"
        saved.mkdir()
        start_repository(repo)
        (repo / "calc.py").write_text("def add(a, b):\n    return a + b\n")
        commit_all(repo, "first")
        environment = {**os.environ, "SLEEPWRIGHT_HOME": str(saved), "MSWEA_SILENT_STARTUP": "1"}
        environment["MSWEA_GLOBAL_CONFIG_DIR"] = str(top)
        words = _ours(repo, server.url) if program == "sleepwright" else _minis(repo, saved, server.url)
        with subprocess.Popen(
            [python, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            errors = process.communicate()[1].decode("utf-8", "replace")
        if len(seen) <= steps:
            raise UserError(f"{program} stopped after {len(seen)} requests: {errors.strip()[-500:]}")
        size = sum(path.stat().st_size for path in saved.rglob("*.json*"))
    return _Run(seen[0], seen[steps], size)


def _ours(repo: Path, url: str) -> list[str]:
    words = [
        "-P",
        "-m",
        "agent.cli",
        "run",
        "x",
        "--repo",
        str(repo),
        "--test",
        "",
        "--base-url",
        url,
        "--json",
        "--no-apply",
    ]
    words += ["--strategy", "rollout", "--candidates", "1", "--sandbox", "none", "--yes"]
    return [*words, "--max-calls", "100000", "--max-tokens", "1000000000"]


def _minis(repo: Path, saved: Path, url: str) -> list[str]:
    return ["-c", _MINI_PROGRAM, url, str(repo), str(saved)]


def _command(kind: Commands, turn: int) -> str:
    """About a kilobyte of output."""
    written = f"echo {turn} >>notes.txt; " if kind == "writing" else ""
    return f"{written}echo {turn}; head -c 1000 /dev/zero | tr '\\0' x"


def _calling(name: str, arguments: dict[str, str], turn: int) -> Scripted:
    return Scripted(("",), calls=[call(name, arguments, f"call_{turn}")], finish="tool_calls")


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process and of all that it has started, whether it runs or has ended."""
    if sys.platform != "linux":
        raise UserError("The CPU seconds of other processes are read from /proc, which only Linux has.")
    process = psutil.Process(pid)
    seconds = 0.0
    for member in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            seconds += sum(member.cpu_times()[:4])  # user, system, and both of its children that have ended
    return seconds
