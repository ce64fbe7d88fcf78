"""Finished tasks and what became of them → lessons, with the experience as evidence. No model: what happened is told.

A lesson is bound to the files that the task was about, as they are now, and is told anew when they have changed.
"""

import re
from collections.abc import Iterator, Sequence

from agent.checks import is_test_file
from memory.records import Anchor, Candidate, Experience, Note, Outcome
from sleeptime.records import Item, item_key
from sleeptime.study import Findings, Study

VERSION = 1
MOST_EXPERIENCES = 100
_FADES = 0.97
"""What a lesson is less likely to be of use than that of the next task."""
_MOST_FILES = 6
_LONGEST_REQUEST = 300
_MOST_LINES = 8
"""A change of so few lines is told in full."""
_LONGEST_LINE = 160
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?(?P<around>.*)")
_DEFINITION = re.compile(r"\s*(?:async )?(?:def|class|func|fn|function|struct|impl|module)\s+(?:\([^)]*\)\s*)?(\w+)")


class Reflect:
    name = "reflect"

    def __init__(self) -> None:
        self._thoughts: dict[str, Note] = {}

    def items(self, study: Study) -> Iterator[Item]:
        """One for each task that taught something, of equal tasks for the last; told anew where its files changed."""
        self._thoughts = {}
        told: set[tuple[str, str]] = set()
        for age, experience in enumerate(study.experiences.latest(MOST_EXPERIENCES)):
            study.go_on()
            same = (" ".join(experience.task.request.split()).casefold(), experience.patch)
            if same in told or _is_own_output(experience):
                continue
            told.add(same)
            outcomes = study.experiences.outcomes(experience.id)
            if text := lesson(experience, outcomes):
                anchors = _anchors(experience, study)
                if anchors:
                    yield self._item(experience, text, anchors, _FADES**age)

    def work(self, item: Item, study: Study) -> Findings:
        return Findings(notes=(self._thoughts[item.key],))

    def _item(self, experience: Experience, text: str, anchors: tuple[Anchor, ...], use: float) -> Item:
        words = [experience.id, text, *(word for anchor in anchors for word in (anchor.path, anchor.blob))]
        key = item_key(self.name, VERSION, words)
        self._thoughts[key] = Note(
            id="", text=text, kind="lesson", origin="observed", anchors=anchors, source=f"experience {experience.id}"
        )
        about = f"the run {experience.id}"
        return Item(pass_name=self.name, key=key, about=about, inputs=anchors, subject=experience.id, expected_use=use)


def lesson(experience: Experience, outcomes: Sequence[Outcome]) -> str:
    """What a task taught; "" where it taught nothing. Pure."""
    asked = _shortened(" ".join(experience.task.request.split()), _LONGEST_REQUEST)
    kinds = [outcome.kind for outcome in outcomes]
    winner = None if experience.vote.winner is None else experience.candidates[experience.vote.winner]
    if winner is None or not winner.patch:
        return ""
    changed = "; ".join(_changes(winner.patch))
    votes = f"{experience.vote.votes} of {len(experience.candidates)} candidates agreed"
    if kinds and kinds[-1] == "undone":
        return f'Asked "{asked}", a change of {changed} was applied, and the user took it back.{_told(winner)}'
    kept = kinds[-1] if kinds else ""
    if experience.status == "passed" or (experience.status == "unchecked" and kept):
        passed = f", `{experience.task.test_command}` passed" if experience.status == "passed" else ""
        applied = f", and it was {kept}" if kept else ""
        return f'Asked "{asked}", what worked was a change of {changed}: {votes}{passed}{applied}.{_told(winner)}'
    if experience.status == "failed":
        tried = dict.fromkeys(change for each in experience.candidates[:20] for change in _changes(each.patch))
        failed = f"none of {len(experience.candidates)} candidates passed `{experience.task.test_command}`"
        return f'Asked "{asked}", {failed}; not enough were changes of {"; ".join(list(tried)[:_MOST_FILES])}.'
    return ""


def _is_own_output(experience: Experience) -> bool:
    """Whether it was solved by what sleep had worked out: nothing new is learned from that."""
    return "propose" not in experience.seconds


def _changes(patch: str) -> list[str]:
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


def _anchors(experience: Experience, study: Study) -> tuple[Anchor, ...]:
    """The files that its candidates changed, the winner's first, as far as they are still there."""
    assert experience.vote.winner is not None
    order = [experience.candidates[experience.vote.winner], *experience.candidates[:20]]
    paths = [change.partition(" (")[0] for candidate in order for change in _changes(candidate.patch)]
    there = [path for path in dict.fromkeys(paths) if path in study.blobs]
    return tuple(study.anchor(path) for path in sorted(there, key=is_test_file)[:_MOST_FILES])


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
