"""The model client against a scripted endpoint: what real endpoints do wrong, and what the client makes of it."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import pytest
import trustme

from agent.chat import Live, Message
from agent.errors import ConfigError, ContextExceeded, ModelError
from agent.limits import Limits
from agent.listening import Patience
from agent.openai_model import OpenAIModel
from agent.scripted_server import Body, Scripted, ScriptedServer, error, web_page
from memory.records import Tokens

CALM = Patience(connect=30, first_token=60, stall=60, retries=2, backoff=0.01, longest_wait=0.5)
HASTY = Patience(connect=2, first_token=0.3, stall=0.3, retries=2, backoff=0.01, longest_wait=0.5)
QUESTION = [Message("system", "Be brief."), Message("user", "What is 2 + 2?")]
LONG = [Message("user", "word " * 2000)]


_open = ExitStack()


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    with _open:
        yield


def client_of(
    url: str,
    key: str = "",
    limits: Limits | None = None,
    warn: list[str] | None = None,
    patience: Patience = CALM,
) -> OpenAIModel:
    """A model that the test need not close."""
    warned = [] if warn is None else warn
    return _open.enter_context(OpenAIModel("scripted", url, key, limits=limits, patience=patience, warn=warned.append))


def model(
    server: ScriptedServer,
    key: str = "",
    limits: Limits | None = None,
    warned: list[str] | None = None,
    patience: Patience = CALM,
) -> OpenAIModel:
    return client_of(server.url, key, limits, warned, patience)


def patience_for(answer: Scripted) -> Patience:
    """Only who waits in vain has to be hasty: on a busy machine every answer takes a while."""
    return HASTY if answer.silence or answer.stalls_after is not None else CALM


def texts(script: Sequence[Scripted] | Callable[[Body], Scripted], n: int = 1, patience: Patience = CALM) -> list[str]:
    with ScriptedServer(script) as server:
        return [reply.text for reply in model(server, patience=patience).sample(QUESTION, n=n)]


def test_several_completions_come_in_one_request_in_order() -> None:
    with ScriptedServer([Scripted(("a", "b", "c"))]) as server:
        replies = model(server).sample(QUESTION, n=3, temperature=0.5, seed=7, max_tokens=99, stop=["END"])
    assert [reply.text for reply in replies] == ["a", "b", "c"]
    (request,) = server.requests
    assert (request["n"], request["temperature"], request["seed"]) == (3, 0.5, 7)
    assert (request["max_tokens"], request["stop"]) == (99, ["END"])


def test_one_completion_does_not_mention_n() -> None:
    with ScriptedServer() as server:
        model(server).sample(QUESTION)
    assert "n" not in server.requests[0]


@pytest.mark.parametrize(
    "refusal",
    [
        None,
        error(400, "Unknown parameter: 'n'.", param="n"),
        error(400, "n: must be 1"),
        error(422, "Only one completion choice is allowed"),
    ],
)
def test_an_endpoint_without_n_is_asked_several_times_with_other_seeds(refusal: Scripted | None) -> None:
    def answer(body: Body) -> Scripted:
        return refusal if refusal and "n" in body else Scripted((f"seed {body['seed']}",), ignores_n=True)

    with ScriptedServer(answer) as server:
        client = model(server)
        assert [reply.text for reply in client.sample(QUESTION, n=3, seed=5)] == ["seed 5", "seed 6", "seed 7"]
        assert len(client.sample(QUESTION, n=3, seed=5)) == 3
    assert ["n" in request for request in server.requests] == [True, *[False] * (len(server.requests) - 1)]


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0.5 with this model."),
        ("seed", "unrecognized request argument supplied: seed"),
        ("stop", "Unsupported parameter: 'stop' is not supported with this model."),
        ("stream_options", "Unknown parameter: 'stream_options'."),
        ("stream", "Streaming is not supported."),
    ],
)
def test_a_parameter_that_is_refused_is_left_out(name: str, refusal: str) -> None:
    def answer(body: Body) -> Scripted:
        return error(400, refusal) if name in body else Scripted()

    with ScriptedServer(answer) as server:
        (reply,) = model(server).sample(QUESTION, temperature=0.5, seed=1, stop=["END"])
    assert reply.text == "Done."
    assert len(server.requests) == 2


def test_max_completion_tokens_is_sent_where_max_tokens_is_refused() -> None:
    def answer(body: Body) -> Scripted:
        refusal = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
        return error(400, refusal) if "max_tokens" in body else Scripted()

    with ScriptedServer(answer) as server:
        model(server).sample(QUESTION, max_tokens=77)
    assert server.requests[-1]["max_completion_tokens"] == 77


def test_a_model_without_system_role_reads_the_rules_in_the_first_turn() -> None:
    def answer(body: Body) -> Scripted:
        has_system = body["messages"][0]["role"] == "system"
        return error(400, "System role not supported") if has_system else Scripted()

    with ScriptedServer(answer) as server:
        model(server).sample(QUESTION)
    assert server.requests[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nWhat is 2 + 2?"}]


ODD_ANSWERS = {
    "not streamed": Scripted(ignores_stream=True),
    "no usage": Scripted(usage=None),
    "usage of nulls": Scripted(usage={"prompt_tokens": None, "completion_tokens": None}),
    "no [DONE]": Scripted(says_done=False),
    "no finish reason": Scripted(finish=None),
    "reasoning field": Scripted(reasoning="Let me think."),
    "think tags": Scripted(("<think>\nLet me think.\n</think>\n\nDone.",)),
    "think tag without its opener": Scripted(("Let me think.\n</think>\nDone.",)),
    "wrong content type": Scripted(headers={"Content-Type": "text/plain"}),
    "content in parts": Scripted(
        body='{"choices": [{"message": {"content": [{"type": "text", "text": "Done."}]}, "finish_reason": "stop"}]}'
    ),
    "usage null": Scripted(body='{"choices": [{"message": {"content": "Done."}}], "usage": null}'),
    "slow first token": Scripted(silence=0.1),
    "signs of life before it": Scripted(comments=50),
    "connection closed after it": Scripted(hangs_up=True),
    "comments, carriage returns, null content": Scripted(
        body=": ping\r\n\r\nevent: message\r\n"
        'data: {"choices": [{"index": 0, "delta": {"content": null}}], "usage": null}\r\n\r\n'
        'data: {"choices": [{"delta": {"content": "Done."}, "finish_reason": null}]}\r\n\r\n'
        'data: {"choices": [{"delta": null, "finish_reason": "stop"}]}\r\n\r\ndata: [DONE]\r\n\r\n'
    ),
    "other kinds of values here and there": Scripted(
        body='data: {"choices": 1}\n\ndata: {"choices": [{"delta": "x", "message": [1]}]}\n\n'
        'data: {"choices": [{"delta": {"content": "Done."}, "finish_reason": "stop"}]}\n\n'
    ),
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
def test_an_odd_answer_is_read(answer: Scripted) -> None:
    assert texts([answer]) == ["Done."]


def test_unicode_line_separators_do_not_split_an_event() -> None:
    body = 'data: {"choices": [{"delta": {"content": "a\u2028b\u0085c"}, "finish_reason": "stop"}]}\n\n'
    assert texts([Scripted(body=body)]) == ["a\u2028b\u0085c"]


def test_a_reply_that_was_cut_says_so() -> None:
    with ScriptedServer([Scripted(finish="length")]) as server:
        (reply,) = model(server).sample(QUESTION)
    assert reply.was_cut


def test_usage_of_the_server_is_counted_and_shared_out() -> None:
    with ScriptedServer([Scripted(("a b c", "d"), usage={"prompt_tokens": 100, "completion_tokens": 41})]) as server:
        client = model(server)
        replies = client.sample(QUESTION, n=2)
    assert sum((reply.tokens for reply in replies), Tokens()) == Tokens(prompt=100, completion=41, calls=1)
    assert client.meter.used == Tokens(prompt=100, completion=41, calls=1)


def test_without_usage_tokens_are_counted_roughly() -> None:
    with ScriptedServer([Scripted(("one two",), usage=None)]) as server:
        client = model(server)
        client.sample(QUESTION)
    assert client.meter.used.completion == 2
    assert client.meter.used.prompt > 5


FAILURES = {
    "401": (error(401, "Incorrect API key provided: my-key"), "refuses the key (Incorrect API key provided: ***)"),
    "403": (error(403, "Country not supported"), "forbids the request (Country not supported)"),
    "404 model": (error(404, "The model `scripted` does not exist"), "has no model 'scripted'"),
    "404 path": (error(404, "Not Found"), "Most end in /v1"),
    "429 for good": (error(429, "You exceeded your current quota", code="insufficient_quota"), "no quota left"),
    "429 for long": (error(429, "Slow down", {"Retry-After": "3600"}), "too long"),
    "429 again and again": (error(429, "Slow down"), "Gave up after 3 attempts"),
    "500": (error(500, "Internal"), "failed with status 500 (Internal)"),
    "502 web page": (web_page(502), "failed with status 502 (it answers with a web page)"),
    "503": (error(503, "Loading model"), "still loading the model (Loading model)"),
    "529": (error(529, "Overloaded"), "is overloaded"),
    "400": (error(400, "Messages must not be empty"), "status 400 (Messages must not be empty)"),
    "404 web page": (
        Scripted(status=404, headers={"Content-Type": "text/html"}, body="<html>No such model page</html>"),
        "Most end in /v1",
    ),
    "429 with Retry-After again and again": (error(429, "Slow down", {"Retry-After": "0"}), "Gave up after 3 attempts"),
    "504": (error(504, "Upstream timed out"), "failed with status 504 (Upstream timed out)"),
    "418": (error(418, "I'm a teapot"), "status 418 (I'm a teapot)"),
    "web page": (web_page(), "no chat completion: a web page"),
    "redirect": (Scripted(status=307, headers={"Location": "https://elsewhere.example/v1"}, body=""), "redirects to"),
    "empty body": (Scripted(body=""), "no chat completion: nothing"),
    "no choices": (Scripted(body='{"choices": []}'), "no answer in it"),
    "JSON of another kind": (Scripted(body="[1, 2]"), "JSON of another kind"),
    "broken JSON": (Scripted(body='data: {"choices": [{"del\n\n'), "broken JSON in the stream"),
    "JSON without end": (Scripted(body="[" * 100_000), "no JSON"),
    "JSON without end in the stream": (Scripted(body=f"data: {'[' * 100_000}\n\n"), "broken JSON in the stream"),
    "error within a success": (Scripted(body='{"error": {"message": "CUDA out of memory"}}'), "CUDA out of memory"),
    "error object of vLLM": (Scripted(body='{"object": "error", "message": "bad", "code": 403}'), "forbids"),
    "error in the stream": (
        Scripted(body='data: {"error": {"message": "gone", "code": 502}}\n\n'),
        "status 502 (gone)",
    ),
    "cut stream": (Scripted(cut_after=2), "cut the connection in the middle of an answer"),
    "stream without end": (Scripted(finish=None, says_done=False), "stops in the middle"),
    "silence": (Scripted(silence=30), "did not begin to answer"),
    "silence after the headers": (Scripted(stalls_after=0), "did not begin to answer"),
    "nothing but signs of life": (Scripted(comments=3, stalls_after=0), "did not begin to answer"),
    "dropped connection": (Scripted(drops=True), "The connection to"),
    "stall": (Scripted(stalls_after=2), "stopped in the middle of an answer"),
    "413": (error(413, "Payload too large"), "too large"),
}


@pytest.mark.parametrize(("answer", "sentence"), FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_ends_in_one_clear_sentence(answer: Scripted, sentence: str) -> None:
    with ScriptedServer([answer]) as server, pytest.raises(ModelError) as caught:
        model(server, key="my-key", patience=patience_for(answer)).sample(QUESTION)
    message = str(caught.value)
    assert sentence in message
    assert server.url in message
    assert "\n" not in message
    assert "my-key" not in message


def test_a_missing_key_is_asked_for() -> None:
    with ScriptedServer([error(401, "no key")]) as server, pytest.raises(ModelError, match="set OPENAI_API_KEY"):
        model(server).sample(QUESTION)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:{port}/v1", "refuses connections: is the server running"),
        ("http://no-such-host.invalid/v1", "host 'no-such-host.invalid' of .* is not known"),
    ],
)
def test_a_dead_endpoint_is_noticed_at_once(url: str, sentence: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = client_of(url.format(port=port))
    with pytest.raises(ModelError, match=sentence):
        client.check()
    with pytest.raises(ModelError, match=sentence):
        client.sample(QUESTION)


def test_tls_where_there_is_none_is_explained() -> None:
    with ScriptedServer() as server:
        client = client_of(server.url.replace("http:", "https:"))
        with pytest.raises(ModelError, match="over TLS .*http instead of https"):
            client.check()


def test_plain_http_to_who_speaks_tls_is_explained() -> None:
    with ScriptedServer(tls=certificate()) as server:
        client = client_of(server.url.replace("https:", "http:"))
        with pytest.raises(ModelError, match="failed: .* Is it https instead of http"):
            client.check()


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with ScriptedServer(tls=certificate()) as server:
        client = client_of(server.url, key="my-key")
        for ask in (client.check, lambda: client.sample(QUESTION)):
            with pytest.raises(ModelError, match="over TLS .* its certificate is not trusted"):
                ask()
    assert server.headers == []


def certificate() -> ssl.SSLContext:
    """Of an authority that this machine does not know."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def test_an_endpoint_that_takes_no_connection_is_not_waited_for() -> None:
    with ExitStack() as sockets:
        server = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # Linux keeps one more than asked for; further ones are neither taken nor refused.
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        client = client_of(f"http://127.0.0.1:{server.getsockname()[1]}/v1", patience=Patience(connect=0.3))
        with pytest.raises(ModelError, match="connecting timed out"):
            client.check()


