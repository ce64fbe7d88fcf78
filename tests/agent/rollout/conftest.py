"""A real worktree of the small repository, with its tools, and candidates that ask a scripted endpoint."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.chat import Live
from agent.deadline import Deadline
from agent.listening import Patience
from agent.localise import Localisation
from agent.openai_model import OpenAIModel
from agent.permissions import Permissions
from agent.rollout.proposer import RolloutProposer
from agent.rollout.toolbox import Toolbox, Workplace
from agent.sandbox import Sandbox
from agent.scripted_server import Body, Scripted, ScriptedServer
from agent.state import OutOfTime, Proposal
from agent.workspace import Repository
from memory.records import Task
from memory.runs import Step, StepLog, read_steps

HASTY = Patience(connect=30, first_token=30, stall=30, retries=0, backoff=0.01)


@dataclass
class Logs:
    """Keeps the steps in a folder."""

    folder: Path

    def candidate(self, index: int) -> StepLog:
        return StepLog(self.folder / f"candidate-{index}.jsonl")

    def steps(self, index: int = 0) -> list[Step]:
        return read_steps(self.folder / f"candidate-{index}.jsonl")


@dataclass
class Desk:
    """What candidates need, and how to let them work."""

    place: Workplace
    snapshot: str
    logs: Logs
    notices: list[str] = field(default_factory=list)
    requests: list[Body] = field(default_factory=list)

    @property
    def task(self) -> Task:
        return Task(request="add is wrong", repo="", base_commit=None, snapshot=self.snapshot, test_command="true")

    def work(
        self,
        script: Sequence[Scripted] | Callable[[Body], Scripted],
        *,
        n: int = 1,
        context: int | None = None,
        needs_tools: bool = False,
        progress: Callable[[int], None] = lambda done: None,
        live: Callable[[Live], None] = lambda live: None,
    ) -> list[Proposal]:
        """The proposals that come of a script."""
        with ScriptedServer(script) as server, OpenAIModel("scripted", server.url, patience=HASTY) as model:
            self.requests = server.requests
            proposer = RolloutProposer(
                model,
                self.place,
                self.logs,
                context=context,
                needs_tools=needs_tools,
                notice=self.notices.append,
                live=live,
            )
            root = self.place.repository.root
            return proposer.propose(self.task, root, Localisation(None, (), ()), n, 0, progress)

    def results(self, index: int = 0) -> list[Step]:
        return [step for step in self.logs.steps(index) if step.kind in ("result", "note")]

    def content(self, proposal: Proposal, path: str) -> str:
        found = self.place.repository.git("cat-file", "blob", f"{proposal.tree}:{path}")
        return found.decode()


@pytest.fixture
def desk(repo: Path, tmp_path: Path) -> Desk:
    repository = Repository.open(repo)
    permissions = Permissions(is_sandboxed=False, allows_all=True)
    place = Workplace(repository, tmp_path / "worktrees", Sandbox("none"), permissions, Deadline())
    return Desk(place, repository.snapshot(), Logs(tmp_path / "logs"))


@pytest.fixture
def worktree(desk: Desk) -> Iterator[Path]:
    with desk.place.repository.worktree(desk.snapshot, desk.place.worktrees) as path:
        yield path


@pytest.fixture
def tools(desk: Desk, worktree: Path) -> Toolbox:
    return Toolbox(desk.place, worktree, desk.task)


def out_of_time(done: int) -> None:
    raise OutOfTime
