"""A server that answers as vLLM does about adapters, and fails as it is told: what a real one cannot be made to do."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """An answer in the place of the right one."""

    status: int
    body: Any
    seconds: float = 0.0


@dataclass
class FailingServer:
    """What it has loaded, what it was asked, and how it fails: a path's last part to an answer."""

    url: str = ""
    root: str = ""
    """What the base model was loaded from."""
    loaded: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failures: dict[str, Answer] = field(default_factory=dict)
    say: Callable[[list[int], int], list[list[int]]] | None = None
    """So many answers to a prompt, all as tokens."""

    def answer(self, path: str, body: dict[str, Any]) -> Answer:
        self.asked.append(f"{path} {body.get('lora_name') or body.get('model') or ''}".strip())
        if path in self.failures:
            return self.failures[path]
        match path:
            case "models":
                cards = [{"id": name, "root": root, "parent": "base"} for name, root in self.loaded.items()]
                return Answer(200, {"data": [{"id": "base", "parent": None, "root": self.root}, *cards]})
            case "load_lora_adapter":
                self.loaded[body["lora_name"]] = body["lora_path"]
            case "unload_lora_adapter":
                if self.loaded.pop(body["lora_name"], None) is None:
                    return Answer(404, {"error": {"message": "The lora adapter cannot be found."}})
            case "completions" if self.say and isinstance(body["prompt"], list):
                said = self.say(body["prompt"], body["n"])
                choices = [{"token_ids": ids, "logprobs": {"token_logprobs": [-1.0] * len(ids)}} for ids in said]
                return Answer(200, {"model": body["model"], "choices": choices})
            case "completions":
                probed = {"tokens": ["a", "b"], "token_logprobs": [-0.5, -0.25]}
                return Answer(200, {"model": body["model"], "choices": [{"logprobs": probed}]})
        return Answer(200, "done")


@contextmanager
def failing_server(port: int = 0) -> Iterator[FailingServer]:
    state = FailingServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond({})

        def do_POST(self) -> None:
            self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def respond(self, body: dict[str, Any]) -> None:
            found = state.answer(self.path.rsplit("/", 1)[-1], body)
            time.sleep(found.seconds)
            content = found.body.encode() if isinstance(found.body, str) else json.dumps(found.body).encode()
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked has not waited
                self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()
