"""What is sent keeps within the budget, with the opening, the latest turns and whole pairs of calls and results."""

import json

import pytest

from agent.chat import Message, ToolCall, count_prompt
from agent.rollout.conversation import AFTER, LATEST, Conversation, Turn

OPENING = [Message("system", "the rules"), Message("user", "the task")]


def turn(number: int, words: int = 200) -> Turn:
    call = ToolCall(f"c{number}", "write", json.dumps({"path": f"{number}.py", "content": "word " * words}))
    result = Message("tool", f"exit code {number}\n" + "line\n" * words, call_id=call.id)
    return Turn(Message("assistant", f"turn {number}", (call,)), (result,), f"write {number}.py: done")


def filled(turns: int, words: int = 200) -> Conversation:
    found = Conversation(OPENING)
    for number in range(turns):
        found.add(turn(number, words))
    return found


def test_what_fits_is_sent_as_it_is() -> None:
    assert filled(3).fit(100_000) == [*OPENING, *(message for number in range(3) for message in turn(number).messages)]


@pytest.mark.parametrize("budget", [20_000, 5_000, 3_000, 1_500])
def test_a_full_context_keeps_opening_latest_turn_and_pairs(budget: int) -> None:
    sent = filled(60).fit(budget)
    assert count_prompt(sent) <= budget
    assert sent[0].content == "the rules" and sent[1].content.startswith("the task")
    assert sent[-2].content == "turn 59" and sent[-1].content.startswith("exit code 59")
    for answer, result in zip(sent[2::2], sent[3::2], strict=True):
        assert answer.calls[0].id == result.call_id
        assert json.loads(answer.calls[0].arguments)["path"]


def test_old_results_go_first_and_say_so() -> None:
    sent = filled(40).fit(20_000)
    assert "left out to save room" in sent[3].content and sent[3].content.startswith("exit code 0")
    assert sent[-2 * LATEST + 1].content == turn(40 - LATEST).results[0].content


def test_of_turns_that_were_left_out_a_line_remains_as_data() -> None:
    sent = filled(60).fit(3_000)
    assert "write 0.py: done" in sent[1].content and sent[1].content.rstrip().endswith("```")


def test_much_is_left_out_at_once_and_then_nothing_for_a_while() -> None:
    found = filled(40)
    first = found.fit(20_000)
    assert count_prompt(first) <= 20_000 * AFTER
    found.add(turn(40))
    assert found.fit(20_000)[: len(first)] == first


def test_one_turn_larger_than_the_budget_is_shortened() -> None:
    sent = filled(1, words=20_000).fit(2_000)
    assert count_prompt(sent) < 4_000 and "lines are left out here" in sent[-1].content
