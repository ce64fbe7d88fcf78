"""What a finished task taught, from its record: what worked, what was not enough, what the user took back. Pure."""

import re
from collections.abc import Sequence

from memory.records import Candidate, Experience, Outcome

MOST_FILES = 6
_LONGEST_REQUEST = 300
_MOST_LINES = 8
"""A change of so few lines is told in full."""
_LONGEST_LINE = 160
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?(?P<around>.*)")
_DEFINITION = re.compile(r"\s*(?:async )?(?:def|class|func|fn|function|struct|impl|module)\s+(?:\([^)]*\)\s*)?(\w+)")


def lesson(experience: Experience, outcomes: Sequence[Outcome]) -> str:
    """What a task taught; "" where it taught nothing. Pure."""
    asked = _shortened(" ".join(experience.task.request.split()), _LONGEST_REQUEST)
    kinds = [outcome.kind for outcome in outcomes]
    winner = None if experience.vote.winner is None else experience.candidates[experience.vote.winner]
    if winner is None or not winner.patch:
        return ""
    changed = "; ".join(changes(winner.patch))
    votes = f"{experience.vote.votes} of {len(experience.candidates)} candidates agreed"
    if kinds and kinds[-1] == "undone":
        return f'Asked "{asked}", a change of {changed} was applied, and the user took it back.{_told(winner)}'
    kept = kinds[-1] if kinds else ""
    proven = experience.status == "passed" and not experience.passed_before
    if proven or (experience.status in ("passed", "unchecked") and kept):
        still = " still" if experience.passed_before else ""
        passed = f", `{experience.task.test_command}`{still} passed" if experience.status == "passed" else ""
        applied = f", and it was {kept}" if kept else ""
        return f'Asked "{asked}", what worked was a change of {changed}: {votes}{passed}{applied}.{_told(winner)}'
    if experience.status == "failed":
        tried = dict.fromkeys(change for each in experience.candidates[:20] for change in changes(each.patch))
        failed = f"none of {len(experience.candidates)} candidates passed `{experience.task.test_command}`"
        return f'Asked "{asked}", {failed}; not enough were changes of {"; ".join(list(tried)[:MOST_FILES])}.'
    return ""


def changes(patch: str) -> list[str]:
    """The files of a patch, each with the functions that it changed."""
    found: dict[str, dict[str, None]] = {}
    functions: dict[str, None] = {}
    around = ""
    for line in patch.splitlines():
        if line.startswith(("+++ b/", "rename to ")):
            path = line.removeprefix("+++ b/").removeprefix("rename to ").rstrip("\t")
            functions = found.setdefault(path, {})
            around = ""
        elif line.startswith("+++ /dev/null") or line.startswith("--- "):
            continue
        elif hunk := _HUNK.match(line):
            around = match[1] if (match := _DEFINITION.match(hunk["around"])) else ""
        elif match := _DEFINITION.match(line[1:]) if line[:1] in (" ", "-", "+") else None:
            around = match[1]
        if line[:1] in ("+", "-") and not line.startswith(("+++", "---")) and around:
            functions[around] = None
    return [f"{path} ({', '.join(list(names)[:4])})" if names else path for path, names in found.items()]


def _told(candidate: Candidate) -> str:
    """The changed lines, where they are few."""
    lines = [line for line in candidate.patch.splitlines() if line[:1] in ("+", "-")]
    lines = [line for line in lines if not line.startswith(("+++", "---")) and line[1:].strip()]
    if not 0 < len(lines) <= _MOST_LINES or any(len(line) > _LONGEST_LINE for line in lines):
        return ""
    return " The change: " + " ".join(f"{line[0]} `{line[1:].strip()}`" for line in lines)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
