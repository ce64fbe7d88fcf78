"""The model that learns: the embedded one in this process, or any causal language model at a vLLM server here.

A served one lies in a folder in Hugging Face format as well: the trainer reads its weights there, and its exercises are
put in the form of its chat template. One whose tokenizer has the embedded model's marks is asked as that is.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from tokenizers import Tokenizer

from agent.errors import ConfigError
from agent.function_view import FIX
from agent.model_name import EMBEDDED
from agent.policy import SHIPPED, Policy
from memory.home import MemoryHome
from memory.serving import Serving, read_serving
from ttrl_adapter.chat_form import ChatForm
from ttrl_adapter.policies import LocalPolicies, Policies, ServedPolicies
from ttrl_adapter.pool import MOST_EXERCISES, MOST_PROMPT_TOKENS
from ttrl_adapter.records import Exercise
from ttrl_adapter.swap import Server
from ttrl_adapter.vllm_client import ServerError, VllmClient

MOST_CHARACTERS = 2000
"""Of a function that a chat model is asked about."""
CHAT_RECIPE: Mapping[str, Any] = {
    # Ten times what full fine-tuning wants (5e-7 in TTRL), as LoRA does.
    "learning_rate": 1e-5,
    "max_tokens": 512,
    "rows": 4,
    "epochs": 2.0,
}
CHAT_EXERCISES = 128
"""Of a round: an answer is some hundred tokens of a large model."""
_ANSWER_SECONDS = 1800.0
"""64 long answers of a large model."""
_START_SECONDS = 1800.0
_TICK = 0.5


@dataclass(frozen=True)
class Learner:
    """A model, as a round needs it."""

    base: str
    """As adapters name it: "embedded", a folder, or a hub's name."""
    folder: Path
    """Where its weights lie."""
    policies: Policies
    fits: Callable[[str], bool]
    """Whether a prompt in the embedded model's form is short enough."""
    phrase: Callable[[Exercise], Exercise | None] = lambda exercise: exercise
    """An exercise in its own form; None where that has none for it."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """What is not as for the embedded model."""
    exercises: int = MOST_EXERCISES
    """Of a round."""
    server: Server | None = None
    """The one that it is asked at, where `sleepwright serve` has not started it."""

    def rounds(self, home: MemoryHome) -> Path:
        """The folder of its rounds of training."""
        if self.base == EMBEDDED:
            return home.rounds
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(self.base).name)[:40]
        return home.rounds / f"of-{readable}-{sha256(self.base.encode()).hexdigest()[:8]}"


def embedded() -> Learner:
    """The model that is shipped in the package."""
    policies = LocalPolicies(SHIPPED)
    return Learner(EMBEDDED, SHIPPED, policies, _fits(lambda prompt: policies.base.count(prompt)))


@contextmanager
def served(model: str, url: str, home: MemoryHome) -> Iterator[Learner]:
    """The model `model`, a folder or a name of the hub, at the server `url`.

    Raises ConfigError where the folder is not as it must be or the server has another model, ServerError where it does
    not answer."""
    folder = _folder(model)
    base = EMBEDDED if folder == SHIPPED.resolve() else str(folder) if Path(model).is_dir() else model
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    wait = partial(_wait_for_server, home, url)
    wait()
    ours = _ours(home, url)
    if ours and ours.base != base:
        raise ConfigError(f"`sleepwright serve` serves {ours.base!r} at {url}, not {base!r}.")
    key = ours.key if ours else os.environ.get("SLEEPWRIGHT_API_KEY", "")
    with VllmClient(url, key, answer_seconds=_ANSWER_SECONDS) as client:
        name = ours.model if ours else _name(client, model, folder)
        policies = ServedPolicies(client, name, folder, f"{home.path.name}-trial", wait)
        server = None if ours else Server(client, base)
        if tokenizer.token_to_id(FIX) is not None:
            yield Learner(base, folder, policies, _fits(Policy(folder).count), server=server)
            return
        form = ChatForm(folder, tokenizer)
        yield Learner(
            base, folder, policies, lambda prompt: len(prompt) <= MOST_CHARACTERS, form.exercise, CHAT_RECIPE,
            CHAT_EXERCISES, server,
        )  # fmt: skip


def _fits(count: Callable[[str], int]) -> Callable[[str], bool]:
    return lambda prompt: count(prompt) <= MOST_PROMPT_TOKENS


def _folder(model: str) -> Path:
    """Where the model's files lie on this machine."""
    folder = Path(model)
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(model, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            raise ConfigError(
                f"There is no folder {model!r}, and no model of this name in the Hugging Face cache: "
                "`huggingface-cli download` fetches one."
            ) from None
    missing = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing or not list(folder.glob("*.safetensors")):
        raise ConfigError(f"{str(folder)!r} holds no model: it has no {missing[0] if missing else '*.safetensors'}.")
    return folder.resolve()


def _name(client: VllmClient, model: str, folder: Path) -> str:
    """The model's name at a server that somebody else has started."""
    bases = client.bases()
    for name, root in bases.items():
        if model in (name, root) or (root and Path(root).is_dir() and Path(root).resolve() == folder):
            return name
    raise ConfigError(f"The server at {client.url} serves {', '.join(map(repr, bases)) or 'nothing'}, not {model!r}.")


def _ours(home: MemoryHome, url: str) -> Serving | None:
    found = read_serving(home)
    return found if found and found.url == url.rstrip("/") else None


def _wait_for_server(home: MemoryHome, url: str) -> None:
    """Until the server that `sleepwright serve` keeps is back from a pause; one of somebody else is just asked."""
    end = time.monotonic() + _START_SECONDS
    while (found := _ours(home, url)) and found.state != "ready":
        if time.monotonic() > end:
            raise ServerError(f"The server at {url} is not ready after {_START_SECONDS:g} s; its log may say why.")
        time.sleep(_TICK)
