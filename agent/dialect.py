"""How an endpoint differs from OpenAI's chat API: learnt from its refusals, kept to in every later request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent.endpoint import Failure

_WORDS = (
    r"unsupported|not support|unknown|unrecogni[sz]ed|invalid|unexpected|extra|not (?:permitted|allowed)|must be|only"
    r"|requires?\b|cannot use|can't use|no endpoints? found"
)
_REFUSALS = {
    "n": r"[`'\"]n[`'\"]|\bn\s*(?:must|[:=>]|is not)|only one (?:completion )?choice|multiple (?:choices|completions)",
    "max_completion_tokens": r"\bmax_completion_tokens\b",
    "max_tokens": r"\bmax_tokens\b",
    "temperature": r"\btemperature\b",
    "seed": r"\bseed\b",
    "stop": r"[`'\"]stop[`'\"]",
    "stream_options": r"\bstream_options\b",
    "stream": r"\bstream(?:ing)?\b",
    "tools": r"\btools?\b|\btool[ _]?(?:calls?|calling|choice|use)\b|\bfunction[ _]?call",
    "system": (
        r"system (?:role|message|prompt|instruction)|[`'\"]system[`'\"]|developer instruction|roles must alternate"
    ),
}


class Dialect:
    """The parameters that an endpoint does not take. Safe to share between threads: it only ever grows."""

    def __init__(self) -> None:
        self._refused: frozenset[str] = frozenset()

    @property
    def has_n(self) -> bool:
        """Whether several answers may be asked for at once."""
        return "n" not in self._refused

    @property
    def has_tools(self) -> bool:
        """Whether tools may be offered."""
        return "tools" not in self._refused

    def refuse(self, *names: str) -> None:
        """Leave these parameters out from now on."""
        self._refused |= {*names}

    def learn(self, body: Mapping[str, Any], failure: Failure) -> bool:
        """Whether a refusal names something in the body that can be left out, so that asking again makes sense."""
        said = failure.said
        if failure.context is not None or not re.search(_WORDS, said, re.IGNORECASE):
            return False
        if failure.status not in (400, 404, 405, 422, 500, 501):
            return False
        present = {*self.fit(body)} | ({"system"} if self._has_system(body) else set())
        if any(message["role"] == "tool" for message in body["messages"]):
            present -= {"tools"}  # it has taken them before: the refusal is about something else
        named = {name for name in _REFUSALS if name in present and re.search(_REFUSALS[name], said, re.IGNORECASE)}
        if failure.status == 500:
            named &= {"n", "system", "tools"}  # what chat templates and old servers trip over; the rest may pass
        if {"stream", "tools"} <= named:
            named = {"stream"}  # old servers have tools, but not in a stream
        if "max_tokens" in named:
            named = {"max_tokens"}  # the refusal names what to write in its place
        self.refuse(*named)
        return bool(named)

    def fit(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body as the endpoint takes it."""
        fitted = dict(body)
        if "max_tokens" in self._refused:
            fitted["max_completion_tokens"] = fitted["max_tokens"]
        if "system" in self._refused:
            fitted["messages"] = _without_system(fitted["messages"])
        if fitted.get("n") == 1:
            del fitted["n"]
        if "stream" in self._refused:
            fitted.pop("stream_options", None)
        return {name: value for name, value in fitted.items() if name not in self._refused}

    def _has_system(self, body: Mapping[str, Any]) -> bool:
        return "system" not in self._refused and any(message["role"] == "system" for message in body["messages"])


def _without_system(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The system's words at the head of the first turn of the user."""
    rules = [message["content"] for message in messages if message["role"] == "system"]
    first, *rest = [message for message in messages if message["role"] != "system"]
    return [{**first, "content": "\n\n".join([*rules, first["content"]])}, *rest]
