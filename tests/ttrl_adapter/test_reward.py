"""What answers come to, what they agree on, and what each is worth."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from agent.function_view import END
from tests.ttrl_adapter.exercises import area, text_exercise
from ttrl_adapter.records import Poll, Recipe
from ttrl_adapter.reward import PASSED, Answer, coin_rewards, count_votes, label, rewards, trained_on, understand

VOTE = Recipe(signal="vote", least_agreement=0.0, anchored=False)
TESTS = Recipe(signal="tests", least_agreement=0.0, anchored=False)

keys = st.sampled_from(["a", "b", "c", None])
groups = st.lists(keys, min_size=1, max_size=40).map(lambda drawn: [Answer(key, None) for key in drawn])


def test_equal_programs_are_one_vote_however_they_are_written() -> None:
    known = area().model_copy(update={"passed": (), "answer": None})
    plain = understand(f"<|1|>return w * h{END}", known)
    assert plain.key is not None
    assert understand(f"<|1|>return (w * h){END}", known) == plain


def test_what_passed_its_tests_is_one_vote_whatever_its_tree() -> None:
    exercise = area()
    other = understand(f"<|1|>return h * w{END}", exercise.model_copy(update={"answer": None}))
    assert other.key is not None
    both = exercise.model_copy(update={"passed": (*exercise.passed, other.key)})
    assert {understand(f"<|1|>return {s}{END}", both).key for s in ("w * h", "h * w")} == {PASSED}


def test_what_says_nothing_abstains() -> None:
    for text in (
        "<|1|>return w * h",
        END,
        f"<|1|>{END}",
        f"<|1|>return w +* h{END}",
        f"<|1|>return w + h{END}",
        f"x{END}",
    ):
        assert understand(text, area()).key is None, text
    assert understand(f"  {END}", text_exercise()).key is None


def test_where_the_right_answer_is_known_all_others_are_wrong() -> None:
    assert understand(f"<|1|>return w * h{END}", area()).passed is True
    assert understand(f"<|1|>return w - h{END}", area()).passed is False
    assert understand(f"x{END}", text_exercise()).passed is None


def test_a_tie_is_no_label() -> None:
    found = label([Answer(key, None) for key in "abab"], VOTE, None)
    assert (found.key, found.reason) == (None, "tie")


def test_a_vote_below_the_threshold_is_no_label() -> None:
    answers = [Answer(key, None) for key in "aabcd"]
    assert label(answers, VOTE.model_copy(update={"least_agreement": 0.4}), None).key == "a"
    assert label(answers, VOTE.model_copy(update={"least_agreement": 0.41}), None).reason == "below the threshold"


def test_a_vote_is_a_label_only_where_the_base_voted_the_same() -> None:
    anchored = VOTE.model_copy(update={"anchored": True})
    answers = [Answer(key, None) for key in "aab"]
    assert label(answers, anchored, "a").key == "a"
    assert label(answers, anchored, "b").reason == "not the base's vote"
    assert label(answers, anchored, None).reason == "not the base's vote"


def test_tests_decide_against_the_majority() -> None:
    answers = [Answer("a", None), Answer("a", None), Answer(PASSED, True)]
    assert label(answers, TESTS, "a").reason == "tests"
    assert rewards(answers, label(answers, TESTS, "a")) == [0.0, 0.0, 1.0]


def test_what_failed_its_tests_has_no_vote() -> None:
    answers = [Answer("a", False), Answer("a", False), Answer("b", None)]
    assert label(answers, TESTS, None).key == "b"
    assert label([Answer("a", False)], TESTS, None).reason == "no votes"


def test_votes_alone_do_not_look_at_the_tests() -> None:
    answers = [Answer("a", False), Answer("a", False), Answer(PASSED, True)]
    assert label(answers, VOTE, None).key == "a"


@given(groups)
def test_an_abstention_never_wins_and_is_never_rewarded(answers: list[Answer]) -> None:
    given_rewards = rewards(answers, label(answers, VOTE, None))
    assert all(reward == 0 for answer, reward in zip(answers, given_rewards, strict=True) if answer.key is None)


@given(groups)
def test_abstentions_count_in_the_denominator(answers: list[Answer]) -> None:
    found = label(answers, VOTE, None)
    if found.key is not None:
        assert found.agreement == sum(answer.key == found.key for answer in answers) / len(answers)


@given(groups, st.randoms(use_true_random=False))
def test_the_label_does_not_depend_on_the_order(answers: list[Answer], random: Random) -> None:
    shuffled = random.sample(answers, len(answers))
    assert label(shuffled, VOTE, None).key == label(answers, VOTE, None).key


@given(groups, st.floats(0, 1), st.sampled_from(["a", "b", None]))
def test_rules_only_take_labels_away(answers: list[Answer], threshold: float, base: str | None) -> None:
    strict = VOTE.model_copy(update={"least_agreement": threshold, "anchored": True})
    assert label(answers, strict, base).key in (None, label(answers, VOTE, None).key)


def test_trained_on_are_as_many_rewarded_as_unrewarded_samples_as_far_as_there_are() -> None:
    some = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    assert trained_on(some, 4, spread=True) == [0, 1, 3, 7]
    assert trained_on(some, 6, spread=True) == [0, 1, 2, 3, 4, 7]
    assert trained_on([1 - reward for reward in some], 4, spread=True) == [0, 1, 3, 7]
    assert trained_on(some, 4, spread=False) == [0, 1, 2, 3]


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=20), st.data())
def test_as_many_samples_are_trained_on_as_are_asked_for(given_rewards: list[float], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(given_rewards)))
    chosen = trained_on(given_rewards, count, spread=True)
    assert len({*chosen}) == count and chosen == sorted(chosen)
    rewarded = sum(given_rewards[place] for place in chosen)
    assert rewarded == min(sum(given_rewards), max(count // 2, count - given_rewards.count(0.0)))


def test_coins_say_nothing_and_are_the_same_again() -> None:
    assert coin_rewards(1000, "s") == coin_rewards(1000, "s") != coin_rewards(1000, "t")
    assert 400 < sum(coin_rewards(1000, "s")) < 600


def test_a_ballot_counts_what_was_said() -> None:
    said = {f"<|1|>return w * h{END}": 3, f"<|1|>return (w * h){END}": 1, f"<|1|>return w - h{END}": 2, END: 4}
    found = count_votes(Poll(exercise="e", temperature=1.0, said=said, tokens=8.0), area())
    assert (found.samples, found.right, found.winner, found.right_winner) == (10, 4, PASSED, True)
    assert (found.agreement, found.distinct, found.abstentions) == (0.4, 2, 4)
