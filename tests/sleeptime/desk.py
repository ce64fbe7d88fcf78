"""The desk that sleep works at, on a real repository and a real memory home, and a pass that thinks what it is told."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.sandbox import Sandbox
from agent.scripted import ScriptedProposer
from agent.workspace import Repository
from memory.config import MemoryConfig
from memory.experiences import ExperienceLog, new_id
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Note, NoteKind, Origin
from sleeptime.records import Item, SleepRun, item_key
from sleeptime.sleep_pass import sleep
from sleeptime.study import Findings, Pass, Study
from sleeptime.study_cache import StudyCache
from sleeptime.work_queue import WorkQueue


@contextmanager
def open_desk(
    repo: Path, *, test_command: str | None = None, stop: Callable[[], bool] = lambda: False, budget: int = 0
) -> Iterator[Study]:
    repository = Repository.open(repo)
    home = MemoryHome.for_repository(repository.common_dir)
    with ExitStack() as stack:
        yield Study(
            repository=repository,
            home=home,
            notes=stack.enter_context(NoteStore.open(repo, MemoryConfig())),
            experiences=stack.enter_context(ExperienceLog(home.experiences)),
            cache=stack.enter_context(StudyCache(home)),
            sandbox=Sandbox("none"),
            proposer=ScriptedProposer([]),
            model=None,
            snapshot=repository.snapshot(),
            test_command=test_command,
            run=new_id(),
            budget=budget,
            stop=stop,
        )


def sleep_once(study: Study, *passes: Pass) -> SleepRun:
    with WorkQueue(study.home) as queue:
        return sleep(study, passes, queue, SleepRun(id=study.run, budget=study.budget))


def git(repo: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(repo: Path, path: str, text: str) -> None:
    (repo / path).parent.mkdir(parents=True, exist_ok=True)
    (repo / path).write_text(text)
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message", f"change {path}")


def item(about: str = "calc.py", *words: str, use: float = 0.5, tokens: int = 0, pass_name: str = "scripted") -> Item:
    key = item_key(pass_name, 1, [about, *words])
    return Item(pass_name=pass_name, key=key, about=about, expected_use=use, estimated_tokens=tokens)


def draft(study: Study, text: str, path: str = "calc.py", origin: Origin = "observed", kind: NoteKind = "fact") -> Note:
    return Note(id="", text=text, kind=kind, origin=origin, anchors=(study.anchor(path),))


class Thinker:
    """Offers items, and thinks about each what the function says; remembers what it was asked."""

    def __init__(
        self, items: Sequence[Item] | Callable[[Study], Sequence[Item]], think: Callable[[Item, Study], Findings]
    ) -> None:
        self.name = "scripted"
        self._items = items
        self._think = think
        self.asked: list[str] = []

    def items(self, study: Study) -> Sequence[Item]:
        return self._items(study) if callable(self._items) else self._items

    def work(self, item: Item, study: Study) -> Findings:
        self.asked.append(item.about)
        return self._think(item, study)