def test_an_endpoint_that_takes_the_connection_and_says_nothing_fails_the_check() -> None:
    with ScriptedServer(models=Scripted(silence=30)) as server:
        with pytest.raises(ModelError, match="takes the connection but does not answer"):
            client_of(server.url, patience=Patience(connect=0.3)).check()


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
def test_an_endpoint_that_sends_its_list_byte_by_byte_fails_the_check(beginning: bytes) -> None:
    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):  # who asked has hung up
            connection.sendall(beginning)
            while not over.wait(0.02):
                connection.sendall(b"x")

    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=trickle, args=(server,), daemon=True).start()
        client = client_of(f"http://127.0.0.1:{server.getsockname()[1]}/v1", patience=Patience(connect=0.5))
        with pytest.raises(ModelError, match="did not answer within 1.5 s"):
            client.check()
        over.set()


def test_a_connection_that_was_dropped_while_idle_is_made_anew() -> None:
    with ScriptedServer([Scripted(hangs_up=True), Scripted(drops=True), Scripted()]) as server:
        client = model(server)
        assert [client.sample(QUESTION)[0].text for _ in range(2)] == ["Done.", "Done."]
    assert len(server.requests) == 3


def test_an_endpoint_that_has_answered_and_is_gone_is_asked_again() -> None:
    with ScriptedServer() as server:
        client = model(server)
        client.sample(QUESTION)
    with pytest.raises(ModelError, match="refuses connections.* Gave up after 3 attempts"):
        client.sample(QUESTION)


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens.",
        "max_tokens is too large: 9000. This model's maximum context length is 4096 tokens and your request has 99.",
        "prompt is too long: 210000 tokens > 4096 maximum",
    ],
)
def test_an_exceeded_context_says_how_long_it_is(message: str) -> None:
    with ScriptedServer([error(400, message)]) as server, pytest.raises(ContextExceeded) as caught:
        model(server).sample(QUESTION)
    assert caught.value.tokens == 4096
    assert len(server.requests) == 1


