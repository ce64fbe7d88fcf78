"""The gate lets nothing pass that it cannot tell to be better."""

import numpy as np
import pytest

from tests.ttrl_adapter.exercises import ballot
from ttrl_adapter.gate import GateRules, judge, pass_at_k, sign_flip_test
from ttrl_adapter.records import Ballot

NAMES = [f"e{i}" for i in range(32)]
BASE = [ballot(name, right=16 + i % 5) for i, name in enumerate(NAMES)]


def changed(**fields: object) -> list[Ballot]:
    return [b.model_copy(update={"right": b.right + 12, **fields}) for b in BASE]


def test_a_clear_gain_passes_with_its_numbers() -> None:
    verdict = judge(BASE, BASE, changed())
    assert verdict.passed and verdict.reasons == ()
    assert verdict.numbers["pass@1 after"] - verdict.numbers["pass@1 before"] == pytest.approx(12 / 64)
    assert verdict.numbers["p"] < 0.001


def test_the_same_again_is_rejected() -> None:
    verdict = judge(BASE, BASE, BASE)
    assert not verdict.passed and "not shown to be a gain" in verdict.reasons[0]


def test_a_gain_inside_the_noise_is_rejected() -> None:
    rng = np.random.default_rng(0)
    noisy = [b.model_copy(update={"right": int(b.right + rng.integers(-6, 8))}) for b in BASE]
    assert judge(BASE, BASE, noisy).numbers["p"] > 0.05
    assert not judge(BASE, BASE, noisy).passed


def test_a_collapse_that_agrees_with_itself_is_rejected_for_every_reason() -> None:
    collapsed = [
        b.model_copy(update={"right": 0, "winner": "same", "agreement": 1.0, "distinct": 1, "tokens": 2.0})
        for b in BASE
    ]
    assert len(judge(BASE, BASE, collapsed).reasons) == 5


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tokens": 8.0}, "shrank"),
        ({"distinct": 4}, "different answers"),
        ({"winner": "other"}, "sure votes"),
    ],
)
def test_a_gain_that_costs_something_is_rejected(fields: dict[str, object], words: str) -> None:
    reasons = judge(BASE, BASE, changed(**fields)).reasons
    assert len(reasons) == 1 and words in reasons[0]


def test_lost_coverage_is_rejected_whatever_pass_at_1_says() -> None:
    sharper = [b.model_copy(update={"right": 60 if i % 3 else 0}) for i, b in enumerate(BASE)]
    verdict = judge(BASE, BASE, sharper)
    assert verdict.numbers["pass@1 after"] > verdict.numbers["pass@1 before"]
    assert any("pass@32 fell" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("lost", "passes"), [(1, False), (0, True)])
@pytest.mark.parametrize("count", [32, 128])
def test_a_whole_canary_is_a_loss_of_coverage_however_many_there_are(count: int, lost: int, passes: bool) -> None:
    old = [ballot(f"e{i}", right=40) for i in range(count)]
    new = [b.model_copy(update={"right": 0 if i < lost else 60}) for i, b in enumerate(old)]
    verdict = judge(old, old, new)
    assert verdict.passed is passes
    assert any("pass@32 fell" in reason for reason in verdict.reasons) is not passes


def test_a_rare_answer_that_is_drawn_a_little_less_often_is_no_loss() -> None:
    old = [ballot(f"e{i}", right=2 if i < 2 else 40) for i in range(64)]
    new = [b.model_copy(update={"right": 1 if i < 2 else 60}) for i, b in enumerate(old)]
    verdict = judge(old, old, new)
    assert verdict.numbers["pass@k after"] < verdict.numbers["pass@k before"] and verdict.passed


def test_few_canaries_decide_nothing() -> None:
    assert "8 canaries decide nothing" in judge(BASE[:8], BASE[:8], changed()[:8]).reasons[0]


def test_different_canaries_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        judge(BASE, BASE, changed()[::-1])


def test_loyalty_is_to_the_base_and_the_gain_over_what_is_replaced() -> None:
    old = changed()
    assert not judge(BASE, old, changed(right=20)).passed
    better = [b.model_copy(update={"right": b.right + 20}) for b in old]
    assert judge(BASE, old, better, against="v0001").against == "v0001"
    assert judge(BASE, old, better).passed


def test_unsure_votes_of_the_base_need_not_be_kept() -> None:
    unsure = [b.model_copy(update={"agreement": 0.1}) for b in BASE]
    assert judge(unsure, unsure, changed(winner="other"), GateRules()).passed


def test_the_sign_flip_test_is_exact_enough() -> None:
    assert sign_flip_test(np.ones(10)) == pytest.approx(2**-10, abs=1e-3)
    assert sign_flip_test(-np.ones(10)) == 1.0
    assert sign_flip_test(np.zeros(4)) == 1.0


def test_pass_at_k_is_the_share_of_subsets() -> None:
    assert pass_at_k(4, 1, 1) == pytest.approx(0.25)
    assert pass_at_k(4, 1, 2) == pytest.approx(0.5)
    assert pass_at_k(4, 2, 3) == 1.0
