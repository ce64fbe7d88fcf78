"""Going in circles is noticed, and working is not taken for it."""

import pytest

from agent.rollout.stagnation import BREAK_FAILURES, BREAK_SILENCES, NUDGE_FAILURES, Stagnation
from agent.tool_calls import Call


def after(names: str, failed: bool = False) -> Stagnation:
    found = Stagnation()
    for name in names:
        found.saw_call(Call("", "bash", {"command": name}), failed)
    return found


@pytest.mark.parametrize(
    ("names", "is_nudged", "is_stuck"),
    [
        ("aa", False, False),
        ("aaa", True, False),
        ("aaaa", True, False),
        ("aaaaa", True, True),
        ("ababab", True, False),
        ("xababababab", True, True),
        ("abcabcabc", True, False),
        ("abcabcabcabcabc", True, True),
        ("abcdabcdabcdabcd", False, False),
        ("aaaab", False, False),
        ("tatbtctd", False, False),
    ],
)
def test_calls_that_repeat(names: str, is_nudged: bool, is_stuck: bool) -> None:
    found = after(names)
    assert (bool(found.nudge), found.is_stuck) == (is_nudged, is_stuck)


def test_failures_in_a_row() -> None:
    letters = "abcdefghijklmnop"
    assert "have all failed" in after(letters[:NUDGE_FAILURES], failed=True).nudge
    assert not after(letters[: NUDGE_FAILURES + 1], failed=True).nudge
    assert after(letters[:BREAK_FAILURES], failed=True).is_stuck
    assert not after(letters[:BREAK_FAILURES]).is_stuck


def test_answers_without_a_call() -> None:
    found = Stagnation()
    for _ in range(BREAK_SILENCES):
        assert not found.is_stuck
        found.saw_silence()
    assert found.is_stuck
    found.saw_call(Call("", "bash"), failed=False)
    assert not found.is_stuck
