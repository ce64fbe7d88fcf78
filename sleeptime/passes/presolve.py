"""Works answers out beforehand: for tests that fail now; with a served model, for TODO comments and expected questions.

The agent's own graph does the work, on the snapshot; a patch that was voted for and passes the check is kept as an
answer, with what it is for. Nothing is tried twice on the same content: an item is known by the blobs of its files.

The tests are those of the whole repository without the other failing ones, so that a patch which breaks anything else
does not pass.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.deadline import Deadline
from agent.git_command import run_git
from agent.graph import solve
from agent.state import AgentContext, Stage
from memory.note_rules import MOST_ANCHORS
from memory.records import Anchor, Answer, Experience, Note, Task, Tokens
from sleeptime.records import Item, item_key
from sleeptime.study import Findings, Study
from sleeptime.study_cache import FailingTest, TestReport

VERSION = 1
CANDIDATES = (128, 512)
"""Of the embedded model: as a run of the user's samples, and where none of them passes, as only sleep has time for."""
SERVED_CANDIDATES = (4,)
SERVED_TOKENS = 60_000
"""Booked for an item of a served model."""
ITEM_SECONDS = 900.0
SLOW_SUITE = 30.0
"""Seconds of all tests, above which a candidate is checked with the tests of the failing file only."""
MOST_DESELECTED = 200
MOST_COMMENTS = 30
FAILING_USE, COMMENT_USE, QUESTION_USE = 0.3, 0.02, 0.05
"""How likely it is that the next question is what fails, one of the comments, one of the questions expected."""
MAJORITY = 0.5
"""Of the candidates, where no test tells a right patch from a wrong one."""
_COMMENT = r"(#|//|/\*|--|;)[[:space:]]*(TODO|FIXME)([(:[:space:]]|$)"


class Presolve:
    """Implements `sleeptime.study.Pass`."""

    name = "presolve"

    def __init__(self, candidates: Sequence[int] = CANDIDATES) -> None:
        """`candidates` of the embedded model: of a first try, and of each that follows where nothing passed."""
        self._candidates = tuple(candidates)

    def items(self, study: Study) -> Iterator[Item]:
        """Test files with failing tests, as far as it is known what fails; then what a served model may be asked."""
        if report := study.test_report:
            yield from _failing_items(report, study)
        if study.model is not None:
            yield from _comment_items(study)
            yield from _question_items(study)

    def work(self, item: Item, study: Study) -> Findings:
        if report := study.test_report if item.subject.startswith(_TESTS) else None:
            return _mend(item, report, study, self._candidates)
        return _answer(item, study)


_TESTS = "tests "
_REQUEST = "request "


@dataclass(frozen=True)
class _Quiet:
    """A progress that gives way when it is time to."""

    study: Study

    def step(self, stage: Stage, done: int, total: int) -> None:
        self.study.go_on()

    def notice(self, text: str) -> None:
        pass


class _GivingWay(Deadline):
    """Asked by everything in a run that takes time; Stopped where sleep is over."""

    def __init__(self, study: Study) -> None:
        super().__init__(ITEM_SECONDS)
        self._study = study

    def left(self) -> float:
        self._study.go_on()
        return super().left()


def _failing_items(report: TestReport, study: Study) -> Iterator[Item]:
    """One for each test file: what fails in it often has one reason."""
    files: dict[str, list[FailingTest]] = {}
    for failing in report.failing:
        files.setdefault(failing.file, []).append(failing)
    for file, tests in files.items():
        ran = [path for failing in tests for path in failing.ran]
        paths = [path for path in dict.fromkeys([file, *ran]) if path in study.blobs][:MOST_ANCHORS]
        names = [failing.test for failing in tests if failing.test]
        yield _item(
            file or "the test command",
            _TESTS + file,
            tuple(study.anchor(path) for path in paths),
            [report.command, *names],
            FAILING_USE / len(files),
            study,
        )


def _comment_items(study: Study) -> Iterator[Item]:
    found = run_git(
        study.repository.root, "grep", "-n", "-I", "-E", "--full-name", "-z", _COMMENT, study.snapshot, "--"
    )
    lines = found.output.decode("utf-8", "surrogateescape").splitlines()[:MOST_COMMENTS]
    for line in lines:
        place, number, text = line.removeprefix(f"{study.snapshot}:").split("\0", 2)
        if place in study.blobs and number.isdigit():
            request = f"Do what the comment in {place}, line {number}, says: {text.strip()[:300]}"
            anchors = (study.anchor(place, lines=(int(number), int(number))),)
            yield _item(
                f"{place}: {text.strip()[:80]}", _REQUEST + request, anchors, [], COMMENT_USE / len(lines), study
            )


def _question_items(study: Study) -> Iterator[Item]:
    questions = [note for note in study.notes.log.notes() if note.kind == "question"]
    broken = study.notes.broken([note.id for note in questions]) if questions else {}
    live = [note for note in questions if note.id not in broken]
    for note, share in study.expected(live):
        yield _item(note.text[:80], _REQUEST + note.text, note.anchors, [], QUESTION_USE * share, study)


def _item(about: str, subject: str, inputs: tuple[Anchor, ...], words: Sequence[str], use: float, study: Study) -> Item:
    is_served = study.model is not None
    thought = [subject, study.proposer.name, *words, *(anchor.blob for anchor in inputs)]
    return Item(
        pass_name=Presolve.name,
        key=item_key(Presolve.name, VERSION, thought),
        about=about,
        inputs=inputs,
        subject=subject,
        expected_use=use,
        estimated_tokens=SERVED_TOKENS if is_served else 0,
    )


