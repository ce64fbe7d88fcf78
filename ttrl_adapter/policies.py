"""The model that learns, asked without an adapter and with one: in this process, or at a running server."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Protocol

from tokenizers import Tokenizer

from agent.lora import open_lora
from agent.policy import Policy
from agent.weight_file import hash_weights, shapes_of_model
from ttrl_adapter.served_sampler import ServedSampler
from ttrl_adapter.vllm_client import ServerError, VllmClient
from ttrl_adapter.voting import Sampler


class Policies(Protocol):
    """A base model and what adapters make of it."""

    @property
    def base(self) -> Sampler:
        """Without an adapter."""

    def adapted(self, adapter: Path) -> AbstractContextManager[Sampler]:
        """With the adapter in a folder, while the block runs."""


class LocalPolicies:
    """A Llama as small as the embedded model, in numpy. Raises ModelError and AdapterError where it is broken."""

    def __init__(self, model: Path) -> None:
        self._model = model

    @cached_property
    def base(self) -> Policy:
        return Policy(self._model)

    @contextmanager
    def adapted(self, adapter: Path) -> Iterator[Policy]:
        yield Policy(self._model, open_lora(adapter, shapes_of_model(self._model)))


class ServedPolicies:
    """Any model at a vLLM server on this machine, which loads the adapters for as long as they are asked."""

    def __init__(
        self, client: VllmClient, model: str, folder: Path, prefix: str, wait: Callable[[], None] = lambda: None
    ) -> None:
        """`model` is the base's name at the server, `folder` holds it in Hugging Face format; the names of adapters
        under trial begin with `prefix`; `wait` returns when the server is not paused."""
        self._client = client
        self._model = model
        self._folder = folder
        self._prefix = prefix
        self._wait = wait
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    @property
    def base(self) -> ServedSampler:
        self._wait()
        return ServedSampler(self._client, self._model, self._tokenizer)

    @contextmanager
    def adapted(self, adapter: Path) -> Iterator[ServedSampler]:
        """Under a name that says which weights it is: a server answers from its cache for a name that it knows."""
        open_lora(adapter, shapes_of_model(self._folder))
        self._wait()
        name = f"{self._prefix}-{hash_weights(adapter)[:16]}"
        self._client.load(name, adapter.resolve())
        try:
            self._client.probe(name)
            yield ServedSampler(self._client, name, self._tokenizer)
        finally:
            # Left loaded it takes little room, and another who loads it gets the same weights.
            with suppress(ServerError):
                self._client.unload(name)
