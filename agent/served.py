"""Opens the model at an endpoint, from an address, a name, and the key in the environment, and the proposer for it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from agent.chat import Live
from agent.endpoint import Served
from agent.errors import ConfigError
from agent.limits import Limits
from agent.openai_model import OpenAIModel
from agent.rollout.proposer import RolloutOrSingle, RolloutProposer, StepLogs
from agent.rollout.toolbox import Workplace
from agent.single import SingleProposer
from agent.state import Proposer

OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class ServedModel:
    """A model at an endpoint that has answered."""

    model: OpenAIModel
    context: int | None
    """Tokens that it takes; None where the endpoint does not tell."""

    def proposer(
        self,
        strategy: Literal["auto", "single", "rollout"],
        workplace: Workplace,
        logs: StepLogs,
        notice: Callable[[str], None],
        live: Callable[[Live], None],
    ) -> Proposer:
        """What asks it: `auto` by rollouts where it takes tools, else for edits."""
        single = SingleProposer(self.model, context=self.context, notice=notice, live=live)
        if strategy == "single":
            return single
        rollout = RolloutProposer(
            self.model,
            workplace,
            logs,
            context=self.context,
            needs_tools=strategy == "auto",
            notice=notice,
            live=live,
        )
        return rollout if strategy == "rollout" else RolloutOrSingle(rollout, single, notice)


@contextmanager
def open_served(
    name: str | None, url: str | None, notice: Callable[[str], None], limits: Limits | None = None
) -> Iterator[ServedModel]:
    """The model `name` at `url`; the endpoint has answered when this returns.

    Without a name the endpoint's only model, without an address OpenAI's. Raises ModelError where the endpoint is
    dead or refuses us, ConfigError where name or address are missing or wrong.
    """
    with _model(name, url, notice, limits) as model:
        found = model.check()
        model.name = name or _only(found, model.url)
        context = found.context if name else model.check().context
        yield ServedModel(model, context)


def describe_endpoint(name: str | None, url: str | None) -> str:
    """What the endpoint says, for people; raises as `open_served` does."""
    with _model(name, url, lambda text: None) as model:
        models = model.check().models
    if name and models and name not in models:
        return f"{model.url} answers; {name!r} is not among its models: {_listed(models)}"
    return f"{model.url} answers, models: {_listed(models) if models else 'it does not say'}"


def _model(
    name: str | None, url: str | None, notice: Callable[[str], None], limits: Limits | None = None
) -> OpenAIModel:
    key = (os.environ.get("SLEEPWRIGHT_API_KEY") or os.environ.get("OPENAI_API_KEY") or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("The key in the environment holds characters that no key has.")
    # Who has named another address for the key does not want it sent to OpenAI.
    address = url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    return OpenAIModel(name or "", address, key, limits=limits, warn=notice)


def _only(found: Served, url: str) -> str:
    if len(found.models) == 1:
        return found.models[0]
    listed = f"it has {_listed(found.models)}" if found.models else "it does not say what it has"
    raise ConfigError(f"Which model of {url}? Name it with --model; {listed}.")


def _listed(models: tuple[str, ...]) -> str:
    more = f" and {len(models) - 10} more" if len(models) > 10 else ""
    return ", ".join(models[:10]) + more
