"""What an endpoint's failures mean: one sentence for people, and whether asking again can help.

Pure: it is given statuses, headers and texts as the client saw them.
"""

import ipaddress
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from agent.errors import ConfigError
from memory.records import Tokens

_SHOWN = 300  # characters of a server's own words

_CONTEXT = re.compile(
    r"context.?(?:length|window|size|limit)|exceed_context|maximum (?:model|context|input|prompt) length|max_model_len"
    r"|too many (?:input |prompt )?tokens|(?:prompt|input) is too long|longer than the maximum",
    re.IGNORECASE,
)
_CONTEXT_TOKENS = re.compile(
    r"(?:maximum (?:context|model|input|prompt) length|context (?:length|window|size|limit)|max_model_len)"
    r"[^\d\n]{0,40}(\d{3,})|\"n_ctx\":\s*(\d+)|> (\d{3,}) maximum",
    re.IGNORECASE,
)
_FOR_GOOD = re.compile(r"insufficient_quota|billing|credit balance|exceeded your current quota", re.IGNORECASE)
_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}


class Failure(Exception):
    """A request that failed."""

    def __init__(
        self,
        sentence: str,
        *,
        retry: bool = False,
        wait: float | None = None,
        status: int | None = None,
        said: str = "",
        context: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.retry = retry
        """Whether the same request may succeed later."""
        self.wait = wait
        """Seconds that the server asks to wait."""
        self.status = status
        self.said = said
        """The server's whole answer."""
        self.context = context
        """Tokens that the model takes, 0 where unknown; None where the failure is another."""
        self.spent = Tokens(calls=1)
        """What the request has cost all the same."""


class Served(NamedTuple):
    """What an endpoint says about itself."""

    models: tuple[str, ...]
    context: int | None
    """Tokens that our model takes, prompt and answer together; None where it does not tell."""
    adapters: tuple[str, ...] = ()
    """Those of the models that are an adapter of another one of them."""


def checked_url(url: str) -> str:
    """The address of an API as its user wrote it; raises ConfigError where it is none."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(f"{url!r} is no address of an endpoint: one looks like http://localhost:8000/v1")
    if parts.username or parts.password:
        raise ConfigError("The address of an endpoint holds no password: the key belongs in SLEEPWRIGHT_API_KEY.")
    return url.rstrip("/").removesuffix("/chat/completions")


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def unreachable(url: str, cause: BaseException, *, known: bool) -> Failure:
    """No connection, or none that lasts. `known`: the endpoint has answered before, so that it may come back."""
    chain: list[BaseException] = []
    link: BaseException | None = cause
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    words = " ".join(str(error) for error in chain)
    host = urlsplit(url).hostname
    if any(isinstance(error, ssl.SSLError) for error in chain) or "SSL" in words or "certificate" in words.lower():
        reason = next((str(error) for error in chain if isinstance(error, ssl.SSLError)), words)
        hint = "its certificate is not trusted." if "certificate" in words.lower() else "is it http instead of https?"
        return Failure(f"{url} cannot be reached over TLS ({_one_line(reason)}): {hint}")
    if any(isinstance(error, socket.gaierror) for error in chain):
        return Failure(f"The host {host!r} of {url} is not known: check the address and the network.", retry=known)
    if any(isinstance(error, ConnectionRefusedError) for error in chain) or "refused" in words:
        return Failure(f"{url} refuses connections: is the server running?", retry=known)
    if any(type(error).__name__ == "ReadTimeout" for error in chain):
        return Failure(f"{url} takes the connection but does not answer: is it busy, or still starting?", retry=known)
    if "timed out" in words or "Timeout" in "".join(type(error).__name__ for error in chain):
        return Failure(f"{url} cannot be reached: connecting timed out.", retry=known)
    # A server that speaks TLS drops who does not, or answers in bytes that are no HTTP.
    hint = " Is it https instead of http?" if url.startswith("http:") and not known else ""
    reason = _one_line(str(chain[-1])) or type(cause).__name__
    return Failure(f"The connection to {url} failed: {reason}.{hint}", retry=True)


def refused(url: str, model: str, key: str, status: int, headers: Mapping[str, str], body: str) -> Failure:
    """An answer with an error status."""
    said = _said(body, key)
    asked = Failure("", retry=status in _TRANSIENT, wait=retry_after(headers), status=status, said=body)
    match status:
        case _ if 300 <= status < 400:
            target = headers.get("location", "another address")
            sentence = f"{url} redirects to {target}, which is not followed: give that address as the base URL."
        case 401 if not key:
            sentence = f"{url} wants a key: set OPENAI_API_KEY or SLEEPWRIGHT_API_KEY."
        case 401:
            sentence = f"{url} refuses the key{said}."
        case 403:
            sentence = f"{url} forbids the request{said}."
        case 413:
            asked.context = 0
            sentence = f"The prompt is too large for {url}{said}."
        case _ if status in (400, 422, 500) and _CONTEXT.search(body):
            numbers = [int(number) for match in _CONTEXT_TOKENS.finditer(body) for number in match.groups() if number]
            asked.context, asked.retry = min(numbers, default=0), False
            sentence = f"The prompt is longer than the context of {model!r}{said}."
        case 404 if "model" in body.lower() and not is_web_page(body):
            sentence = f"{url} has no model {model!r}{said}."
        case 404:
            sentence = f"{url} has no chat API: is the address right? Most end in /v1."
        case 429 if _FOR_GOOD.search(body):
            asked.retry = False
            sentence = f"The account at {url} has no quota left{said}."
        case 429:
            sentence = f"{url} limits the rate of requests{said}."
        case 529:
            sentence = f"{url} is overloaded{said}."
        case 503:
            sentence = f"{url} is not ready: it is overloaded or still loading the model{said}."
        case _ if status >= 500:
            sentence = f"{url} failed with status {status}{said}."
        case _:
            sentence = f"{url} refuses the request with status {status}{said}."
    asked.args = (sentence,)
    return asked


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, from any of the headers in use; None where it does not say."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        if value := headers.get("retry-after"):
            if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
                return float(value)
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        pass  # nonsense is as good as nothing
    return None


def served(url: str, model: str, body: str) -> Served:
    """What a list of models says. Raises Failure where it is none."""
    try:
        listed = json.loads(body)
        entries = [entry for entry in listed["data"] if isinstance(entry["id"], str)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Failure(f"{url} does not answer as a chat API: is the address right? Most end in /v1.") from None
    by_name: dict[str, dict[str, Any]] = {entry["id"]: entry for entry in entries}
    told = {name: entry.get("parent") for name, entry in by_name.items()}  # vLLM
    parents = {name: parent for name, parent in told.items() if isinstance(parent, str) and parent in by_name}
    ours = by_name.get(parents.get(model, model), {})  # an adapter says nothing of its own
    meta = ours.get("meta")
    sizes = [ours.get(name) for name in ("max_model_len", "context_length", "loaded_context_length")]
    sizes.append(meta.get("n_ctx") if isinstance(meta, dict) else None)  # llama.cpp
    context = next((size for size in sizes if isinstance(size, int) and size > 0), None)
    return Served(tuple(by_name), context, tuple(parents))


def is_web_page(text: str) -> bool:
    """Whether a body is HTML."""
    return re.match(r"\s*(<!doctype|<html|<head|<body|<\?xml)", text, re.IGNORECASE) is not None


def _said(body: str, key: str) -> str:
    """The server's own words in brackets, without the key; empty where they are no words for people."""
    if is_web_page(body):
        return " (it answers with a web page)"
    found = re.search(r'"(?:message|detail|error)"\s*:\s*"((?:[^"\\]|\\.)*)"', body)
    text = found[1].replace('\\"', '"').replace("\\n", " ") if found else body if not body.startswith("{") else ""
    if key:
        text = text.replace(key, "***")
    text = _one_line(text)
    return f" ({text})" if text else ""


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()).rstrip(".")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