def test_the_context_of_llama_cpp_is_read_from_its_own_field() -> None:
    refusal = error(400, "the request exceeds the available context size", type="exceed_context_size_error", n_ctx=4096)
    with ScriptedServer([refusal]) as server, pytest.raises(ContextExceeded) as caught:
        model(server).sample(QUESTION)
    assert caught.value.tokens == 4096


@pytest.mark.parametrize(
    "failure",
    [
        error(429, "Slow down", {"Retry-After": "0"}),
        error(503, "Loading model"),
        Scripted(cut_after=2),
        Scripted(stalls_after=3),
        Scripted(body='data: {"choices"\n\n'),
    ],
)
def test_what_may_pass_is_asked_again(failure: Scripted) -> None:
    patience = replace(patience_for(failure), first_token=60)
    assert texts([failure, Scripted()], patience=patience) == ["Done."]


def test_answers_that_were_complete_survive_a_cut() -> None:
    half = "".join(
        f"data: {json.dumps({'choices': [{'index': i, 'delta': {'content': text}, 'finish_reason': finish}]})}\n\n"
        for i, text, finish in [(0, "whole", "stop"), (1, "ha", None)]
    )
    assert texts([Scripted(body=half), Scripted(("second",))], n=2) == ["whole", "second"]


def test_an_endpoint_that_never_ends_is_cut() -> None:
    with ScriptedServer([Scripted(("word " * 5000,), finish=None, stalls_after=3)]) as server:
        (reply,) = model(server).sample(QUESTION, max_tokens=10)
    assert reply.was_cut


