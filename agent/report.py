"""What a finished run looks like: to people on a console, and to programs as one JSON object."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from agent.limits import Meter
from memory.records import Candidate, Check, Experience, Outcome, Status

PastRun = tuple[Experience, Sequence[Outcome]]

_RESULTS: dict[Status, str] = {
    "passed": "the patch passes the check",
    "unchecked": "a patch that no test command has checked",
    "failed": "no patch passes the check; this one has the most votes",
    "no_candidate": "no patch",
}

_TAIL = 15  # lines of a failing check's output that are shown


def show(experience: Experience, console: Console) -> None:
    """The winner's diff, its check, and what it took."""
    winner = experience.vote.winner
    if winner is not None:
        show_patch(experience.patch, console)
        _show_check(experience.candidates[winner].check, console)
    for name, text in _summary(experience):
        say(f"{name:<12}{text}", console)


def show_patch(patch: str, console: Console) -> None:
    """A diff, coloured where the console can."""
    in_hunk = False
    for line in patch.removesuffix("\n").split("\n"):
        in_hunk = line.startswith("@@") or (in_hunk and not line.startswith("diff --git "))
        colours = {"+": "green", "-": "red", "@": "cyan"} if in_hunk else {}
        say(line, console, style=colours.get(line[:1], "" if in_hunk else "bold"))
    say("", console)


def say(text: str, console: Console, style: str = "") -> None:
    """A line as it is: no markup, not wrapped, and in a terminal no control characters of somebody else's."""
    if console.is_terminal:
        text = "".join(char if char in "\n\t" or char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    console.print(Text(text, style=style), soft_wrap=True)


def result(experience: Experience, applied: bool, meter: Meter | None = None) -> dict[str, Any]:
    """The object that `--json` prints. `patch` is what `git apply` takes, bytes that are not UTF-8 as \\udcxx.

    `meter` is a served model's: `cost` is null without prices, `limit` a sentence on the limit that ended the sampling.
    """
    record = experience.model_dump(mode="json")
    return {
        "status": experience.status,
        "patch": experience.patch,
        "candidates": [_candidate(candidate) for candidate in experience.candidates],
        "vote": record["vote"],
        "tokens": record["tokens"],
        "seconds": record["seconds"],
        "notes": record["notes"],
        "skipped": experience.skipped,
        "passed_before": experience.passed_before,
        "adapter": experience.adapter,
        "experience_id": experience.id,
        "applied": applied,
        "cost": meter.dollars if meter else None,
        "limit": meter.reached if meter else None,
    }


def show_past_runs(runs: Sequence[PastRun], console: Console) -> None:
    """One line each."""
    for experience, outcomes in runs:
        when = experience.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        share = f"{experience.vote.votes}/{len(experience.candidates)}"
        kept = outcomes[-1].kind if outcomes else ""
        request = " ".join(experience.task.request.split())[:80]
        say(f"{experience.id}  {when}  {experience.status:<12}  {share:<7}  {kept:<9}  {request}", console)


def show_past_run(experience: Experience, outcomes: Sequence[Outcome], console: Console) -> None:
    """The task, what became of it, and the result as `run` shows it."""
    say(experience.task.request, console, style="bold")
    say("", console)
    for name, text in (
        ("when", experience.created_at.astimezone().isoformat(" ", "seconds")),
        ("status", ", then ".join([experience.status, *(outcome.kind for outcome in outcomes)])),
        ("model", experience.model),
    ):
        say(f"{name:<12}{text}", console)
    say("", console)
    show(experience, console)


def past_runs(runs: Sequence[PastRun]) -> list[dict[str, Any]]:
    """What `log --json` prints."""
    return [
        {
            "id": experience.id,
            "created_at": experience.created_at.isoformat(),
            "request": experience.task.request,
            "status": experience.status,
            "votes": experience.vote.votes,
            "candidates": len(experience.candidates),
            "outcome": outcomes[-1].kind if outcomes else None,
        }
        for experience, outcomes in runs
    ]


def past_run(experience: Experience, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What `log show --json` prints: the whole record, and its outcomes."""
    return {
        **experience.model_dump(mode="json"),
        "outcomes": [outcome.model_dump(mode="json") for outcome in outcomes],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    record = candidate.model_dump(mode="json")
    if candidate.check:
        record["check"]["passed"] = candidate.check.passed
    return record


def _show_check(check: Check | None, console: Console) -> None:
    if check is None:
        say("check       not run, the time was up", console, style="red")
        return
    for problem in check.problems:
        say(f"check       {problem}", console, style="red")
    if check.tests is None:
        if check.passed:
            say("check       the files parse; there was no test command to run", console)
        return
    verdict = "passes" if check.passed else "time is up" if check.tests.timed_out else f"exit {check.tests.exit_code}"
    say(
        f"check       {verdict}: {check.tests.command} ({check.tests.seconds:.1f} s)",
        console,
        style="green" if check.passed else "red",
    )
    if not check.passed:
        for line in check.tests.output.rstrip().split("\n")[-_TAIL:]:
            say(f"    {line}", console)


def _first_sentence(reason: str) -> str:
    """Of a reason that may quote many lines."""
    return reason.partition("\n")[0].partition(". ")[0].rstrip(".:")


def _summary(experience: Experience) -> list[tuple[str, str]]:
    vote, tokens = experience.vote, experience.tokens
    total = len(experience.candidates)
    reasons = Counter(_first_sentence(each.abstained) for each in experience.candidates if each.abstained)
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    abstained = f", {vote.abstentions} without a vote ({why})" if vote.abstentions else ""
    stages = ", ".join(
        f"{stage} {seconds:.1f}"
        for stage, seconds in experience.seconds.items()
        if stage != "total" and seconds >= 0.05
    )
    agreement = f"{vote.votes}/{total}{abstained}" if total else "no candidate"
    if experience.was_known:
        agreement = f"none needed: worked out beforehand (notes {', '.join(experience.notes)})"
    skipped = [("skipped", f"{experience.skipped} likelier patches, known to fail")] if experience.skipped else []
    result = _RESULTS[experience.status]
    if experience.passed_before and experience.status == "passed":
        result += ", as the tree did before: it breaks no test, and whether it does what was asked is for you to read"
    return [
        ("result", result),
        ("agreement", agreement),
        *skipped,
        ("tokens", f"{tokens.prompt:,} read, {tokens.completion:,} written, calls: {tokens.calls}"),
        ("seconds", f"{experience.seconds.get('total', 0.0):.1f}" + (f" ({stages})" if stages else "")),
        ("experience", experience.id),
    ]
