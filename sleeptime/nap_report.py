"""What came of a nap: read from what the sleep printed, and said in one line for the day's log."""

import json
from collections.abc import Sequence
from pathlib import Path
from signal import Signals

from pydantic import ValidationError

from sleeptime.daemon_record import Nap
from sleeptime.records import SleepRun

_SHOWN = 300  # characters of what a failed sleep said


def result_of(exit_code: int | None, stdout: Path, stderr: Path) -> tuple[SleepRun | None, str | None]:
    """What `sleepwright sleep --json` printed, and in a sentence why it failed; None where it did not."""
    said = _last_said(stdout)
    run = _run(said)
    if exit_code == 0:
        return run, run.problem if run else None
    if isinstance(said, dict) and said.get("status") == "error":
        return run, str(said.get("error"))[:_SHOWN]
    if run and run.problem:
        return run, run.problem
    if exit_code is not None and exit_code < 0:
        return run, f"its process was ended by {Signals(-exit_code).name}"
    errors = stderr.read_text("utf-8", "replace").strip().splitlines()
    return run, errors[-1][:_SHOWN] if errors else f"exit code {exit_code}"


def training_result(exit_code: int | None, stdout: Path, stderr: Path) -> str:
    """What `sleepwright train --once --if-due --json` came to, in a few words; "" where nothing was due."""
    said = _last_said(stdout)
    if isinstance(said, dict) and exit_code in (0, 1):
        if said.get("due") is False:
            return ""
        if "promoted" in said:
            return f"trained {said.get('adapter') or 'nothing'}, {'promoted' if said['promoted'] else 'not promoted'}"
    _, problem = result_of(exit_code, stdout, stderr)
    return f"training failed: {problem or f'exit code {exit_code}'}"


def described(nap: Nap, failed: Sequence[Nap]) -> str:
    """One line; `failed` are the latest naps that failed in a row, this one included where it did."""
    how_long = _duration(nap.seconds)
    match nap.ending:
        case "failed":
            times = f", {len(failed)} times in a row" if len(failed) > 1 else ""
            return f"sleep failed after {how_long}{times}: {nap.reason}"
        case "finished":
            beginning = f"slept {how_long}"
        case _:
            beginning = f"sleep ended early, after {how_long}: {nap.reason}"
    return "; ".join([beginning, *_came_to(nap), f"{nap.cpu_seconds:.0f} CPU s"])


def _last_said(stdout: Path) -> object:
    """What the last line is in JSON; None where it is none."""
    try:
        return json.loads(stdout.read_text("utf-8", "replace").rstrip("\n").rpartition("\n")[2])
    except ValueError:
        return None


def _run(said: object) -> SleepRun | None:
    """The record in what was printed; None where there is none, or another version wrote it."""
    if not isinstance(said, dict) or "id" not in said:
        return None
    try:
        return SleepRun.model_validate({name: said[name] for name in SleepRun.model_fields if name in said})
    except ValidationError:
        return None


def _came_to(nap: Nap) -> list[str]:
    run = nap.run
    if run is None:
        return []
    counts = run.passes.values()
    parts = [
        (sum(count.finished for count in counts), "things thought about"),
        (sum(count.notes for count in counts), "notes added"),
        (sum(count.forgotten for count in counts), "forgotten"),
        (sum(count.dropped for count in counts), "findings dropped"),
        (sum(count.failed for count in counts), "failed"),
        (run.left, "left for later"),
    ]
    said = [f"{number:,} {what}" for number, what in parts if number]
    tokens = run.tokens.prompt + run.tokens.completion
    nothing = "nothing to think about" if nap.ending == "finished" else "nothing finished yet"
    return [", ".join(said) or nothing, *([f"{tokens:,} tokens"] if tokens else [])]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
