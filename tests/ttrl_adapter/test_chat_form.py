"""Exercises in the form of a chat model, and what its answers come to."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from agent.errors import ConfigError
from agent.function_view import END
from agent.policy import SHIPPED
from tests.ttrl_adapter.chat_model import chat_model
from tests.ttrl_adapter.exercises import BROKEN, area, text_exercise
from ttrl_adapter.chat_form import ChatForm
from ttrl_adapter.records import Exercise
from ttrl_adapter.reward import PASSED, lines_of, understand


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_model(tmp_path_factory.mktemp("model") / "chat")


def form_of(folder: Path) -> ChatForm:
    return ChatForm(folder, Tokenizer.from_file(str(folder / "tokenizer.json")))


@pytest.fixture
def asked(folder: Path) -> Exercise:
    found = form_of(folder).exercise(area())
    assert found
    return found


def test_the_prompt_is_what_the_template_makes_of_it_up_to_the_answer(asked: Exercise) -> None:
    assert asked.prompt.startswith("<|in|>[user]\nOne line of this Python function is wrong:\n\n```\ndef area(w, h):")
    assert asked.prompt.endswith("in one block of code and nothing else.\n[assistant]!\n")
    assert "It is one of these:\n    unused = w\n    return w + h\n" in asked.prompt
    assert asked.id != area().id and asked.first == ()


def test_the_ends_are_those_of_the_model_s_own_settings_and_of_its_tokenizer(folder: Path) -> None:
    ends = form_of(folder).ends
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert ends == (known.id_to_token(4081), known.id_to_token(4082)) and END in ends


PLAIN = "def area(w, h):\n    unused = w\n    return w * h"
RICH = 'def area(w: int, h: int) -> int:\n    """Of both."""\n    unused = w  # kept\n    return (w * h)'


@pytest.mark.parametrize(
    "said",
    [
        f"```python\n{PLAIN}\n```",
        f"It has to be a product:\n\n```\n{RICH}\n```\nDone.",
        f"<think>\n```\ndef area(w, h): return 1\n```\n</think>\n```py\n{PLAIN}\n```",
        PLAIN,
    ],
)
def test_an_answer_counts_by_its_function_however_it_is_wrapped(asked: Exercise, said: str) -> None:
    assert understand(said + END, asked).key == PASSED


@pytest.mark.parametrize(
    "said",
    ["", "I cannot.", "```\ndef other(w, h):\n    return w * h\n```", "```\ndef area(w, h:\n```", "\n".join(BROKEN)],
)
def test_what_holds_no_repaired_function_abstains(asked: Exercise, said: str) -> None:
    assert understand(said + END, asked).key is None


def test_an_answer_that_was_cut_off_abstains(asked: Exercise) -> None:
    assert understand(f"```python\n{PLAIN}\n```", asked).key is None


def test_its_right_answer_is_right_in_its_own_form(asked: Exercise) -> None:
    text = f"{asked.answer}{END}"
    assert understand(text, asked).passed and lines_of(text, asked) == [*BROKEN[:2], "    return w * h"]


def test_what_is_no_function_is_not_asked(folder: Path) -> None:
    statements = area().model_copy(update={"lines": ("a = 1", "b = 2")})
    assert form_of(folder).exercise(statements) is None and form_of(folder).exercise(text_exercise()) is None


def test_a_template_cannot_reach_what_is_outside_of_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text((folder / "tokenizer_config.json").read_text())
    (tmp_path / "chat_template.jinja").write_text("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    (tmp_path / "tokenizer.json").write_text((folder / "tokenizer.json").read_text())
    with pytest.raises(ConfigError, match="chat template of .* fails"):
        form_of(tmp_path).prompt("hello")


def test_a_model_without_a_template_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>"}))
    (tmp_path / "tokenizer.json").write_text((SHIPPED / "tokenizer.json").read_text())
    with pytest.raises(ConfigError, match="no chat template"):
        form_of(tmp_path)
