"""Exercises for a chat model: asked in words by its own chat template, answered with the whole function.

The template is a program that comes with the model's folder; it is run in jinja's sandbox, as transformers does.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from agent.errors import ConfigError
from agent.function_view import read_answer
from agent.templates import fenced, render_from
from ttrl_adapter.pool import exercise_id
from ttrl_adapter.records import Exercise

PROMPTS = Path(__file__).parent / "prompts"


class ChatForm:
    """How one model is talked to. ConfigError where its folder does not say."""

    def __init__(self, folder: Path, tokenizer: Tokenizer) -> None:
        config = _read(folder / "tokenizer_config.json")
        self._folder = folder
        self._special = {name: _token(config.get(name)) for name in ("bos_token", "eos_token", "pad_token")}
        self._template = _template(folder, config)
        self.ends = _ends(folder, tokenizer, self._special["eos_token"])
        """The tokens that end an answer."""

    def exercise(self, known: Exercise) -> Exercise | None:
        """The same exercise in this form; None where it is about no function."""
        if not known.lines or not known.lines[0].startswith(("def ", "async def ")):
            return None
        suspects = [known.lines[place].strip() for place in known.marked]
        prompt = self.prompt(render_from(PROMPTS, "repair", code="\n".join(known.lines), suspects=suspects))
        right = None if known.answer is None else read_answer(known.answer, known.lines, known.marked)
        changes = {
            "id": exercise_id(prompt),
            "prompt": prompt,
            "form": "chat",
            "first": (),
            "stop": self.ends,
            "answer": None if right is None else fenced("\n".join(right), "python"),
        }
        return known.model_copy(update=changes)

    def prompt(self, said: str) -> str:
        """What the model reads when a user says this, up to where its answer begins."""
        messages = [{"role": "user", "content": said}]
        try:
            text = self._template.render(
                messages=messages, add_generation_prompt=True, enable_thinking=False, **self._special
            )
        except TemplateError as error:
            raise ConfigError(f"The chat template of {str(self._folder)!r} fails: {error}") from error
        return text


def _template(folder: Path, config: Mapping[str, Any]) -> Template:
    file = folder / "chat_template.jinja"
    text = file.read_text(encoding="utf-8") if file.is_file() else config.get("chat_template")
    if isinstance(text, list):  # several, by name
        text = next((each.get("template") for each in text if each.get("name") == "default"), None)
    if not isinstance(text, str):
        raise ConfigError(f"The model in {str(folder)!r} has no chat template: only a model that chats can be trained.")
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    try:
        return environment.from_string(text)
    except TemplateError as error:
        raise ConfigError(f"The chat template of {str(folder)!r} cannot be read: {error}") from error


def _ends(folder: Path, tokenizer: Tokenizer, eos: str) -> tuple[str, ...]:
    """As vLLM takes them: what the model's own settings say, and the tokenizer's end of a sequence."""
    settings = [_read(folder / name).get("eos_token_id") for name in ("generation_config.json", "config.json")]
    found: int | list[int] = next((numbers for numbers in settings if numbers is not None), [])
    tokens = [tokenizer.id_to_token(number) for number in ([found] if isinstance(found, int) else found)]
    ends = tuple(dict.fromkeys(token for token in (*tokens, eos) if token))
    if not ends:
        raise ConfigError(f"The model in {str(folder)!r} does not say which token ends an answer.")
    return ends


def _token(value: Any) -> str:
    """A special token, which is written as text or with its properties."""
    return str(value.get("content", "")) if isinstance(value, dict) else str(value or "")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(path)!r} cannot be read: {error}") from None
    return found if isinstance(found, dict) else {}
