"""The desk that sleep works at: the repository at one snapshot, its memory, the models; and what a pass is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from agent.chat import Message, Reply, Watch
from agent.predictability import Predicted
from agent.sandbox import Sandbox
from agent.workspace import Blob, Repository
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from memory.note_store import NoteStore
from memory.records import Anchor, Note, Tokens
from sleeptime.expected_use import question_shares
from sleeptime.overview import Overview, look_over, recalled_paths
from sleeptime.records import Item, item_key
from sleeptime.study_cache import StudyCache, TestReport

if TYPE_CHECKING:
    from agent.state import Proposer


class ChatModel(Protocol):
    """A served model, as agent/openai_model.py has it."""

    @property
    def name(self) -> str: ...

    def sample(
        self,
        messages: Sequence[Message],
        *,
        n: int = 1,
        temperature: float = 1.0,
        seed: int | None = None,
        max_tokens: int = 4096,
        stop: Sequence[str] = (),
        tools: Sequence[Mapping[str, Any]] = (),
        watch: Watch = lambda live: True,
    ) -> list[Reply]:
        """n completions, fewer where `watch` said False or the run's budget is used up; ModelError where it fails."""

    def predictability(self, before: str, text: str, watch: Watch = lambda live: True) -> Predicted | None:
        """How likely the text is after `before`; None where the endpoint does not tell."""


class Stopped(Exception):
    """Raised by a pass that was asked to give way in the middle of an item; the item waits for the next sleep."""


@dataclass(frozen=True)
class Study:
    """What a pass works with, at one snapshot of the repository."""

    repository: Repository
    home: MemoryHome
    notes: NoteStore
    experiences: ExperienceLog
    cache: StudyCache
    sandbox: Sandbox
    proposer: "Proposer"
    """The embedded policy, or what asks the served model for patches."""
    model: ChatModel | None
    """None where only the embedded policy is there."""
    snapshot: str
    """A commit that holds the work tree as it is, dirty and untracked files included."""
    test_command: str | None
    run: str
    """Id of this sleep run."""
    budget: int
    """Tokens of the served model that this run may use in all; its client keeps to that by itself."""
    stop: Callable[[], bool]
    """Whether to give way; asked between small steps, at least ten times a second where work can be cut so small. What
    runs in the sandbox is ended by who asks to give way."""
    notice: Callable[[str], None] = lambda text: None
    """Is told what the user should know."""

    @cached_property
    def files(self) -> tuple[Blob, ...]:
        """The regular files of the snapshot, in git's order."""
        return tuple(self.repository.blobs(self.snapshot))

    @cached_property
    def blobs(self) -> dict[str, str]:
        """Blob ids by path."""
        return {blob.path: blob.id for blob in self.files}

    @cached_property
    def committed(self) -> dict[str, str]:
        """Blob ids by path, of HEAD's tree."""
        return {blob.path: blob.id for blob in self.repository.blobs(self.head)} if self.head else {}

    @cached_property
    def head(self) -> str | None:
        """The commit that is checked out; None before the first."""
        return self.repository.head

    @cached_property
    def tests_key(self) -> str | None:
        """Equal for trees of the same content and the same test command; None where there is no command."""
        if self.test_command is None:
            return None
        files = (f"{blob.path}\0{blob.id}" for blob in self.files)
        return item_key("tests", 1, [self.test_command, *files])

    @property
    def test_report(self) -> TestReport | None:
        """What the tests showed on this very tree; None until they have been run on it."""
        return self.cache.test_report(self.tests_key) if self.tests_key else None

    @cached_property
    def overview(self) -> Overview:
        """Symbols, history, and which files will be asked about. Stopped where it is time to give way."""
        return look_over(
            self.repository,
            self.home,
            self.cache,
            self.experiences,
            self.snapshot,
            self.test_report,
            recalled_paths(self.notes.log),
            self.go_on,
        )

    def anchor(self, path: str, symbol: str | None = None, lines: tuple[int, int] | None = None) -> Anchor:
        """A file of the snapshot as evidence; KeyError where there is none."""
        return Anchor(path=path, blob=self.blobs[path], symbol=symbol, lines=lines)

    def expected(self, questions: Sequence[Note]) -> list[tuple[Note, float]]:
        """Each with the chance that it is the next one, if one of them is."""
        return list(zip(questions, question_shares([note.predictability for note in questions]), strict=True))

    def go_on(self) -> None:
        """Stopped where it is time to give way."""
        if self.stop():
            raise Stopped

    def has_moved(self) -> bool:
        """Whether the tree is another one by now."""
        return self.repository.snapshot() != self.snapshot

    def anew(self) -> "Study":
        """The same desk with the tree as it is now, and what the tests showed; itself where nothing has changed."""
        snapshot = self.repository.snapshot()
        seen: Overview | None = self.__dict__.get("overview")
        is_outdated = seen is not None and not seen.knows_tests and self.test_report is not None
        return replace(self, snapshot=snapshot) if is_outdated or snapshot != self.snapshot else self


@dataclass(frozen=True)
class Findings:
    """What came of an item."""

    notes: tuple[Note, ...] = ()
    """To be added. Ids, run and commit are given by who stores them: make them with `id=""`."""
    edits: tuple[Note, ...] = ()
    """New texts or anchors of notes that are there, each with the revision that was read. Refused where the new text
    loses what the old one knew."""
    forget: tuple[str, ...] = ()
    """Ids of notes to leave tombstones for; those that are gone already do not matter, the user's own are refused."""
    tokens: Tokens = Tokens()
    """Of a model, failed requests included."""
    dropped: tuple[str, ...] = ()
    """What was not good enough to be stored, a reason each."""


class Pass(Protocol):
    """One kind of thinking. May keep what `items` found out for `work`, which is called after it with that study."""

    @property
    def name(self) -> str: ...

    def items(self, study: Study) -> Iterable[Item]:
        """Everything that this pass would think about in this snapshot, finished or not; cheap, no model is asked."""

    def work(self, item: Item, study: Study) -> Findings:
        """Think about one. Stopped where it is cut; UserError where it fails, which is noted and tried again later."""
