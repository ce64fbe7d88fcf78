"""agent/ranked_answers.py: which changes are answered, in which order, and what of free samples is left."""

from collections import Counter

import numpy as np
import pytest

from agent.fix_templates import variants
from agent.function_view import END
from agent.policy import Policy
from agent.ranked_answers import TEMPLATE_SHARE, Asked, complete
from agent.state import OutOfTime

LINES = (
    "def largest(items):",
    "    best = items[0]",
    "    for x in items:",
    "        if x < best:",
    "            best = x",
    "    return best",
)
HALF = ("def half(x):", "    return x / 3")
LARGEST = Asked(LINES, (1, 3), (1.0, 1.0))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy()


def texts(policy: Policy, asked: list[Asked], n: int, template_share: float = TEMPLATE_SHARE) -> list[str]:
    return [answer.completion.text for answer in complete(policy, asked, n, 0, template_share=template_share)]


def test_most_answers_are_held_to_templates_and_the_rest_is_free(policy: Policy) -> None:
    known = {text + END for line in variants(LINES, [1, 3]) for text in line.changed}
    found = texts(policy, [LARGEST], 16)
    assert len(found) == 16 and all(text in known for text in found[:12])


def test_the_likely_changes_come_first_and_again(policy: Policy) -> None:
    found = complete(policy, [LARGEST], 12, 0, template_share=1.0)
    counts = Counter(answer.completion.text for answer in found)
    assert len(counts) == 8 and list(counts.values()) == sorted(counts.values(), reverse=True)
    likely = [answer.completion.logprob for answer in found]
    assert likely == sorted(likely, reverse=True)


def test_nothing_that_no_repair_is_comes_first(policy: Policy) -> None:
    """The kinds of repairs have a say: a policy alone would call a variable of a loop before it compares otherwise."""
    found = texts(policy, [Asked(LINES, (3,), (1.0,))], 12, template_share=1.0)
    assert "<|0|>if x > best:" + END in found and not any("x()" in text or "x[" in text for text in found)


def test_the_more_suspicious_question_has_more_answers(policy: Policy) -> None:
    asked = [Asked(LINES, (3,), (0.5,)), Asked(HALF, (1,), (1.0,))]
    found = Counter(answer.asked for answer in complete(policy, asked, 32, 0))
    assert found[1] > found[0] > 0


def test_the_more_suspicious_line_comes_first(policy: Policy) -> None:
    def first(*suspicion: float) -> str:
        return texts(policy, [Asked(LINES, (3, 4), suspicion)], 4, template_share=1.0)[0]

    assert first(1.0, 0.01).startswith("<|0|>") and first(0.01, 1.0).startswith("<|1|>")


def test_where_no_template_fits_all_answers_are_free(policy: Policy) -> None:
    assert len(texts(policy, [Asked(("if a:", "    b()", "else:", "    c()"), (2,), (1.0,))], 4)) == 4


def test_the_same_seed_gives_the_same_answers(policy: Policy) -> None:
    first, again, other = (complete(policy, [LARGEST], 32, seed) for seed in (3, 3, 4))
    assert first == again != other


def test_what_was_ranked_before_the_time_was_up_is_answered(policy: Policy) -> None:
    def progress(done: int) -> None:
        raise OutOfTime

    found = complete(policy, [LARGEST, Asked(HALF, (1,), (1.0,))], 8, 0, progress=progress)
    assert 0 < len(found) < 8 and {answer.asked for answer in found} == {0}


def test_no_question_no_answer(policy: Policy) -> None:
    assert complete(policy, [], 8, 0) == []


def test_the_log_of_how_likely_answers_are_adds_up_over_the_questions(policy: Policy) -> None:
    asked = [Asked(("def f(a):", "    return a"), (1,), (1.0,)), Asked(HALF, (1,), (1.0,))]
    found = {answer: None for answer in complete(policy, asked, 1000, 0, template_share=1.0)}
    shares = [sum(np.exp(a.completion.logprob) for a in found if a.asked == index) for index in (0, 1)]
    assert np.allclose(shares, [0.5, 0.5], atol=0.02)


def test_where_a_check_will_judge_nothing_is_said_twice_and_none_is_missing(policy: Policy) -> None:
    found = [answer.completion.text for answer in complete(policy, [LARGEST], 64, 0, judged=True)]
    ranked = list(dict.fromkeys(texts(policy, [LARGEST], 150, 1.0)))
    free = [text for text in found if text not in ranked]
    assert len(found) == len(set(found)) == 64
    assert found[:48] == ranked[:48] and [text for text in found if text in ranked[48:]][-1] in ranked[48:64]
    assert free and found.index(free[0]) < 64


def test_what_is_known_to_fail_makes_room_for_the_next_in_rank(policy: Policy) -> None:
    likely = list(dict.fromkeys(texts(policy, [LARGEST], 18, 1.0)))
    vain = likely[:5]
    found = complete(policy, [LARGEST], 7, 0, template_share=1.0, judged=True, fails=lambda asked, text: text in vain)
    assert [answer.completion.text for answer in found] == likely[5:] and len(likely) == 12


def test_where_all_changes_are_known_to_fail_free_samples_do_not_take_their_place(policy: Policy) -> None:
    found = complete(policy, [LARGEST], 16, 0, judged=True, fails=lambda asked, text: True)
    assert 0 < len(found) <= 16 * (1 - TEMPLATE_SHARE)
    assert set(found) != set(complete(policy, [LARGEST], 4, 0, template_share=0.0))
