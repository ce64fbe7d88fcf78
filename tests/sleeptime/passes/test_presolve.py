"""Presolve: what is worked out beforehand, what is kept of it, and that nothing is tried twice on the same content."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agent.chat import Reply
from agent.edits import Edit
from agent.graph import solve
from agent.localise import Localisation
from agent.sandbox import Sandbox
from agent.state import AgentContext, Proposal
from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog, new_id
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Experience, Note, Task, Tokens
from sleeptime.passes.presolve import Presolve
from sleeptime.records import Item
from sleeptime.study import Findings, Stopped, Study
from sleeptime.study_cache import FailingTest, StudyCache, TestReport
from tests.agent.test_graph import Said

TESTS = f"env PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q"
ADD, HALVE = "tests/test_calc.py::test_add", "tests/test_more.py::test_halve"
RIGHT = [Edit("calc.py", "    return a - b", "    return a + b")]
HALF = [Edit("calc.py", "    return a // 3", "    return a // 2")]
WRONG = [Edit("calc.py", "    return a // 3", "    return a // 5")]
BREAKS = [*RIGHT, Edit("calc.py", "    return a * 2", "    return a")]


@dataclass
class Scripted:
    """Says the same to everybody, and remembers the requests."""

    script: Sequence[Sequence[Edit]]
    name: str = "scripted"
    requests: list[str] = field(default_factory=list)

    def propose(
        self,
        task: Task,
        worktree: Path,
        localisation: Localisation,
        n: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> list[Proposal]:
        self.requests.append(task.request)
        progress(0)
        return [Proposal(tuple(edits), tokens=Tokens(prompt=7, completion=5, calls=1)) for edits in self.script[:n]]


class Served:
    """A model that is there, and that no pass but the proposer asks."""

    name = "served"

    def sample(self, *arguments: Any, **more: Any) -> list[Reply]:
        raise AssertionError("presolve asks the proposer")

    def predictability(self, *arguments: Any) -> None:
        raise AssertionError("presolve asks the proposer")


@pytest.fixture
def study(repo: Path) -> Iterator[Study]:
    (repo / "calc.py").write_text((repo / "calc.py").read_text() + "\n\ndef halve(a):\n    return a // 3\n")
    (repo / "tests" / "test_more.py").write_text(
        "from calc import halve\n\n\ndef test_halve():\n    assert halve(8) == 4\n"
    )
    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    with ExitStack() as stack:
        yield Study(
            repository=repository,
            home=home,
            notes=stack.enter_context(NoteStore.open(repo, MemoryConfig())),
            experiences=stack.enter_context(ExperienceLog(home.experiences)),
            cache=stack.enter_context(StudyCache(home)),
            sandbox=Sandbox("none"),
            proposer=Scripted([HALF, RIGHT]),
            model=None,
            snapshot=repository.snapshot(),
            test_command=TESTS,
            run=new_id(),
            budget=0,
            stop=lambda: False,
        )


def failing(
    study: Study,
    *tests: str,
    command: str = TESTS,
    seconds: float = 0.5,
    covers: dict[str, dict[str, tuple[str, ...]]] | None = None,
    flaky: tuple[str, ...] = (),
) -> Study:
    """The study with a report on its tests."""
    found = tuple(
        FailingTest(test=test, file=test.partition("::")[0], error="AssertionError", ran=("calc.py",)) for test in tests
    )
    report = TestReport(
        command=command,
        snapshot=study.snapshot,
        exit_code=1,
        timed_out=False,
        seconds=seconds,
        passed=1,
        failing=found,
        covers=covers or {},
        flaky=flaky,
    )
    study = replace(study, test_command=command)
    assert study.tests_key
    study.cache.keep_test_report(study.tests_key, report)
    return study


def work(study: Study) -> list[tuple[Item, Findings]]:
    presolve = Presolve()
    return [(item, presolve.work(item, study)) for item in presolve.items(study)]


def first(study: Study) -> Findings:
    """Of the first item alone: each runs the tests several times."""
    presolve = Presolve()
    return presolve.work(next(iter(presolve.items(study))), study)


def store(study: Study, findings: Findings) -> Note:
    (note,) = findings.notes
    stored = note.model_copy(update={"id": new_id(), "commit": study.head, "run": study.run})
    study.notes.log.add([stored])
    return stored


def store_all(study: Study, findings: Findings) -> list[str]:
    return [store(study, replace(findings, notes=(note,))).id for note in findings.notes]


def ask(study: Study, request: str, command: str, proposer: Scripted | None = None) -> Experience:
    """What the agent answers with this memory."""
    task = Task(
        request=request,
        repo=str(study.repository.root),
        base_commit=study.head,
        snapshot=study.snapshot,
        test_command=command,
    )
    model = proposer or Scripted([])
    context = AgentContext(study.repository, study.home.worktrees, model, study.sandbox, Said(), 8)
    return solve(task, replace(context, memory=study.notes, reads_notes=False))


def test_nothing_is_thought_about_before_the_tests_were_run(study: Study) -> None:
    assert list(Presolve().items(study)) == []


def test_an_answer_is_kept_for_each_file_of_failing_tests(study: Study) -> None:
    (first, found), (second, other) = work(failing(study, ADD, HALVE))
    assert (first.about, second.about) == ("tests/test_calc.py", "tests/test_more.py")
    (note,), (note_of_other,) = found.notes, other.notes
    assert note.answer and note_of_other.answer
    assert note.answer.tests == (ADD,) and "a + b" in note.answer.patch and "a // 2" not in note.answer.patch
    assert note_of_other.answer.tests == (HALVE,) and "a // 2" in note_of_other.answer.patch
    assert {anchor.path for anchor in note.anchors} == {"tests/test_calc.py", "calc.py"}
    assert (note.kind, note.origin, note.source) == ("answer", "inferred", "scripted")
    assert note.checks[0].startswith("passes: ") and f"--deselect {HALVE}" in note.checks[0]
    assert note.cost == found.tokens == Tokens(prompt=14, completion=10, calls=2)
    assert "+    return a + b" in note.text


@pytest.fixture
def two_bugs(study: Study, repo: Path) -> Study:
    """Both shown by one file of tests."""
    (repo / "tests" / "test_calc.py").write_text(
        "from calc import add, double, halve\n\n\ndef test_add():\n    assert add(2, 3) == 5\n\n\n"
        "def test_double():\n    assert double(2) == 4\n\n\ndef test_halve():\n    assert halve(8) == 4\n"
    )
    (repo / "tests" / "test_more.py").unlink()
    return replace(study, snapshot=study.repository.snapshot())


HALVE_TOO = "tests/test_calc.py::test_halve"


def test_of_two_bugs_that_one_file_shows_each_has_its_answer(two_bugs: Study) -> None:
    study = failing(two_bugs, ADD, HALVE_TOO)
    ((item, found),) = work(study)
    assert item.about == "tests/test_calc.py"
    assert [note.answer.tests for note in found.notes if note.answer] == [(HALVE_TOO,), (ADD,)]
    assert "a // 2" in found.notes[0].text and "a + b" in found.notes[1].text
    assert found.notes[0].checks[0] == f"passes: {TESTS} --deselect {ADD}"
    assert found.notes[0].cost == found.tokens and found.notes[1].cost == Tokens()


def test_who_asks_about_one_of_two_bugs_or_about_both_is_served(two_bugs: Study) -> None:
    found = first(failing(two_bugs, ADD, HALVE_TOO))
    ids = store_all(two_bugs, found)
    for request, command, used in (
        ("make test_halve pass", TESTS, ids[:1]),
        ("it is wrong", f"{TESTS} {ADD}", ids[1:]),
        ("make the failing tests pass", TESTS, ids),
    ):
        answer = ask(two_bugs, request, command)
        assert answer.was_known and sorted(answer.notes) == sorted(used)


def test_what_an_answer_for_others_left_failing_is_a_question_of_its_own(two_bugs: Study) -> None:
    study = failing(replace(two_bugs, proposer=Scripted([HALF])), ADD, HALVE_TOO)
    store_all(study, first(study))
    _, item = Presolve().items(study)
    assert item.about == "tests/test_calc.py (test_add)"
    found = Presolve().work(item, replace(study, proposer=Scripted([RIGHT])))
    assert [note.answer.tests for note in found.notes if note.answer] == [(ADD,)]


def test_a_patch_for_one_of_two_tests_that_breaks_a_third_is_no_answer(two_bugs: Study) -> None:
    found = first(failing(replace(two_bugs, proposer=Scripted([BREAKS])), ADD, HALVE_TOO))
    assert not found.notes and found.dropped == ("tests/test_calc.py: no candidate passes",)


def test_tests_that_run_nothing_in_common_are_questions_of_their_own(two_bugs: Study) -> None:
    covers: dict[str, dict[str, tuple[str, ...]]] = {"calc.py": {"add": (ADD,), "halve": (HALVE_TOO,)}}
    study = failing(two_bugs, ADD, HALVE_TOO, covers=covers)
    found = work(study)
    assert [item.about for item, _ in found] == ["tests/test_calc.py (test_add)", "tests/test_calc.py (test_halve)"]
    assert [note.answer.tests for _, each in found for note in each.notes if note.answer] == [(ADD,), (HALVE_TOO,)]


def test_what_fails_in_sleep_is_not_tried_by_sleep_again_nor_when_it_is_asked(study: Study) -> None:
    study = failing(replace(study, proposer=Scripted([WRONG])), HALVE, command=f"{TESTS} tests/test_more.py")
    assert first(study).tokens.calls == 2
    answer = ask(study, "halve is wrong", f"{TESTS} tests", Scripted([WRONG, HALF]))
    assert [candidate.abstained for candidate in answer.candidates] == ["known to fail", None]


def test_of_a_flaky_test_no_failure_is_remembered(study: Study) -> None:
    study = failing(replace(study, proposer=Scripted([WRONG])), HALVE, flaky=(HALVE,))
    first(study)
    assert study.notes.failures.tests() == frozenset()


def test_a_patch_that_breaks_other_tests_is_no_answer(study: Study) -> None:
    study = replace(study, proposer=Scripted([BREAKS]))
    found = first(failing(study, ADD, HALVE))
    assert not found.notes and found.dropped == ("tests/test_calc.py: no candidate passes",)
    assert found.tokens.calls == 2  # the second time with more candidates


def test_the_same_content_is_the_same_item_and_other_content_another(study: Study, repo: Path) -> None:
    keys = [item.key for item in Presolve().items(failing(study, ADD, HALVE))]
    (repo / "README.md").write_text("# other\n")
    moved = replace(study, snapshot=study.repository.snapshot())
    assert [item.key for item in Presolve().items(failing(moved, ADD, HALVE))] == keys
    (repo / "calc.py").write_text((repo / "calc.py").read_text() + "\n\nX = 1\n")
    moved = replace(study, snapshot=study.repository.snapshot())
    assert not set(keys) & {item.key for item in Presolve().items(failing(moved, ADD, HALVE))}


def test_where_the_tree_has_moved_on_the_answer_of_before_is_checked_without_a_token(study: Study, repo: Path) -> None:
    ((_, found),) = work(failing(study, HALVE, command=f"{TESTS} tests/test_more.py"))
    before = store(study, found)
    (repo / "calc.py").write_text("X = 1\n\n\n" + (repo / "calc.py").read_text())
    asked = Scripted([])
    moved = replace(study, snapshot=study.repository.snapshot(), proposer=asked)
    ((_, again),) = work(failing(moved, HALVE, command=f"{TESTS} tests/test_more.py"))
    (note,) = again.notes
    assert again.tokens == Tokens() and asked.requests == []
    assert note.answer and before.answer and note.answer.tests == before.answer.tests
    assert "+    return a // 2" in note.answer.patch and note.anchors != before.anchors


def test_what_was_worked_out_is_there_when_it_is_asked(study: Study) -> None:
    note = store(study, first(failing(study, ADD, HALVE)))
    found = ask(study, "add is wrong", f"{TESTS} tests/test_calc.py")
    assert found.was_known and found.notes == (note.id,)


def test_tests_that_cannot_be_run_apart_are_left(study: Study) -> None:
    command = f"{TESTS} && true"
    assert [found.dropped for _, found in work(failing(study, ADD, HALVE, command=command))] == [
        ("tests/test_calc.py: its tests cannot be run without the other failing ones",),
        ("tests/test_more.py: its tests cannot be run without the other failing ones",),
    ]


def test_of_a_slow_suite_the_failing_file_is_run(study: Study) -> None:
    ((_, found),) = work(failing(replace(study, proposer=Scripted([HALF])), HALVE, seconds=500.0))
    assert found.notes[0].checks[0] == f"passes: {TESTS} tests/test_more.py"


def test_it_gives_way_in_the_middle_of_an_item(study: Study) -> None:
    proposer = Scripted([RIGHT])
    study = failing(replace(study, proposer=proposer, stop=lambda: bool(proposer.requests)), ADD, HALVE)
    presolve = Presolve()
    item = next(iter(presolve.items(study)))
    with pytest.raises(Stopped):
        presolve.work(item, study)
    assert not [path for path in study.home.worktrees.iterdir() if path.is_dir()]


def test_comments_and_questions_are_for_a_served_model_only(study: Study, repo: Path) -> None:
    (repo / "calc.py").write_text((repo / "calc.py").read_text() + "\n\n# TODO: say what halve does\n")
    study = replace(study, snapshot=study.repository.snapshot())
    study.notes.add("How would halve round up?", ["calc.py"], origin="inferred", kind="question")
    assert list(Presolve().items(study)) == []
    comment, question = Presolve().items(replace(study, model=Served()))
    assert "TODO: say what halve does" in comment.about and question.about == "How would halve round up?"
    assert comment.inputs[0].lines == (13, 13)
    assert comment.estimated_tokens == question.estimated_tokens > 0


def test_a_comment_without_a_word_asks_for_nothing(study: Study, repo: Path) -> None:
    (repo / "notes.c").write_text("// TODO\n// FIXME: ...\n// TODO: \u4fee\u590d\n")
    study = replace(study, snapshot=study.repository.snapshot(), model=Served())
    assert [item.about for item in Presolve().items(study)] == ["notes.c: // TODO: \u4fee\u590d"]


def test_a_comment_may_hold_what_python_takes_for_the_end_of_a_line(study: Study, repo: Path) -> None:
    (repo / "notes.c").write_text("// TODO: say\x0cwhat\u2028halve does\n")
    (repo / "line\nbreak.c").write_text("// TODO: be named otherwise\n")
    study = replace(study, snapshot=study.repository.snapshot(), model=Served())
    (comment,) = Presolve().items(study)
    assert comment.about == "notes.c: // TODO: say\x0cwhat\u2028halve does"


def test_an_answer_to_words_needs_a_majority(study: Study, repo: Path) -> None:
    study.notes.add("How would halve round up?", ["calc.py"], origin="inferred", kind="question")
    served = replace(study, model=Served(), test_command=None, proposer=Scripted([HALF, RIGHT]))
    assert [len(found.notes) for _, found in work(served)] == [0]
    ((_, found),) = work(replace(served, proposer=Scripted([HALF, HALF, RIGHT])))
    (note,) = found.notes
    assert note.answer and note.answer.request == "How would halve round up?" and note.answer.tests == ()
    assert note.checks == ("2 of 3 candidates agree",)


def test_a_question_that_is_not_true_of_this_tree_is_left(study: Study, repo: Path) -> None:
    study.notes.add("How would halve round up?", ["calc.py"], origin="inferred", kind="question")
    (repo / "calc.py").write_text("x = 1\n")
    assert list(Presolve().items(replace(study, snapshot=study.repository.snapshot(), model=Served()))) == []


def test_a_command_that_names_no_test_is_worked_on_as_a_whole(study: Study) -> None:
    command = f"{sys.executable} -c 'from calc import halve; assert halve(8) == 4'"
    study = failing(replace(study, proposer=Scripted([HALF])), command=command)
    assert study.test_report and study.tests_key
    nameless = FailingTest(test="", file="", error="AssertionError")
    study.cache.keep_test_report(study.tests_key, study.test_report.model_copy(update={"failing": (nameless,)}))
    ((item, found),) = work(study)
    assert item.about == "the test command"
    assert found.notes[0].answer and found.notes[0].answer.request == "make the failing tests pass"


def test_a_patch_for_what_others_left_failing_that_mends_all_is_the_answer_for_all(study: Study, repo: Path) -> None:
    (repo / "tests" / "test_more.py").write_text(
        "from calc import halve\n\n\ndef test_halve():\n    assert halve(8) == 4\n\n\n"
        "def test_quarter():\n    assert halve(halve(4)) == 1\n"
    )
    quarter = "tests/test_more.py::test_quarter"
    only = f"{TESTS} tests/test_more.py"
    study = replace(study, snapshot=study.repository.snapshot())
    lucky = [Edit("calc.py", "    return a // 3", "    return 4")]
    study = failing(replace(study, proposer=Scripted([lucky])), HALVE, quarter, command=only)
    store_all(study, first(study))
    _, item = Presolve().items(study)
    found = Presolve().work(item, replace(study, proposer=Scripted([HALF])))
    (best,) = store_all(study, found)
    assert found.notes[0].answer and found.notes[0].answer.tests == (HALVE, quarter)
    assert ask(study, "it is wrong", f"{TESTS} {HALVE}").notes == (best,)
