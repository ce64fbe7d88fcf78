"""The steps of a run's candidates: for people on a console, and as JSON by the conventions of the field.

The JSON has mini-swe-agent's fields: `trajectory_format`, `info` with `exit_status`, `submission` and `model_stats`,
and `messages` as chat APIs have them, with what else is known in `extra`. At the top is the winner, or the first
candidate where there is none; the others follow in `other_candidates`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from agent.report import say
from memory.records import Candidate, Experience, Task, Tokens
from memory.runs import Step, read_steps, trajectories

FORMAT = "sleepwright-1.0"
_SHOWN = 12  # lines of a text that are shown


@dataclass(frozen=True)
class Trajectory:
    """One candidate's steps."""

    index: int
    steps: tuple[Step, ...]

    @property
    def end(self) -> Step | None:
        return self.steps[-1] if self.steps and self.steps[-1].kind == "end" else None

    @property
    def exit_status(self) -> str:
        return self.end.finish if self.end else "interrupted"


def load(folder: Path) -> list[Trajectory]:
    """Those of a run's folder, in the order of the candidates."""
    found = []
    for path in trajectories(folder):
        steps = read_steps(path)
        # Of an end that a resumed run went beyond, nobody wants to know.
        kept = tuple(step for step in steps if step.kind != "end" or step is steps[-1])
        found.append(Trajectory(int(path.stem.rpartition("-")[2]), kept))
    return found


def show(found: Sequence[Trajectory], console: Console) -> None:
    """Every step, long texts shortened."""
    for trajectory in found:
        replies = sum(step.kind == "reply" for step in trajectory.steps)
        say(f"candidate {trajectory.index}: {trajectory.exit_status}, turns: {replies}", console, style="bold")
        turn = 0
        for step in trajectory.steps:
            turn += step.kind == "reply"
            _show_step(step, turn, console)
        say("", console)


def _show_step(step: Step, turn: int, console: Console) -> None:
    match step.kind:
        case "reply":
            say(f"{turn:4}  {_cut(step.text)}" if step.text else f"{turn:4}", console)
            for call in step.calls:
                say(f"      {call.name} {_cut(call.arguments)}", console, style="cyan")
        case "result" | "note":
            say(f"      {_cut(step.text)}", console, style="red" if step.failed else "bright_black")
        case "end":
            say(f"      {step.finish}: {_cut(step.text)}" if step.text else f"      {step.finish}", console)
        case _:
            pass  # the prompts are the same for all: `--export` has them


def export(task: Task, model: str | None, found: Sequence[Trajectory], experience: Experience | None) -> dict[str, Any]:
    """All of it; `experience` is None while the run has not ended."""
    candidates = {candidate.index: candidate for candidate in experience.candidates} if experience else {}
    winner = experience.vote.winner if experience else None
    first = next((each for each in found if each.index == winner), found[0])
    told = [_told(task, model, each, candidates.get(each.index)) for each in found]
    top = told[list(found).index(first)]
    others = [each for each in told if each is not top]
    return {"trajectory_format": FORMAT, **top, "other_candidates": others}


def _told(task: Task, model: str | None, trajectory: Trajectory, candidate: Candidate | None) -> dict[str, Any]:
    tokens = sum((step.tokens for step in trajectory.steps), Tokens())
    submission = candidate.patch if candidate else ""
    info = {
        "exit_status": trajectory.exit_status,
        "submission": submission,
        "summary": trajectory.end.text if trajectory.end else "",
        "model_stats": {
            "instance_cost": None,  # prices are known to a run only
            "api_calls": tokens.calls,
            "tokens_sent": tokens.prompt,
            "tokens_received": tokens.completion,
        },
        "config": {
            "agent": {"candidate": trajectory.index},
            "model": {"model_name": model},
            "environment": {"repo": task.repo, "base_commit": task.base_commit, "test_command": task.test_command},
        },
        "check": candidate.check.model_dump(mode="json") if candidate and candidate.check else None,
        "sleepwright_version": version("sleepwright"),
    }
    return {"info": info, "messages": [_message(step, submission) for step in trajectory.steps]}


def _message(step: Step, submission: str) -> dict[str, Any]:
    extra: dict[str, Any] = {"timestamp": step.at.timestamp()}
    extra |= {"seconds": step.seconds} if step.kind in ("reply", "result") else {}
    match step.kind:
        case "reply":
            extra |= {"tokens": step.tokens.model_dump(), "finish_reason": step.finish}
            calls = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in step.calls
            ]
            return {
                "role": "assistant",
                "content": step.text,
                **({"tool_calls": calls} if calls else {}),
                "extra": extra,
            }
        case "result":
            extra |= {"failed": step.failed, "tree": step.tree}
            role = {"role": "tool", "tool_call_id": step.call_id} if step.call_id else {"role": "user"}
            return {**role, "name": step.tool, "content": step.text, "extra": extra}
        case "end":
            extra |= {"exit_status": step.finish, "submission": submission}
            return {"role": "exit", "content": step.text, "extra": extra}
        case _:
            return {"role": "system" if step.kind == "system" else "user", "content": step.text, "extra": extra}


def write(told: dict[str, Any]) -> str:
    """As text; bytes that are not UTF-8 are escapes."""
    return json.dumps(told, indent=2) + "\n"


def _cut(text: str) -> str:
    lines = text.strip("\n").split("\n")
    shown = [line if len(line) <= 300 else line[:300] + " …" for line in lines[:_SHOWN]]
    more = [f"… {len(lines) - _SHOWN} more lines"] if len(lines) > _SHOWN else []
    return "\n      ".join([*shown, *more])