def test_tokens_of_a_failed_attempt_are_counted() -> None:
    with ScriptedServer([Scripted(("one two three four",), cut_after=2), Scripted(("five",))]) as server:
        client = model(server)
        (reply,) = client.sample(QUESTION)
    assert reply.tokens == client.meter.used
    assert reply.tokens.calls == 2
    assert reply.tokens.completion > 1


def test_a_prompt_that_was_silently_cut_is_warned_about() -> None:
    warned: list[str] = []
    with ScriptedServer([Scripted(usage={"prompt_tokens": 900})]) as server:
        client = model(server, warned=warned)
        client.sample(LONG)
        client.sample(LONG)
    assert client.cut_at == 900
    assert len(warned) == 1
    assert "cut prompts without a word" in warned[0]


def test_a_tokenizer_of_its_own_is_not_mistaken_for_a_cut() -> None:
    warned: list[str] = []
    with ScriptedServer([Scripted(usage={"prompt_tokens": 1300})]) as server:
        model(server, warned=warned).sample(LONG)
    assert warned == []


def test_the_key_goes_to_the_endpoint() -> None:
    with ScriptedServer() as server:
        model(server, key="my-key").sample(QUESTION)
    assert server.headers[0]["authorization"] == "Bearer my-key"


def test_without_a_key_none_is_sent() -> None:
    with ScriptedServer() as server:
        client = model(server)
        client.check()
        client.sample(QUESTION)
    assert len(server.headers) == 2
    assert all("authorization" not in headers for headers in server.headers)


