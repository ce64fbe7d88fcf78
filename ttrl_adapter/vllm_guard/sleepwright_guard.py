"""Loaded by vLLM as `--middleware`: no request without the key but for `/health`.

vLLM's own check leaves routes out that load adapters and answer prompts (`/adapters`, `/invocations`), which everybody
on this machine could use. Runs in the environment of vLLM, where nothing of ours is installed.
"""

import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class KeyGuard:
    """An ASGI application around another one."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self._expected = b"Bearer " + os.environ["VLLM_API_KEY"].encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope.get("path") != "/health":
            given = dict(scope.get("headers", ())).get(b"authorization", b"")
            if not secrets.compare_digest(given, self._expected):
                if scope["type"] == "http":
                    headers = [(b"content-type", b"application/json")]
                    await send({"type": "http.response.start", "status": 401, "headers": headers})
                    await send({"type": "http.response.body", "body": b'{"error": "Unauthorized"}'})
                else:
                    await send({"type": "websocket.close", "code": 1008})
                return
        await self.app(scope, receive, send)
