"""A progress that nobody watches, for runs of the agent inside an evaluation."""

from agent.state import Stage


class Silence:
    """Implements `agent.state.Progress`."""

    def step(self, stage: Stage, done: int, total: int) -> None:
        pass

    def notice(self, text: str) -> None:
        pass
