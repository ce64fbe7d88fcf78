"""The model client: any endpoint that speaks OpenAI's chat API. The one file that knows the `openai` package.

A request streams in a thread of its own, for which the caller's thread waits (listening.py). The package's own retries
are off: ours are the only ones.

What files hold goes out as it is, also where it looks like a token of the model's template (`<|im_end|>`): an edit has
to quote the file byte for byte. A server whose tokenizer takes that for the end of a turn reads the rest as somebody
else's words. So nothing that a model is told or says may widen permissions or leave the sandbox.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Event
from typing import Any, NamedTuple, Self, cast
from urllib.parse import urlsplit

import openai

from agent.background_request import BackgroundRequest, Body, CutOff, NoResponse
from agent.chat import Live, Message, Reply, Watch, count_prompt, count_tokens, writable
from agent.chat_stream import ChatStream, Refused, replies_of
from agent.dialect import Dialect
from agent.endpoint import Failure, Served, checked_url, is_loopback, refused, served, unreachable
from agent.errors import ModelError, ToolsRefused
from agent.limits import Allowance, Limits, Meter
from agent.listening import TICK, Listener, Patience
from agent.predictability import NotTold, Predicted, question_body, read_predicted
from memory.records import Tokens

SIDE_BY_SIDE = 4
"""Requests at once, where an endpoint gives one answer a request."""

log = logging.getLogger(__name__)


class _Answered(NamedTuple):
    replies: list[Reply]
    is_over: bool
    """The run has to end, or a limit is reached."""


class OpenAIModel:
    """A model at an endpoint, a context manager. Safe to share between threads."""

    def __init__(
        self,
        name: str,
        url: str,
        key: str = "",
        *,
        limits: Limits | None = None,
        patience: Patience | None = None,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        """`key` may be empty for a local endpoint; `warn` is told what the user should know.

        Raises ConfigError where `url` is no http address.
        """
        self.name = name
        self.url = checked_url(url)
        self.meter = Meter(limits or Limits())
        self.cut_at: int | None = None
        """Prompt tokens after which the endpoint seems to cut without a word; None while nothing looks like it."""
        self._key = key
        self._patience = patience or Patience()
        self._warn = warn
        self._dialect = Dialect()
        self._headers = _headers(self.url, key)
        self._has_answered = False
        self._tells_predictability = True
        # Threads that nobody waits for any more end after this.
        silence = max(self._patience.first_token, self._patience.stall) + 10 * TICK
        is_at_home = is_loopback(self.url)
        self._client = openai.OpenAI(
            api_key=key or "none",
            base_url=self.url,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                timeout=openai.Timeout(silence, connect=self._patience.connect),
                follow_redirects=False,  # a redirect could carry the key to another host
                trust_env=not is_at_home,  # no proxy between us and this machine
                # Reading the certificates takes 20 CPU ms.
                verify=not (is_at_home and self.url.startswith("http:")),
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        self._client.close()

    def check(self) -> Served:
        """Ask which models there are. Raises ModelError where the endpoint is dead or refuses us."""
        # A list is short: who has sent a part of it after so long is no endpoint to work with.
        patience = replace(self._patience, first_token=3 * self._patience.connect)
        request = BackgroundRequest(self._list_models)
        try:
            data = Listener(self.url, patience, lambda live: True, self._broken).read_whole(request) or b""
            return served(self.url, self.name, data.decode("utf-8", "replace"))
        except Failure as failure:
            if failure.status in (404, 405, 501):
                return Served((), None)  # an endpoint may have no such list
            raise ModelError(str(failure)) from None
        finally:
            request.abandon()

    def sample(
        self,
        messages: Sequence[Message],
        *,
        n: int = 1,
        temperature: float = 1.0,
        seed: int | None = None,
        max_tokens: int = 4096,
        stop: Sequence[str] = (),
        tools: Sequence[Mapping[str, Any]] = (),
        watch: Watch = lambda live: True,
    ) -> list[Reply]:
        """n independent completions, in one request where the endpoint can, else a few at a time.

        `tools` are those that the model may call, in OpenAI's form. Fewer completions where `watch` ended it or a
        limit was reached (`meter.reached` says so). Raises ModelError where the endpoint fails for good,
        ContextExceeded where the prompt is too long, ToolsRefused where it takes no tools.
        """
        if tools and not self._dialect.has_tools:
            raise ToolsRefused(f"{self.url} takes no tools.")
        optional = {"seed": seed, "stop": list(stop) or None, "tools": list(tools) or None}
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [message.as_sent for message in messages],
            "temperature": temperature,
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            **{name: value for name, value in optional.items() if value is not None},
        }
        prompt = count_prompt(messages)
        first = self._ask(body, n, prompt, watch)
        missing = n - len(first.replies)
        if first.is_over or missing <= 0:
            return first.replies
        return first.replies + self._one_by_one(body, missing, prompt, len(first.replies), watch)

    def predictability(self, before: str, text: str, watch: Watch = lambda live: True) -> Predicted | None:
        """How likely the text is after `before`; None where the endpoint does not tell, or is to be asked no more.

        It is asked once, and never again after it did not tell: nothing depends on it.
        """
        allowance = self.meter.book(count_tokens(before + text), 1, 1) if self._tells_predictability else None
        if allowance is None:
            return None
        spent = Tokens(calls=1)
        body = question_body(self.name, writable(before), writable(text))
        request = BackgroundRequest(lambda: self._send(body, "/completions"))
        try:
            data = self._listener(watch).read_whole(request)
            if data is None:
                return None
            predicted = read_predicted(data, writable(text))
            spent = predicted.tokens
            return predicted
        except (Failure, NotTold) as problem:
            log.info("%s does not tell how likely a text is: %s", self.url, problem)
            self._tells_predictability = False
            return None
        finally:
            request.abandon()
            self.meter.settle(allowance, spent)

    def _one_by_one(self, body: dict[str, Any], n: int, prompt: int, had: int, watch: Watch) -> list[Reply]:
        """The endpoint gave fewer answers than asked for; it has read the prompt by now."""
        over = Event()
        replies: list[Reply] = []
        problem: ModelError | None = None

        def watched(live: Live) -> bool:
            return not over.is_set() and watch(Live(had + len(replies), live.tokens))

        def ask(number: int) -> _Answered:
            seed = {"seed": body["seed"] + number} if "seed" in body else {}
            return self._ask({**body, **seed}, 1, prompt, watched)

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            try:
                for future in [pool.submit(ask, had + i) for i in range(n)]:
                    try:
                        replies += future.result().replies
                    except ModelError as error:
                        problem = error
            finally:
                over.set()  # whatever ended this ends the others
        if problem:
            self._warn(f"Only {had + len(replies)} of {had + n} answers came. {problem}")
        return replies

    def _ask(self, body: dict[str, Any], n: int, prompt: int, watch: Watch) -> _Answered:
        """One request, repeated until it succeeds, cannot, or is ended."""
        attempt, lost = 0, Tokens()
        while True:
            allowance = self.meter.book(prompt, n if self._dialect.has_n else 1, body["max_tokens"])
            if allowance is None:
                return _Answered([], is_over=True)
            asked = {**body, "n": allowance.n, "max_tokens": allowance.max_tokens}
            try:
                return self._attempt(asked, allowance, lost, watch)
            except Failure as failure:
                lost += failure.spent
                if self._dialect.learn(asked, failure):
                    if "tools" in asked and not self._dialect.has_tools:
                        raise ToolsRefused(str(failure)) from None
                    continue
                attempt += 1
                wait = self._patience.before_retry(failure, attempt)
                log.info("%s Trying again in %.1f s.", failure, wait)
                if not self._listener(watch).pause(wait):
                    return _Answered([], is_over=True)

    def _attempt(self, body: dict[str, Any], allowance: Allowance, lost: Tokens, watch: Watch) -> _Answered:
        """One request. Raises Failure where no answer came to its end."""
        began = time.monotonic()
        stream = ChatStream()
        request = BackgroundRequest(lambda: self._send(body))
        failure: Failure | None = None
        is_over = False
        try:
            is_over = not self._listener(watch).follow(request, stream, allowance.max_tokens)
        except Refused as error:
            failure = refused(self.url, self.name, self._key, error.status, {}, error.body)
        except Failure as problem:
            failure = problem
        finally:
            request.abandon()
            spent = Tokens(
                prompt=stream.usage.prompt or (allowance.prompt if stream.choices else 0),
                completion=stream.usage.completion or stream.tokens,
                calls=1,
            )
            self.meter.settle(allowance, spent)
        done = [choice for _, choice in sorted(stream.choices.items()) if choice.finish][: allowance.n]
        if failure and not done:
            failure.spent = spent
            raise failure
        self._has_answered = True
        if not is_over and not failure and len(done) < allowance.n:
            self._dialect.refuse("n")
        self._look_for_cut(allowance.prompt, stream.usage.prompt)
        return _Answered(replies_of(done, spent, lost, time.monotonic() - began), is_over)

    @contextmanager
    def _send(self, body: dict[str, Any], path: str = "/chat/completions") -> Iterator[Body]:
        # Not `chat.completions.create`: it looks at every message of a conversation anew, and takes 100 times as long.
        stream = self._client.post(
            path,
            body=self._dialect.fit(body) if "messages" in body else body,
            options={"headers": self._headers},
            cast_to=object,
            stream=True,
            stream_cls=openai.Stream[object],
        )
        with closing(stream.response) as response:
            yield response

    @contextmanager
    def _list_models(self) -> Iterator[Body]:
        stream = self._client.get(
            "/models",
            options={"headers": self._headers, "timeout": self._patience.connect},
            cast_to=object,
            stream=True,
            stream_cls=openai.Stream[object],
        )
        with closing(stream.response) as response:
            yield response

    def _listener(self, watch: Watch) -> Listener:
        return Listener(self.url, self._patience, lambda live: self.meter.has_time() and watch(live), self._broken)

    def _broken(self, event: NoResponse | CutOff) -> Failure:
        """What a broken connection or an error status means; a bug of ours flies."""
        match event.__cause__:
            case openai.APIStatusError() as error:
                return self._status_failure(error)
            case openai.APIConnectionError() as error:
                return unreachable(self.url, error, known=self._has_answered)
            case error if error is not None and isinstance(event, NoResponse):
                raise error
        return Failure(f"{self.url} cut the connection in the middle of an answer.", retry=True)

    def _status_failure(self, error: openai.APIStatusError) -> Failure:
        headers = {name.lower(): value for name, value in error.response.headers.items()}
        return refused(self.url, self.name, self._key, error.status_code, headers, error.response.text)

    def _look_for_cut(self, sent: int, read: int | None) -> None:
        # Our count is rough: a tokenizer may need two thirds of it, never a half.
        if read and sent > 500 and read < sent / 2 and self.cut_at is None:
            self.cut_at = read
            self._warn(
                f"{self.url} says that it read {read:,} tokens of a prompt of about {sent:,}: it seems to cut prompts"
                " without a word. Give the model a larger context (with Ollama: OLLAMA_CONTEXT_LENGTH)."
            )


def _headers(url: str, key: str) -> Mapping[str, str]:
    """No invented key, and what the environment says about an OpenAI account only for OpenAI."""
    host = urlsplit(url).hostname or ""
    left_out = [] if key else ["Authorization"]
    if host != "openai.com" and not host.endswith(".openai.com"):
        left_out += ["OpenAI-Organization", "OpenAI-Project"]
    return cast(Mapping[str, str], {name: openai.Omit() for name in left_out})