def test_the_key_does_not_follow_a_redirect() -> None:
    with ScriptedServer() as elsewhere:
        away = Scripted(status=307, headers={"Location": f"{elsewhere.url}/chat/completions"}, body="")
        with ScriptedServer([away], models=away) as server:
            client = model(server, key="my-key")
            with pytest.raises(ModelError, match="redirects"):
                client.sample(QUESTION)
            with pytest.raises(ModelError, match="redirects"):
                client.check()
    assert elsewhere.headers == []


def test_nothing_for_this_machine_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as proxy, ScriptedServer() as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        model(server, key="my-key").sample(QUESTION)
    assert proxy.headers == []


def test_account_headers_are_for_openai_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-secret")
    with ScriptedServer() as server:
        model(server).sample(QUESTION)
    assert "secret" not in str(server.headers)


def test_progress_is_told_while_answers_arrive() -> None:
    seen: list[Live] = []

    def watch(live: Live) -> bool:
        seen.append(live)
        return True

    with ScriptedServer([Scripted(("one two", "three"))]) as server:
        model(server).sample(QUESTION, n=2, watch=watch)
    assert seen[-1].finished == 2


def test_a_watcher_ends_the_sampling_while_the_endpoint_is_silent() -> None:
    with ScriptedServer([Scripted(silence=30)]) as server:
        assert model(server).sample(QUESTION, watch=lambda live: False) == []