def _mend(item: Item, report: TestReport, study: Study, candidates: Sequence[int]) -> Findings:
    """Try to make the failing tests of one file pass."""
    file = item.subject.removeprefix(_TESTS)
    tests = [failing.test for failing in report.failing if failing.file == file and failing.test]
    others = [failing.test for failing in report.failing if failing.file != file]
    command = _without(report, file, others)
    if command is None:
        return Findings(dropped=(f"{item.about}: its tests cannot be run without the other failing ones",))
    request = f"make the failing tests of {file} pass" if file else "make the failing tests pass"
    found, tokens = _solve(request, command, study, SERVED_CANDIDATES if study.model else candidates)
    if found.status != "passed":
        return Findings(tokens=tokens, dropped=(f"{item.about}: no candidate passes",))
    names = ", ".join(tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")
    note = _note(f"{names or 'The test command'} fails, and this mends it", found, tokens, item.inputs[:1], study)
    answer = Answer(patch=found.patch, tests=tuple(tests), request="" if tests else request)
    return Findings(notes=(note.model_copy(update={"answer": answer}),), tokens=tokens)


def _answer(item: Item, study: Study) -> Findings:
    """Work on a request that no failing test stands for: most candidates have to agree."""
    request = item.subject.removeprefix(_REQUEST)
    found, tokens = _solve(request, study.test_command, study, SERVED_CANDIDATES)
    is_agreed = found.vote.votes > 1 and found.vote.agreement >= MAJORITY
    if found.status not in ("passed", "unchecked") or not is_agreed:
        return Findings(tokens=tokens, dropped=(f"{item.about}: no patch that most candidates agree on",))
    note = _note(f"Worked out for: {request}", found, tokens, item.inputs[:1], study)
    answer = Answer(patch=found.patch, request=request)
    return Findings(notes=(note.model_copy(update={"answer": answer}),), tokens=tokens)


def _solve(request: str, command: str | None, study: Study, tries: Sequence[int]) -> tuple[Experience, Tokens]:
    """What a run of the user's would do, then with more candidates where none passes; and the tokens of all that.

    An answer of before, whose tree has moved on, is tried first, as it is when the user asks.
    """
    repository = study.repository
    task = Task(
        request=request,
        repo=str(repository.root),
        base_commit=study.head,
        snapshot=study.snapshot,
        test_command=command,
    )
    spent = Tokens()
    for seed, candidates in enumerate(tries):
        found = solve(task, _context(study, candidates, seed))
        spent += found.tokens
        if found.status in ("passed", "unchecked"):
            break
    return found, spent


def _context(study: Study, candidates: int, seed: int) -> AgentContext:
    return AgentContext(
        repository=study.repository,
        worktrees=study.home.worktrees,
        proposer=study.proposer,
        sandbox=study.sandbox,
        progress=_Quiet(study),
        candidates=candidates,
        seed=seed,
        memory=study.notes,
        reads_notes=study.model is not None,
        deadline=_GivingWay(study),
    )


def _note(text: str, found: Experience, spent: Tokens, evidence: Iterable[Anchor], study: Study) -> Note:
    """Anchored to what it was worked out for, and to all files that it changes."""
    changed = [path for path in _changed(found.patch) if path in study.blobs]
    anchors = {anchor.path: anchor for anchor in [*evidence, *(study.anchor(path) for path in changed)]}
    check = next((c.check for c in found.candidates if c.check and c.check.passed), None)
    tried = [f"passes: {check.tests.command}"[:500]] if check and check.tests else []
    return Note(
        id="",
        text=f"{text}:\n{_shown(found.patch)}",
        kind="answer",
        origin="inferred",
        anchors=tuple(anchors.values())[:MOST_ANCHORS],
        source=found.model,
        checks=(*tried, f"{found.vote.votes} of {len(found.candidates)} candidates agree"),
        cost=spent,
    )


def _changed(patch: str) -> list[str]:
    """The paths that git's patch changes or takes away."""
    return [line[6:].split("\t")[0] for line in patch.split("\n") if line.startswith("--- a/")]


def _shown(patch: str) -> str:
    """The changed lines of a patch, as far as a note's text has room."""
    lines = [line for line in patch.split("\n") if re.match(r"(\+\+\+ b/|[-+](?![-+]))", line)]
    text = "\n".join(lines)
    return re.sub(r"[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]", "?", text)[:1_500]


def _without(report: TestReport, file: str, others: Sequence[str]) -> str | None:
    """The test command without other failing tests; None where it cannot be told to leave them out."""
    command = report.command
    is_pytest = re.search(r"(^|[\s/])(pytest|py\.test)(\s|$)", command) and not re.search(r"[;&|<>\n`]|\$\(", command)
    if not is_pytest:
        return None if others else command
    if len(others) > MOST_DESELECTED:
        return None
    names_tests = any(not word.startswith("-") for word in _after_pytest(command))
    narrowed = [file] if report.seconds > SLOW_SUITE and file and not names_tests else []
    left_out = [part for test in others for part in ("--deselect", test)]
    return " ".join([command, *map(shlex.quote, [*narrowed, *left_out])])


def _after_pytest(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError:
        return [command]
    place = next((i for i, word in enumerate(words) if word.rpartition("/")[2] in ("pytest", "py.test")), len(words))
    return words[place + 1 :]
