"""Opens the model at an endpoint, from an address, a name, and the key in the environment, and the proposer for it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
from memory.adapters import Stored, hold_active
from memory.errors import StoreError
from memory.home import MemoryHome
from memory.serving import read_serving

OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class ServedModel:
    """A model at an endpoint that has answered."""

    model: OpenAIModel
    context: int | None
    """Tokens that it takes; None where the endpoint does not tell."""
    adapter: str | None = None
    """The id of the adapter of ours that it is."""

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
    name: str | None,
    url: str | None,
    notice: Callable[[str], None],
    limits: Limits | None = None,
    home: MemoryHome | None = None,
) -> Iterator[ServedModel]:
    """The model `name` at `url`; the endpoint has answered when this returns.

    Without a name the adapter that is active in `home`, where the endpoint has it, else its only model; without an
    address OpenAI's. Raises ModelError where the endpoint is dead or refuses us, ConfigError where name or address
    are missing or wrong.
    """
    with _active(home, notice) as adapters, _model(name, url, notice, limits, home) as model:
        found = model.check()
        served = next((adapter for adapter in adapters if adapter in found.models), None)
        model.name = name or served or _only(found, model.url)
        context = found.context if name else model.check().context
        yield ServedModel(model, context, adapters.get(model.name))


@contextmanager
def _active(home: MemoryHome | None, notice: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """The names at a server of the adapters that are active, with their ids. While the block runs no swap unloads
    them: the answers of one run come from one model."""
    with ExitStack() as holding:
        found: list[Stored] = []
        try:
            found = holding.enter_context(hold_active(home)) if home else []
        except StoreError as error:
            notice(str(error))
        yield {stored.served_name: stored.record.id for stored in found}


def describe_endpoint(name: str | None, url: str | None) -> str:
    """What the endpoint says, for people; raises as `open_served` does."""
    with _model(name, url, lambda text: None) as model:
        models = model.check().models
    if name and models and name not in models:
        return f"{model.url} answers; {name!r} is not among its models: {_listed(models)}"
    return f"{model.url} answers, models: {_listed(models) if models else 'it does not say'}"


def _model(
    name: str | None,
    url: str | None,
    notice: Callable[[str], None],
    limits: Limits | None = None,
    home: MemoryHome | None = None,
) -> OpenAIModel:
    key = (os.environ.get("SLEEPWRIGHT_API_KEY") or os.environ.get("OPENAI_API_KEY") or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("The key in the environment holds characters that no key has.")
    # Who has named another address for the key does not want it sent to OpenAI.
    address = url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    if not key and home and (ours := read_serving(home)) and ours.url == address.rstrip("/"):
        key = ours.key  # `sleepwright serve` has made one up
    return OpenAIModel(name or "", address, key, limits=limits, warn=notice)


def _only(found: Served, url: str) -> str:
    bases = [model for model in found.models if model not in found.adapters]
    if len(bases) == 1:
        return bases[0]
    listed = f"it has {_listed(found.models)}" if found.models else "it does not say what it has"
    raise ConfigError(f"Which model of {url}? Name it with --model; {listed}.")


def _listed(models: tuple[str, ...]) -> str:
    more = f" and {len(models) - 10} more" if len(models) > 10 else ""
    return ", ".join(models[:10]) + more
