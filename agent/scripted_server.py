"""An OpenAI-compatible endpoint that says what it was told, good or bad: for tests and documentation.

Loopback only, on a port that the system picks. Every failure that real endpoints show is a `Scripted` answer.
"""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Event, Lock, Thread
from typing import Any, Self

from agent.chat import count_tokens

Body = dict[str, Any]


@dataclass(frozen=True)
class Scripted:
    """One answer to one request."""

    texts: Sequence[str] = ("Done.",)
    """One for each completion; the last is repeated where more are asked for."""
    calls: Sequence[Body] = ()
    """Calls of tools beside each text, as they are sent; `call` makes a proper one."""
    finish: str | None = "stop"
    usage: Mapping[str, Any] | None = field(default_factory=dict)
    """What is special about it; None for no usage at all."""
    ignores_n: bool = False
    ignores_stream: bool = False
    reasoning: str = ""
    """Sent before each text, as reasoning of its own."""
    silence: float = 0.0
    """Seconds without a sign, before anything is sent."""
    stalls_after: int | None = None
    """Pieces after which nothing more comes, though the connection stays open."""
    cut_after: int | None = None
    """Pieces after which the connection is closed."""
    drops: bool = False
    """Whether the connection is closed without a word."""
    hangs_up: bool = False
    """Whether the connection is closed after the answer, though nothing in it said so."""
    comments: int = 0
    """How many signs of life precede the answer of a stream, as proxies send them while they wait."""
    says_done: bool = True
    """Whether the stream ends with [DONE]."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    """Sent as it is, in the place of a completion."""


def call(name: str, arguments: Any, id: str | None = "call_1") -> Body:
    """One call of a tool; arguments that are no text are sent as JSON."""
    said = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id, "type": "function", "function": {"name": name, "arguments": said}}


def error(status: int, message: str, headers: Mapping[str, str] | None = None, **fields: object) -> Scripted:
    """A refusal in OpenAI's form."""
    body = json.dumps({"error": {"message": message, **fields}})
    return Scripted(status=status, headers={"Content-Type": "application/json", **(headers or {})}, body=body)


