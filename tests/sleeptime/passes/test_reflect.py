"""What finished tasks teach."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.openai_model import OpenAIModel
from agent.scripted_server import Scripted, ScriptedServer
from memory.experiences import new_id
from memory.records import Candidate, Check, CommandRun, Experience, Outcome, Status, Task, Vote
from sleeptime.lessons import lesson
from sleeptime.passes.reflect import Reflect
from sleeptime.study import Study
from tests.sleeptime.desk import commit, open_desk, sleep_once

PATCH = (
    "diff --git a/calc.py b/calc.py\n--- a/calc.py\n+++ b/calc.py\n@@ -1,4 +1,4 @@\n def add(a, b):\n"
    "-    return a - b\n+    return a + b\n \n"
)


def experience(
    request: str = "add is wrong", status: Status = "passed", patch: str = PATCH, stages: tuple[str, ...] = ("propose",)
) -> Experience:
    ran = CommandRun(command="pytest", exit_code=0 if status == "passed" else 1, output="", seconds=1.0)
    candidate = Candidate(index=0, patch=patch, fingerprint="x", check=Check(tests=ran))
    return Experience(
        id=new_id(),
        task=Task(request=request, repo="/r", base_commit=None, snapshot="0" * 40, test_command="pytest"),
        status=status,
        candidates=(candidate, candidate.model_copy(update={"index": 1})),
        vote=Vote(winner=0, votes=2, agreement=1.0, abstentions=0),
        model="scripted",
        seconds=dict.fromkeys(stages, 1.0),
    )


def outcome(of: Experience, kind: str) -> Outcome:
    return Outcome.model_validate({"experience_id": of.id, "kind": kind})


def lessons(study: Study) -> list[str]:
    sleep_once(study, Reflect())
    broken = study.notes.broken()
    return [note.text for note in study.notes.log.notes() if note.kind == "lesson" and note.id not in broken]


def test_what_worked_is_told_with_the_change() -> None:
    done = experience()
    assert lesson(done, [outcome(done, "applied")]) == (
        'Asked "add is wrong", what worked was a change of calc.py (add): 2 of 2 candidates agreed, `pytest` passed, '
        "and it was applied. The change: - `return a - b` + `return a + b`"
    )


def test_what_the_user_took_back_is_no_success() -> None:
    done = experience()
    assert "the user took it back" in lesson(done, [outcome(done, "applied"), outcome(done, "undone")])


def test_what_failed_says_what_was_tried() -> None:
    assert lesson(experience(status="failed"), []) == (
        'Asked "add is wrong", none of 2 candidates passed `pytest`; not enough were changes of calc.py (add).'
    )


@pytest.mark.parametrize("status", ["unchecked", "no_candidate"])
def test_what_nobody_checked_or_kept_teaches_nothing(status: Status) -> None:
    assert lesson(experience(status=status), []) == ""


def test_a_check_that_passed_before_proves_nothing() -> None:
    done = experience().model_copy(update={"passed_before": True})
    assert lesson(done, []) == ""
    assert "`pytest` still passed, and it was applied" in lesson(done, [outcome(done, "applied")])


def test_a_lesson_stands_on_the_files_and_the_experience(repo: Path) -> None:
    with open_desk(repo) as study:
        done = experience()
        study.experiences.append(done)
        assert len(lessons(study)) == 1
        [note] = study.notes.log.notes()
    assert note.source == f"experience {done.id}" and [anchor.path for anchor in note.anchors] == ["calc.py"]
    assert note.origin == "observed"


def test_a_lesson_is_told_anew_where_its_file_or_its_outcome_has_changed(repo: Path) -> None:
    with open_desk(repo) as study:
        done = experience()
        study.experiences.append(done)
        lessons(study)
    commit(repo, "calc.py", "def add(a, b):\n    return a + b\n")
    with open_desk(repo) as study:
        study.experiences.add_outcome(outcome(done, "committed"))
        [told] = lessons(study)
    assert "and it was committed" in told


def test_where_its_files_are_gone_there_is_no_lesson(repo: Path) -> None:
    with open_desk(repo) as study:
        study.experiences.append(experience(patch=PATCH.replace("calc.py", "gone.py")))
        assert lessons(study) == []


def test_of_equal_tasks_the_last_one_teaches(repo: Path) -> None:
    with open_desk(repo) as study:
        for _ in range(3):
            study.experiences.append(experience())
        assert len(lessons(study)) == 1


def test_nothing_is_learned_from_what_sleep_had_worked_out_itself(repo: Path) -> None:
    with open_desk(repo) as study:
        study.experiences.append(experience(stages=("reuse",)))
        assert lessons(study) == []


def asked(study: Study, *says: str) -> list[str]:
    """The texts of the live lessons after a sleep with a model that says these things, one a request."""
    with ScriptedServer([Scripted(texts=[text]) for text in says]) as server, OpenAIModel("m", server.url) as model:
        texts = lessons(replace(study, model=model, budget=20_000, run=new_id()))
        assert len(server.requests) == len(says)
    return texts


def test_a_model_says_what_a_task_teaches_at_its_cost(repo: Path) -> None:
    with open_desk(repo) as study:
        study.experiences.append(experience())
        assert "Suspect the sign in `add` first." in asked(study, "Suspect the sign in `add` first.")
        [note] = [note for note in study.notes.log.notes() if note.origin == "inferred"]
    assert note.cost.calls == 1 and note.kind == "lesson" and [anchor.path for anchor in note.anchors] == ["calc.py"]


def test_a_model_is_shown_another_attempt_and_what_came_of_it(repo: Path) -> None:
    done = experience()
    right, same = done.candidates
    failed = CommandRun(command="pytest", exit_code=1, output="", seconds=1.0)
    wrong = Candidate(index=2, patch=PATCH.replace("a + b", "b - a"), fingerprint="y", check=Check(tests=failed))
    with open_desk(repo) as study, ScriptedServer([Scripted(texts=["NOTHING"])]) as server:
        study.experiences.append(done.model_copy(update={"candidates": (right, same, wrong)}))
        with OpenAIModel("m", server.url) as model:
            lessons(replace(study, model=model, budget=20_000, run=new_id()))
    told = server.requests[0]["messages"][-1]["content"]
    assert told.count("return a + b") == 2  # in what is told, and in the change
    assert "b - a" in told.partition("Another attempt, which did not pass:")[2]


@pytest.mark.parametrize("said", ["Look at `engine/core.py` first.", "Call `frobnicate` before.", "NOTHING", "x" * 700])
def test_what_stands_nowhere_in_the_experience_is_not_kept(repo: Path, said: str) -> None:
    with open_desk(repo) as study:
        study.experiences.append(experience())
        assert len(asked(study, said)) == 1


def test_a_lesson_of_a_model_moves_with_its_files_and_is_not_paid_twice(repo: Path) -> None:
    with open_desk(repo) as study:
        study.experiences.append(experience())
        asked(study, "Suspect the sign in `add` first.")
    commit(repo, "calc.py", "def add(a, b):\n    return a + b\n")
    with open_desk(repo) as study:
        assert "Suspect the sign in `add` first." in asked(study)


def test_another_outcome_is_another_lesson(repo: Path) -> None:
    with open_desk(repo) as study:
        done = experience()
        study.experiences.append(done)
        asked(study, "Suspect the sign in `add` first.")
        study.experiences.add_outcome(outcome(done, "undone"))
        assert "Ask before `add` is changed." in asked(study, "Ask before `add` is changed.")
