"""Samples from a model or an adapter at a running vLLM server, as the embedded policy does in this process."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

from agent.errors import ModelError
from agent.policy import Completion
from ttrl_adapter.vllm_client import VllmClient


class ServedSampler:
    """Implements `ttrl_adapter.voting.Sampler` over HTTP. Prompts and answers travel as tokens: no end is lost."""

    def __init__(self, client: VllmClient, model: str, tokenizer: Tokenizer) -> None:
        """`model` is the name at the server, `tokenizer` the model's own."""
        self._client = client
        self._model = model
        self._tokenizer = tokenizer

    def sample(
        self,
        prompt: str,
        *,
        n: int,
        temperature: float = 1.0,
        seed: int = 0,
        first: Sequence[str] | None = None,
        stop: Sequence[str] = (),
        max_tokens: int = 64,
    ) -> list[Completion]:
        """As the protocol says. What an answer may begin with is drawn in a request of its own: vLLM knows allowed
        tokens only for whole answers."""
        ids = self._tokenizer.encode(prompt, add_special_tokens=False).ids
        ends = {"stop_token_ids": [self._id(token) for token in stop]}
        asked = {"temperature": temperature, "seed": seed}
        whole = {**asked, **ends, "max_tokens": max_tokens}
        if first is None:
            return [self._completion(tokens, logprob) for tokens, logprob in self._ask(ids, n, whole)]
        allowed = {"allowed_token_ids": [self._id(token) for token in first], "max_tokens": 1, "ignore_eos": True}
        begun = Counter((tokens[0], logprob) for tokens, logprob in self._ask(ids, n, {**asked, **allowed}))
        rest = {**whole, "max_tokens": max_tokens - 1}
        return [
            self._completion([token, *tokens], begin + logprob)
            for (token, begin), count in begun.items()
            for tokens, logprob in self._ask([*ids, token], count, rest)
        ]

    def _ask(self, ids: list[int], n: int, options: dict[str, Any]) -> list[tuple[list[int], float]]:
        """Tokens of n answers, their ends included, and how likely the model finds each."""
        return self._client.complete({"model": self._model, "prompt": ids, "n": n, **options})

    def _completion(self, tokens: list[int], logprob: float) -> Completion:
        return Completion(self._tokenizer.decode(tokens, skip_special_tokens=False), len(tokens), logprob)

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ModelError(f"The tokenizer of {self._model!r} has no {token!r}.")
        return int(found)
