"""What a round learns from, and what is held out."""

import random
import subprocess
from pathlib import Path

from agent.workspace import Repository
from tests.ttrl_adapter.exercises import area, ballot, text_exercise
from ttrl_adapter.pool import distinct, in_band, is_canary, make_pool, own_functions, self_made
from ttrl_adapter.reward import key_of

FUNCTIONS = [f"def f{i}(a, b):\n    if a > b + {i}:\n        return a - b\n    return a * {i}" for i in range(40)]


def everything_fits(prompt: str) -> bool:
    return True


def test_a_self_made_exercise_knows_its_right_answer_and_marks_the_faulty_line() -> None:
    for made in self_made(FUNCTIONS, random.Random(0)):
        assert made.answer is not None
        assert key_of(f"{made.answer}<|end|>", made) in made.passed
        assert all(mark in made.prompt for mark in made.first)


def test_no_function_is_both_learnt_from_and_judged_by() -> None:
    pools = [make_pool(FUNCTIONS, [], everything_fits, (60, 30), seed) for seed in (1, 2)]
    learnt = {e.lines[0] for pool in pools for e in pool.exercises}
    judging = {e.lines[0] for pool in pools for e in pool.canaries}
    assert learnt and judging and not learnt & judging


def test_few_functions_are_gone_through_again_with_other_bugs() -> None:
    pool = make_pool(FUNCTIONS[:10], [], everything_fits, (30, 0), 0)
    assert len(pool.exercises) > 10
    assert len({e.id for e in pool.exercises}) == len(pool.exercises)


def test_a_pool_is_the_same_again_for_a_seed() -> None:
    assert make_pool(FUNCTIONS, [], everything_fits, (20, 9), 3) == make_pool(
        FUNCTIONS, [], everything_fits, (20, 9), 3
    )
    assert make_pool(FUNCTIONS, [], everything_fits, (20, 9), 3) != make_pool(
        FUNCTIONS, [], everything_fits, (20, 9), 4
    )


def test_what_the_agent_met_comes_before_what_is_made_up() -> None:
    assert make_pool(FUNCTIONS, [text_exercise()], everything_fits, (5, 0), 0).exercises[0] == text_exercise()


def test_prompts_that_are_too_long_are_left_out() -> None:
    assert make_pool(FUNCTIONS, [], lambda prompt: False, (20, 9), 0) == ([], [])


def test_equal_prompts_are_one_exercise_the_first() -> None:
    again = area().model_copy(update={"origin": "x"})
    assert distinct([area(), text_exercise(), again]) == [area(), text_exercise()]


def test_the_band_leaves_out_what_is_unsure_certain_or_tied() -> None:
    exercises = [text_exercise(id=name) for name in "abcd"]
    ballots = [
        ballot("a", 1, agreement=0.1),
        ballot("b", 1, agreement=0.5),
        ballot("c", 1, agreement=1.0),
        ballot("d", 1, agreement=0.5, winner=None),
    ]
    assert in_band(exercises, ballots) == ([exercises[1]], {"b": "w"})


def test_a_quarter_is_held_out() -> None:
    assert 200 < sum(is_canary(str(i)) for i in range(1000)) < 300


def test_the_functions_are_the_repository_s_own(repo: Path) -> None:
    for path in ("vendor/v.py", "lib.py", "test_lib.py"):
        (repo / path).parent.mkdir(exist_ok=True)
        (repo / path).write_text(f"def of_{Path(path).stem}(a):\n    # why\n    b = a\n    return b\n")
    subprocess.run(["git", "add", "--all"], cwd=repo, check=True)
    repository = Repository.open(repo)
    found = own_functions(repository, repository.snapshot())
    assert "def of_lib(a):\n    b = a\n    return b" in found
    assert not any("of_v(" in text or "of_test_lib(" in text for text in found)