def test_a_watcher_ends_the_wait_between_attempts() -> None:
    looks = iter([True, False])
    slow = error(429, "Slow down", {"Retry-After": "0.4"})
    with ScriptedServer([slow]) as server:
        assert model(server).sample(QUESTION, watch=lambda live: next(looks, False)) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(calls=1), "limit of 1 calls"),
        (Limits(tokens=600), "limit of 600 tokens"),
        (Limits(dollars=0.01, prompt_price=1, completion_price=30), r"limit of \$0.01"),
        (Limits(seconds=0), "limit of 0 s"),
    ],
)
def test_reaching_a_limit_ends_the_sampling(limits: Limits, sentence: str) -> None:
    with ScriptedServer([Scripted(usage={"completion_tokens": 320}, ignores_n=True)]) as server:
        client = model(server, limits=limits)
        assert len(client.sample(QUESTION, n=8)) <= 2
        assert client.sample(QUESTION) == []
    assert client.meter.reached is not None
    assert sentence.replace("\\", "") in client.meter.reached
    assert len(server.requests) <= 2


def test_a_limit_that_the_first_prompt_exceeds_says_how_long_it_is() -> None:
    with ScriptedServer() as server:
        client = model(server, limits=Limits(tokens=10))
        assert client.sample([Message("user", "word " * 1000)]) == []
    assert (client.meter.reached or "").endswith("is reached: the next request would read about 1,004 tokens.")
    assert server.requests == []


def test_near_a_limit_fewer_and_shorter_answers_are_asked_for() -> None:
    with ScriptedServer() as server:
        model(server, limits=Limits(tokens=1000)).sample(QUESTION, n=8, max_tokens=4096)
    request = server.requests[0]
    assert request["n"] * request["max_tokens"] <= 1000


def test_a_dollar_limit_needs_prices() -> None:
    with pytest.raises(ConfigError, match="price"):
        Limits(dollars=1.0)


def test_check_says_which_models_there_are_and_how_much_they_take() -> None:
    with ScriptedServer(models=["other", "scripted"], context=8192) as server:
        assert model(server).check() == (("other", "scripted"), 8192, ())


def test_an_endpoint_without_a_list_of_models_passes_the_check() -> None:
    with ScriptedServer(models=error(404, "Not Found")) as server:
        assert model(server).check() == ((), None, ())


def test_a_list_of_models_may_say_odd_things_of_them() -> None:
    listed = {"data": [{"id": "scripted", "parent": ["x"], "meta": 1, "max_model_len": "8k"}]}
    with ScriptedServer(models=Scripted(body=json.dumps(listed))) as server:
        assert model(server).check() == (("scripted",), None, ())


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (error(401, "no"), "wants a key"),
        (web_page(), "does not answer as a chat API"),
        (error(502, "bad"), "502"),
        (Scripted(body="[" * 100_000), "does not answer as a chat API"),
    ],
)
def test_a_bad_endpoint_fails_the_check(answer: Scripted, sentence: str) -> None:
    with ScriptedServer(models=answer) as server, pytest.raises(ModelError, match=sentence):
        model(server).check()


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # who asked has hung up
                while True:
                    self.wfile.write(b"x" * (1 << 20))

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        client = client_of(f"http://127.0.0.1:{server.server_port}/v1", patience=replace(CALM, retries=0))
        try:
            for ask in (client.check, lambda: client.sample(QUESTION)):
                with pytest.raises(ModelError):
                    ask()
            assert client.predictability("a", "b") is None
        finally:
            server.shutdown()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "", "http://", "http://[::1", "http://host:x/v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no address"):
        OpenAIModel("m", url)


def test_a_password_in_the_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigError) as caught:
        OpenAIModel("m", "http://me:secret@host/v1")
    assert "secret" not in str(caught.value)


def test_a_web_page_is_not_asked_for_again() -> None:
    with ScriptedServer([web_page()]) as server, pytest.raises(ModelError):
        model(server).sample(QUESTION)
    assert len(server.requests) == 1


def test_bytes_that_are_not_utf8_do_not_break_the_request() -> None:
    with ScriptedServer() as server:
        model(server).sample([Message("user", "caf\udce9")])
    assert server.requests[0]["messages"][0]["content"] == "caf?"
