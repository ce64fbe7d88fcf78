"""Polls of the embedded policy."""

from agent.policy import Policy
from tests.ttrl_adapter.exercises import area
from ttrl_adapter.voting import poll


def test_a_poll_keeps_every_answer_and_is_the_same_again() -> None:
    policy = Policy()
    told: list[int] = []
    first = poll(policy, [area()], 16, 1.0, 3, told.append)
    assert first == poll(policy, [area()], 16, 1.0, 3) != poll(policy, [area()], 16, 1.0, 4)
    assert first[0].samples == 16 and told == [1]
    assert all(text.startswith(("<|0|>", "<|1|>")) for text in first[0].said)
