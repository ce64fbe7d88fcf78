"""What a model's text holds besides the answer."""

import pytest

from agent.chat import count_tokens, without_reasoning


@pytest.mark.parametrize(
    "text",
    [
        "Done.",
        "<think>hm</think>Done.",
        "\n<think>\nhm\n```\ncode\n```\n</think>\n\nDone.",
        "<think></think>\n<think>again</think>\nDone.",
        "no opener\n</think>\nDone.",
        "no opener\n```\ncode\n```\n</think>\nDone.",
        "no opener</think>Done.",
    ],
)
def test_reasoning_is_left_out(text: str) -> None:
    assert without_reasoning(text) == "Done."


def test_reasoning_without_end_leaves_nothing() -> None:
    assert without_reasoning("<think>and on and on") == ""


def test_tags_within_code_stay() -> None:
    text = 'a.py\n```\nEND = "</think>"\n```'
    assert without_reasoning(text) == text


def test_code_is_counted_in_words_signs_and_lines() -> None:
    assert count_tokens("def add(a, b):\n    return a - b\n") == 13
    assert count_tokens("") == 0
