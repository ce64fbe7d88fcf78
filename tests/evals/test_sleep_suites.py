"""The repositories of `eval sleep`: what is broken when, and that it is the same each time."""

import subprocess
from pathlib import Path

import pytest

from evals.sleep_suites import Scene, begin, first_questions, make_scenes, move_on, repository_names


@pytest.fixture(scope="module")
def scene() -> Scene:
    (made,) = make_scenes("bugs", 1, 7, ["kitchen"])
    return made


def failing(folder: Path, command: str) -> set[str]:
    run = subprocess.run(f"{command} -rf --tb=no", shell=True, cwd=folder, capture_output=True, text=True)
    return {line.split()[1].partition("::")[0] for line in run.stdout.splitlines() if line.startswith("FAILED")}


def test_half_of_the_bugs_are_there_while_it_sleeps_and_all_when_it_is_asked(scene: Scene, tmp_path: Path) -> None:
    whole = scene.questions[0].test_command.removesuffix(f" {scene.questions[0].tests}")
    begin(scene, tmp_path)
    foreseen = {question.tests for question in scene.questions if question.anticipated}
    assert failing(tmp_path, whole) == foreseen
    assert len(foreseen) == len(scene.questions) / 2 == 4
    move_on(scene, tmp_path)
    assert failing(tmp_path, whole) == {question.tests for question in scene.questions}


def test_the_same_arguments_make_the_same_scenes(scene: Scene) -> None:
    assert make_scenes("bugs", 1, 7, ["kitchen"]) == [scene]


def test_a_context_has_several_questions_that_it_answers(tmp_path: Path) -> None:
    scenes = make_scenes("stateful", 1, 7, ["kitchen"])
    assert len(scenes) >= 6
    for made in scenes:
        assert len(made.questions) >= 2 and len(made.first) == 2 and not made.later
        assert all(question.anticipated for question in made.questions)
        assert len({question.right for question in made.questions}) == 1
        assert all("::" in question.tests for question in made.questions)


def test_an_unknown_repository_is_named() -> None:
    with pytest.raises(ValueError, match="no repository 'castle': there are kitchen, library, race"):
        make_scenes("bugs", 1, 0, ["castle"])
    assert repository_names() == ["kitchen", "library", "race"]


def test_a_limit_takes_the_first_questions_foreseen_and_not_in_turn(scene: Scene) -> None:
    (cut,) = first_questions([scene, scene], 3)
    assert [question.anticipated for question in cut.questions] == [True, False, True]
    assert [len(each.questions) for each in first_questions([scene, scene], 10)] == [8, 2]
