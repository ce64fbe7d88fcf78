"""A round from its pool to its verdict. The training itself is in test_train.py: here its adapter is there already."""

import shutil
from pathlib import Path

import pytest

from agent.errors import AdapterError
from agent.policy import SHIPPED
from memory.home import MemoryHome
from tests.agent.lora_examples import write_lora
from ttrl_adapter.gate import GateRules
from ttrl_adapter.policies import LocalPolicies
from ttrl_adapter.pool import Pool, make_pool
from ttrl_adapter.records import Exercise, Recipe
from ttrl_adapter.round import CHOSEN, VERDICT, Chosen, RoundContext, choose, promoted_rounds, run_round

FUNCTIONS = [
    f"def {name}(items, limit):\n    total = {i}\n    for item in items:\n        if item > limit:\n"
    f"            total += item\n    return total"
    for i, name in enumerate(("add", "keep", "count", "merge", "total", "join", "pick", "sum_up") * 5)
]
RECIPE = Recipe(votes=4, trained=4, prompts_per_step=2, epochs=1.0, max_tokens=24)
RULES = GateRules(least_canaries=4)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return make_pool(FUNCTIONS, [], lambda prompt: True, (160, 4), 0)


def context(**fields: object) -> RoundContext:
    plain = RoundContext(
        model=SHIPPED,
        policies=LocalPolicies(SHIPPED),
        active=None,
        recipe=RECIPE,
        tell=lambda *said: None,
        exercises=16,
        canaries=4,
        rules=RULES,
    )
    return RoundContext(**{**plain.__dict__, **fields})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pool: Pool) -> Path:
    """A finished round; its adapter was made by chance."""
    folder = tmp_path_factory.mktemp("rounds") / "0001"
    write_lora(folder / "training" / "adapter", SHIPPED, rank=16, size=0.01)
    run_round(folder, lambda: pool, [], context())
    return folder


def never() -> Pool:
    raise AssertionError("what has been chosen is not chosen again")


def test_a_round_chooses_trains_and_judges_and_a_second_call_does_nothing_again(folder: Path) -> None:
    result = run_round(folder, never, [], context())
    assert len(result.chosen.exercises) == 16
    assert result.chosen.base_votes.keys() <= {exercise.id for exercise in result.chosen.exercises}
    assert not result.verdict.passed and result.verdict.numbers["canaries"] == 4  # changed by chance: no better
    assert result.adapter == folder / "training" / "adapter"


def test_a_round_that_was_killed_before_its_verdict_comes_to_the_same(folder: Path) -> None:
    first = run_round(folder, never, [], context()).verdict
    (folder / VERDICT).unlink()
    again = run_round(folder, never, [], context()).verdict
    assert (again.reasons, again.numbers) == (first.reasons, first.numbers)


def test_too_little_to_learn_from_or_to_judge_by_is_said_and_nothing_is_trained(tmp_path: Path, pool: Pool) -> None:
    few = run_round(tmp_path / "a", lambda: Pool(pool.exercises[:3], pool.canaries), [], context())
    assert few.adapter is None and "16 are needed" in few.verdict.reasons[0]
    unjudged = run_round(tmp_path / "b", lambda: Pool(pool.exercises, pool.canaries[:3]), [], context())
    assert unjudged.adapter is None and "too small" in unjudged.verdict.reasons[0]
    assert not (tmp_path / "a" / "training").exists()


def test_a_training_that_diverged_is_rejected_and_a_broken_active_adapter_is_told(folder: Path, tmp_path: Path) -> None:
    for name in ("diverged", "whole"):
        shutil.copytree(folder, tmp_path / name)
        for file in (VERDICT, "polls.json"):
            (tmp_path / name / file).unlink()
    broken = tmp_path / "diverged" / "training" / "adapter"
    write_lora(broken, SHIPPED, alpha=1e308)
    result = run_round(tmp_path / "diverged", never, [], context())
    assert result.adapter is None and "diverged: its changes are so large" in result.verdict.reasons[0]
    with pytest.raises(AdapterError, match="no answer left"):
        run_round(tmp_path / "whole", never, [], context(active=broken))


def test_up_to_half_of_a_round_are_exercises_of_earlier_ones(pool: Pool) -> None:
    old = pool.exercises[100:140]
    earlier = Chosen(exercises=tuple(old), base_votes={e.id: "k" for e in old}, asked=40, replayed=0)
    chosen = choose(pool.exercises[:32], [earlier], context())
    assert chosen.replayed == 8
    assert {e.id for e in chosen.exercises[:8]} <= {e.id for e in old}
    assert all(chosen.base_votes[e.id] == "k" for e in chosen.exercises[:8])


def test_where_tests_tell_answers_apart_nothing_is_asked_beforehand(pool: Pool) -> None:
    chosen = choose(pool.exercises[:32], [], context())
    assert (list(chosen.exercises), chosen.asked, chosen.base_votes) == (pool.exercises[:16], 0, {})


def test_what_only_votes_can_label_comes_first_and_is_asked(pool: Pool) -> None:
    untold = [e.model_copy(update={"id": f"untold {e.id}", "passed": ()}) for e in pool.exercises[:40]]
    chosen = choose([*pool.exercises[:32], *untold], [], context(voted=4))
    told = [exercise for exercise in chosen.exercises if exercise.passed]
    assert chosen.asked == 32 and len(told) >= 12 and len(chosen.exercises) == 16
    assert {e.id for e in chosen.exercises if not e.passed} == chosen.base_votes.keys()


def test_votes_alone_label_no_more_than_a_small_set(pool: Pool) -> None:
    votes = RECIPE.model_copy(update={"signal": "vote"})
    assert len(choose(pool.exercises, [], context(recipe=votes, voted=4)).exercises) <= 4
    assert (context(recipe=votes, voted=4).pool_size, context().pool_size) == (32, 16)


def test_only_rounds_that_the_gate_let_pass_are_replayed(tmp_path: Path) -> None:
    home = MemoryHome(tmp_path)
    one = Chosen(exercises=(Exercise(id="e", prompt="p"),), base_votes={"e": "k"}, asked=1, replayed=0)
    for name, passed in (("0001", "true"), ("0002", "false")):
        (home.rounds / name).mkdir(parents=True)
        (home.rounds / name / CHOSEN).write_text(one.model_dump_json())
        (home.rounds / name / VERDICT).write_text(f'{{"passed": {passed}}}')
    (home.rounds / "0003").mkdir()
    assert promoted_rounds(home.rounds) == [one]
