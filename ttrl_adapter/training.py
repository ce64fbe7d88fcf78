"""Starts train.py in its own environment, follows it, and ends it with this process.

A training is a folder: `job.json`, `exercises.jsonl`, then `steps.jsonl`, `checkpoints`, `log.txt`, and at the end
`adapter`. Started again, it goes on where it was.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from agent.errors import ConfigError
from ttrl_adapter.records import Exercise, Step, TrainJob

PYTHON_SETTING = "SLEEPWRIGHT_TTRL_PYTHON"
EXERCISES, JOB, ADAPTER, STEPS, LOG = "exercises.jsonl", "job.json", "adapter", "steps.jsonl", "log.txt"

_ROOT = Path(__file__).parent.parent
_GRACE_SECONDS = 5.0


def trainer_python() -> str:
    """The Python that has the extra [ttrl]: the one that was named, this one, or what `make ttrl` made."""
    if named := os.environ.get(PYTHON_SETTING):
        if not os.access(named, os.X_OK):
            raise ConfigError(f"{PYTHON_SETTING} names {named!r}, which cannot be run.")
        return named
    if all(find_spec(name) for name in ("torch", "trl", "peft")):
        return sys.executable
    made = _ROOT / ".venv-ttrl" / "bin" / "python"
    if made.exists():
        return str(made)
    raise ConfigError(
        "Training needs torch, TRL and PEFT: `pip install 'sleepwright[ttrl]'`, here or in an environment of its own "
        f"that {PYTHON_SETTING} names; in a clone, `make ttrl`."
    )


def prepare(folder: Path, job: TrainJob, exercises: Sequence[Exercise]) -> None:
    """Write the job down; nothing happens where it is written already."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / JOB).exists():
        _write(folder / EXERCISES, "".join(exercise.model_dump_json() + "\n" for exercise in exercises))
        _write(folder / JOB, job.model_dump_json(indent=1) + "\n")


def prepared(folder: Path) -> tuple[TrainJob, list[Exercise]]:
    """What was written down."""
    job = TrainJob.model_validate_json((folder / JOB).read_text(encoding="utf-8"))
    # Of code, which may hold what `splitlines` takes for the end of a line.
    lines = (folder / EXERCISES).read_text(encoding="utf-8").split("\n")
    return job, [Exercise.model_validate_json(line) for line in lines if line]


def is_trained(folder: Path) -> bool:
    """Whether nothing is left to train in a folder."""
    return (folder / ADAPTER).exists()


def run(folder: Path, tell: Callable[[Step], None] = lambda step: None, processes: int = 1) -> Path:
    """Train to the end; returns the adapter's folder. ConfigError where the trainer fails.

    However this process ends, the trainer ends with it: nothing trains on unseen.
    """
    if is_trained(folder):
        return folder / ADAPTER
    python = trainer_python()
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)] if processes > 1 else []
    command = [python, *launcher, "-m", "ttrl_adapter.train", str(folder)]
    environment = {
        **os.environ,
        "SLEEPWRIGHT_TRAIN_CHILD": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
        # The current directory is a repository, which may have a `trl` of its own.
        "PYTHONSAFEPATH": "1",
    }
    with (
        (folder / LOG).open("ab") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True
        ) as child,
    ):
        try:
            assert child.stdout
            for line in child.stdout:
                if line.startswith(b'{"step":'):
                    tell(Step.model_validate_json(line))
                else:
                    log.write(line)
            code = child.wait()
        finally:
            _end(child)
    if code or not (folder / ADAPTER).exists():
        raise ConfigError(f"The training failed with exit code {code}: {_last_words(folder / LOG)}")
    return folder / ADAPTER


def steps(folder: Path) -> list[Step]:
    """The steps of a training so far; of a step that was done again after a kill, the later one."""
    path = folder / STEPS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = {step.step: step for step in (Step.model_validate_json(line) for line in lines if line.endswith("}"))}
    return [found[number] for number in sorted(found)]


def _end(child: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is None:
            os.killpg(child.pid, number)
            try:
                child.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                continue


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'it said nothing'} (the whole log is in {str(log)!r})"


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