def web_page(status: int = 200) -> Scripted:
    """What a proxy, or a wrong address, says."""
    page = "<!DOCTYPE html>\n<html><body>Welcome</body></html>"
    return Scripted(status=status, headers={"Content-Type": "text/html"}, body=page)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._taken: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        taken = super().get_request()
        self._taken.append(taken[0])
        return taken

    def hang_up(self) -> None:
        """Close the connections that are kept alive; only they outlive the server."""
        for connection in self._taken:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asked has hung up, or does not speak our protocol: a part of the script."""


class ScriptedServer:
    """Serves while it is entered. `requests` are the bodies that came, `headers` what came with them."""

    def __init__(
        self,
        script: Sequence[Scripted] | Callable[[Body], Scripted] = (Scripted(),),
        models: Scripted | Sequence[str] = ("scripted",),
        context: int | None = None,
        tls: SSLContext | None = None,
        completions: Callable[[Body], Scripted] | None = None,
    ) -> None:
        """A sequence is answered in order, its last one over and over; `models` is the answer to /models.

        `completions` answers /completions, which most endpoints do not have; its requests are not kept.
        `tls`: a server's context, with its certificate; None to speak plain HTTP.
        """
        self._script = script
        if not isinstance(models, Scripted):
            listed = [{"id": name, "object": "model", "max_model_len": context} for name in models]
            models = Scripted(body=json.dumps({"object": "list", "data": listed}))
        self._models = models
        self._completions = completions
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self._lock = Lock()
        self._closing = Event()
        self._server = _Server(self._handler())
        if tls:
            # The handshake is left to the thread of each connection: one that fails is nobody else's business.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    def _answer(self, body: Body, headers: Mapping[str, str]) -> Scripted:
        with self._lock:
            number = len(self.requests)
            self.requests.append(body)
            self.headers.append({name.lower(): value for name, value in headers.items()})
            return self._script(body) if callable(self._script) else self._script[min(number, len(self._script) - 1)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                found = self.path.rstrip("/").endswith("/models")
                self._send(server._models if found else error(404, "Not Found"), {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.endswith("/chat/completions"):
                    self._send(server._answer(body, dict(self.headers)), body)
                elif self.path.endswith("/completions") and server._completions:
                    self._send(server._completions(body), body)
                else:
                    self._send(error(404, "Not Found"), body)

            def log_message(self, format: str, *args: object) -> None:
                pass

            def _send(self, answer: Scripted, body: Body) -> None:
                if answer.silence:
                    server._closing.wait(answer.silence)
                if answer.drops:
                    self.close_connection = True
                    return
                try:
                    self._send_answer(answer, body)
                except OSError:
                    pass  # who asked has hung up
                self.close_connection = self.close_connection or answer.hangs_up

            def _send_answer(self, answer: Scripted, body: Body) -> None:
                is_stream = bool(body.get("stream")) and answer.body is None and not answer.ignores_stream
                self.send_response(answer.status)
                kind = "text/event-stream" if is_stream else "application/json"
                for name, value in {"Content-Type": kind, "Transfer-Encoding": "chunked", **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for _ in range(answer.comments if is_stream else 0):
                    self._send_chunk(b": processing\n\n")
                pieces = _pieces(answer, body) if is_stream else [_whole(answer, body)]
                for number, piece in enumerate(pieces):
                    if number == answer.stalls_after:
                        server._closing.wait()
                    if number == answer.cut_after:
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    self._send_chunk(piece.encode())
                self.wfile.write(b"0\r\n\r\n")

            def _send_chunk(self, data: bytes) -> None:
                if data:  # an empty chunk would be the end
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                    self.wfile.flush()

        return Handler


def _choices(answer: Scripted, body: Body) -> list[str]:
    n = 1 if answer.ignores_n else body.get("n", 1)
    return [answer.texts[min(i, len(answer.texts) - 1)] for i in range(n)]


def _usage(answer: Scripted, body: Body) -> dict[str, Any] | None:
    if answer.usage is None:
        return None
    prompt = sum(count_tokens(str(message["content"])) for message in body.get("messages", ()))
    completion = sum(count_tokens(text) for text in _choices(answer, body))
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**counts, **answer.usage}


def _whole(answer: Scripted, body: Body) -> str:
    if answer.body is not None:
        return answer.body
    called = {"tool_calls": list(answer.calls)} if answer.calls else {}
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text, **called}, "finish_reason": answer.finish}
        for i, text in enumerate(_choices(answer, body))
    ]
    return json.dumps({"object": "chat.completion", "choices": choices, "usage": _usage(answer, body)})


def _call_parts(calls: Sequence[Body]) -> list[Body]:
    """The calls as a stream has them: the arguments in halves, where they are a text."""
    parts: list[Body] = []
    for index, whole in enumerate(calls):
        function = whole.get("function")
        said = function.get("arguments") if isinstance(function, dict) else None
        if not isinstance(said, str) or not isinstance(function, dict):
            parts.append({"index": index, **whole})
            continue
        half = len(said) // 2
        parts.append({"index": index, **whole, "function": {**function, "arguments": said[:half]}})
        parts.append({"index": index, "function": {"arguments": said[half:]}})
    return parts


def _pieces(answer: Scripted, body: Body) -> list[str]:
    """Server-sent events: the texts in halves, the completions in turns."""
    texts = _choices(answer, body)
    deltas: list[tuple[int, Body, str | None]] = []
    deltas += [(i, {"role": "assistant", "content": ""}, None) for i in range(len(texts))]
    if answer.reasoning:
        deltas += [(i, {"reasoning_content": answer.reasoning}, None) for i in range(len(texts))]
    deltas += [(i, {"content": text[: len(text) // 2]}, None) for i, text in enumerate(texts)]
    deltas += [(i, {"content": text[len(text) // 2 :]}, None) for i, text in enumerate(texts)]
    deltas += [(i, {"tool_calls": [part]}, None) for i in range(len(texts)) for part in _call_parts(answer.calls)]
    deltas += [(i, {}, answer.finish) for i in range(len(texts))]
    chunks: list[dict[str, Any]] = [
        {"object": "chat.completion.chunk", "choices": [{"index": i, "delta": delta, "finish_reason": finish}]}
        for i, delta, finish in deltas
    ]
    usage = _usage(answer, body)
    if usage and (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({"object": "chat.completion.chunk", "choices": [], "usage": usage})
    return [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + (["data: [DONE]\n\n"] if answer.says_done else [])
