"""Works answers out beforehand: for tests that fail now; with a served model, for TODO comments and expected questions.

The agent's own graph does the work, on the snapshot; a patch that was voted for and passes the check is kept as an
answer, with what it is for; what fails is remembered, and passed over when the user asks. Nothing is tried twice on the
same content: an item is known by the blobs of its files.

Failing tests that may have one reason are one question (failing_tests.py). Where a patch mends some of them only, that
is kept, and each of the others becomes a question of its own.
"""

from collections.abc import Iterator, Sequence

from agent.git_command import run_git
from memory.note_rules import MOST_ANCHORS
from memory.records import Anchor, Answer
from sleeptime.failing_tests import FailingGroup, failing_groups
from sleeptime.mending import describe, mend
from sleeptime.records import Item, item_key
from sleeptime.solving import answer_note, solve_asleep
from sleeptime.study import Findings, Study
from sleeptime.study_cache import TestReport

VERSION = 2
CANDIDATES = (128, 512)
"""Of the embedded model: as a run of the user's samples, and where none of them passes, as only sleep has time for."""
SERVED_CANDIDATES = (4,)
SERVED_TOKENS = 60_000
"""Booked for an item of a served model."""
MOST_COMMENTS = 30
FAILING_USE, COMMENT_USE, QUESTION_USE = 0.3, 0.02, 0.05
"""How likely it is that the next question is what fails, one of the comments, one of the questions expected."""
MAJORITY = 0.5
"""Of the candidates, where no test tells a right patch from a wrong one."""
_COMMENT = r"(#|//|/\*|--|;)[[:space:]]*(TODO|FIXME)[(:[:space:]].*[^[:space:][:punct:]]{3}"
"""One without a word asks for nothing."""


class Presolve:
    """Implements `sleeptime.study.Pass`."""

    name = "presolve"

    def __init__(self, candidates: Sequence[int] = CANDIDATES) -> None:
        """`candidates` of the embedded model: of a first try, and of each that follows where nothing passed."""
        self._candidates = tuple(candidates)

    def items(self, study: Study) -> Iterator[Item]:
        """Failing tests, as far as it is known what fails; then what a served model may be asked."""
        if report := study.test_report:
            yield from _failing_items(report, study)
        if study.model is not None:
            yield from _comment_items(study)
            yield from _question_items(study)

    def work(self, item: Item, study: Study) -> Findings:
        if report := study.test_report if item.subject.startswith(_TESTS) else None:
            file, *names = item.subject.removeprefix(_TESTS).split("\n")
            tests = [each for each in report.failing if each.file == file and (each.test in names or not each.test)]
            tries = SERVED_CANDIDATES if study.model else self._candidates
            return mend(FailingGroup(file, tuple(tests)), report, item.inputs, study, tries)
        return _answer(item, study)


_TESTS = "tests "
_REQUEST = "request "


def _failing_items(report: TestReport, study: Study) -> Iterator[Item]:
    """One for each group, and one for each test of a group that an answer for others has left failing."""
    groups = list(failing_groups(report))
    for group in groups:
        use = FAILING_USE / len(groups)
        yield _failing_item(group, report, use, study)
        answered = _answered(group.names, study) if len(group.tests) > 1 else set()
        left = [failing for failing in group.tests if failing.test and failing.test not in answered] if answered else []
        for failing in left:
            yield _failing_item(FailingGroup(group.file, (failing,)), report, use / len(group.tests), study)


def _failing_item(group: FailingGroup, report: TestReport, use: float, study: Study) -> Item:
    ran = [path for failing in group.tests for path in failing.ran]
    paths = [path for path in dict.fromkeys([group.file, *ran]) if path in study.blobs][:MOST_ANCHORS]
    anchors = tuple(study.anchor(path) for path in paths)
    subject = _TESTS + "\n".join([group.file, *group.names])
    return _item(describe(group, report), subject, anchors, [report.command], use, study)


def _answered(tests: Sequence[str], study: Study) -> set[str]:
    """The tests for which an answer is known that is true of this tree."""
    ids = study.notes.log.answers_for(tests)
    broken = study.notes.broken(ids) if ids else {}
    answers = [note.answer for note in study.notes.log.notes(ids) if note.answer and note.id not in broken]
    return {test for answer in answers for test in answer.tests}


def _comment_items(study: Study) -> Iterator[Item]:
    found = run_git(
        study.repository.root, "grep", "-n", "-I", "-E", "--full-name", "-z", _COMMENT, study.snapshot, "--"
    )
    # Path, number and text; without the first two it is the rest of a path with a line break in it.
    rows = [line.split("\0", 2) for line in found.output.decode("utf-8", "surrogateescape").split("\n")]
    lines = [row for row in rows if len(row) == 3][:MOST_COMMENTS]
    for place, number, text in lines:
        place = place.removeprefix(f"{study.snapshot}:")
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


def _answer(item: Item, study: Study) -> Findings:
    """Work on a request that no failing test stands for: most candidates have to agree."""
    request = item.subject.removeprefix(_REQUEST)
    (found,) = solve_asleep(request, study.test_command, study, SERVED_CANDIDATES)
    is_agreed = found.vote.votes > 1 and found.vote.agreement >= MAJORITY
    if found.status not in ("passed", "unchecked") or not is_agreed or found.vote.winner is None:
        return Findings(tokens=found.tokens, dropped=(f"{item.about}: no patch that most candidates agree on",))
    winner = found.candidates[found.vote.winner]
    note = answer_note(f"Worked out for: {request}", winner, found, found.tokens, item.inputs[:1], study)
    answer = Answer(patch=found.patch, request=request)
    return Findings(notes=(note.model_copy(update={"answer": answer}),), tokens=found.tokens)
