"""A running vLLM server as the one who changes its adapters sees it: which are loaded, load, probe, unload.

Never in place: a server that reloads a name answers from its stale prefix cache, and dies where the folder goes. A name
is loaded once, and is of one adapter for good.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from agent.endpoint import is_loopback
from agent.errors import ModelError

_LOAD_SECONDS = 180.0  # a busy engine takes it between two steps
_SECONDS = 60.0
_PROBE = "def "
_PROBED = 8


class ServerError(ModelError):
    """A vLLM server does not do what it is asked for."""


class Probe(NamedTuple):
    """The likeliest answer to a fixed prompt."""

    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]


class VllmClient:
    """A server on this machine; the folders of adapters are its own. A context manager. Methods raise ServerError."""

    def __init__(
        self,
        url: str,
        key: str,
        seconds: float = _SECONDS,
        load_seconds: float = _LOAD_SECONDS,
        answer_seconds: float = _SECONDS,
    ) -> None:
        """`url` ends in /v1. The others are how long to wait: for any answer, for a load, for samples."""
        self.url = url.rstrip("/")
        if not is_loopback(self.url):
            raise ServerError(f"Adapters are loaded only into a server on this machine; {self.url} is not on it.")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._seconds = seconds
        self._load_seconds = load_seconds
        self._answer_seconds = answer_seconds
        self._http = httpx.Client(headers=headers, timeout=seconds, trust_env=False)

    def __enter__(self) -> "VllmClient":
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def loaded(self) -> dict[str, str]:
        """The adapters by their names, with the folders that they were loaded from."""
        return {card["id"]: card.get("root") or "" for card in self._cards() if card.get("parent")}

    def bases(self) -> dict[str, str]:
        """The names of the base model, with the folder, or the name at a hub, that it was loaded from."""
        return {card["id"]: card.get("root") or "" for card in self._cards() if not card.get("parent")}

    def load(self, name: str, folder: Path) -> None:
        """Load an adapter under a name that no other ever had. Done already is as good."""
        if self.loaded().get(name) == str(folder):
            return
        answer = self._send(
            "POST", "load_lora_adapter", {"lora_name": name, "lora_path": str(folder)}, self._load_seconds
        )
        if answer.status_code == 404 and "lora" not in answer.text.lower():
            raise ServerError(
                f"{self.url} takes no adapters while it runs: start the server with `sleepwright serve`, or vLLM with "
                "--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1."
            )
        self._check(answer, f"does not load {name!r}")

    def unload(self, name: str) -> None:
        """Forget an adapter. Answers that are under way come to their end; not loaded is as good."""
        answer = self._send("POST", "unload_lora_adapter", {"lora_name": name})
        if answer.status_code != 404:
            self._check(answer, f"does not unload {name!r}")

    def probe(self, name: str) -> Probe:
        """Have a model answer; ServerError where that is no answer of it."""
        body = {"model": name, "prompt": _PROBE, "max_tokens": _PROBED, "temperature": 0, "logprobs": 1}
        answer = self._asked("POST", "completions", body)
        try:
            said = answer["choices"][0]["logprobs"]
            found = Probe(tuple(said["tokens"]), tuple(map(float, said["token_logprobs"])))
        except (KeyError, IndexError, TypeError, ValueError):
            raise ServerError(f"{self.url} does not answer the probe of {name!r} as vLLM does.") from None
        if answer.get("model") != name or not found.tokens or not all(map(math.isfinite, found.logprobs)):
            raise ServerError(f"{self.url} answers the probe of {name!r} with nonsense: {found.tokens}.")
        return found

    def complete(self, body: dict[str, Any]) -> list[tuple[list[int], float]]:
        """The answers to a completion request: their tokens, and how likely the model finds each."""
        body = {**body, "logprobs": 0, "return_token_ids": True}
        answer = self._asked("POST", "completions", body, self._answer_seconds)
        try:
            return [(c["token_ids"], sum(c["logprobs"]["token_logprobs"])) for c in answer["choices"]]
        except (KeyError, TypeError):
            raise ServerError(f"{self.url} answers without tokens: a newer vLLM has them.") from None

    def _cards(self) -> list[dict[str, Any]]:
        cards = self._asked("GET", "models").get("data")
        if not isinstance(cards, list):
            raise ServerError(f"{self.url} does not answer as a vLLM server.")
        return cards

    def _asked(
        self, method: str, path: str, body: dict[str, Any] | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        answer = self._send(method, path, body, seconds)
        self._check(answer, "fails")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ServerError(f"{self.url} does not answer as a vLLM server.")
        return found

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, seconds: float | None = None
    ) -> httpx.Response:
        wait = seconds or self._seconds
        try:
            return self._http.request(method, f"{self.url}/{path}", json=body, timeout=wait)
        except httpx.ConnectError:
            raise ServerError(f"No server answers at {self.url}: `sleepwright serve` starts one.") from None
        except httpx.TimeoutException:
            raise ServerError(
                f"{self.url} did not answer within {wait:g} s: is it busy, or stuck? Its log may say."
            ) from None
        except httpx.HTTPError as error:
            raise ServerError(f"The connection to {self.url} failed: {error or type(error).__name__}.") from error

    def _check(self, answer: httpx.Response, what: str) -> None:
        if answer.status_code == 401:
            raise ServerError(f"{self.url} refuses the key: set SLEEPWRIGHT_API_KEY to the one that it was given.")
        if answer.status_code != 200:
            raise ServerError(f"{self.url} {what} (status {answer.status_code}): {_words(answer)}")


def _words(answer: httpx.Response) -> str:
    """The server's own words, in one line."""
    try:
        found = answer.json()
        text = str(found.get("error", found).get("message", found))
    except (ValueError, AttributeError):
        text = answer.text
    line = " ".join(text.split())
    return line[:300] + "…" if len(line) > 300 else line
