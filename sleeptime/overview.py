"""What can be seen of a snapshot without a model: its symbols, its history, and which files will be asked about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.checks import is_test_file
from agent.errors import RepositoryError
from agent.repo_map import mentions
from agent.symbol_cache import SymbolCache
from agent.symbol_rank import Ranking, SymbolGraph
from agent.symbol_table import SymbolTable, symbols_of
from agent.workspace import Repository
from memory.experiences import ExperienceLog
from memory.home import MemoryHome
from memory.note_log import NoteLog
from memory.records import Experience
from sleeptime.expected_use import Signs, file_use
from sleeptime.history import History, read_history
from sleeptime.study_cache import StudyCache, TestReport

_QUESTIONS = 50
_INJECTIONS = 200
_TOGETHER = 5  # notes that a question recalls at most
_FADES = 0.9  # what a question says less than the one after it
_TRUNKS = ("origin/HEAD", "main", "master", "origin/main", "origin/master", "trunk", "develop")


@dataclass(frozen=True)
class Overview:
    """One snapshot, seen as a whole."""

    table: SymbolTable
    history: History
    signs: Signs
    knows_tests: bool
    """Whether the tests had been run on this tree."""

    @cached_property
    def graph(self) -> SymbolGraph:
        return SymbolGraph(self.table)

    @cached_property
    def ranking(self) -> Ranking:
        """Of no task in particular."""
        return self.graph.rank({}, {})

    @cached_property
    def tests(self) -> frozenset[str]:
        """The source files that are tests."""
        return frozenset(filter(is_test_file, self.table.paths))

    @cached_property
    def use(self) -> dict[str, float]:
        """For each source file that is no test, the chance that the next question is about it."""
        sources = [path for path in self.table.paths if path not in self.tests]
        central = dict(zip(self.table.paths, self.ranking.files.tolist(), strict=True))
        signs = Signs(
            failing=self.signs.failing,
            branch=self.signs.branch,
            asked=self.signs.asked,
            churn=self.history.churn,
            central=central,
        )
        return file_use(signs, sources)


def look_over(
    repository: Repository,
    home: MemoryHome,
    cache: StudyCache,
    experiences: ExperienceLog,
    snapshot: str,
    report: TestReport | None,
    recalled: Mapping[str, float],
    go_on: Callable[[], None],
) -> Overview:
    """The overview of a snapshot; `report` is of the tests on it, None where they were not run.

    `recalled` says by path how often notes on it were asked for, whether they are still true or not.
    `go_on` raises where there is no time left; what was parsed until then is kept. RepositoryError, StoreError.
    """
    with SymbolCache(home.symbols) as symbols:
        table = symbols_of(repository, snapshot, symbols, go_on=go_on)
    history = read_history(repository, cache, go_on)
    signs = Signs(
        failing=_failing(report),
        branch=dict.fromkeys(_open_work(repository, snapshot), 1.0),
        asked=_sum(_asked(experiences.latest(_QUESTIONS), table.paths), recalled),
    )
    return Overview(table, history, signs, report is not None)


def recalled_paths(log: NoteLog) -> dict[str, float]:
    """By path, how often the memory was lately asked for notes that stand on it, stale ones included."""
    injections = log.injections()[-_INJECTIONS:]
    notes = {note.id: note for note in log.notes([injection.note for injection in injections])}
    weights: dict[str, float] = {}
    for age, injection in enumerate(reversed(injections)):
        for anchor in notes[injection.note].anchors[:1] if injection.note in notes else ():
            weights[anchor.path] = weights.get(anchor.path, 0.0) + _FADES ** (age / _TOGETHER)
    return weights


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {path: one.get(path, 0.0) + other.get(path, 0.0) for path in {**one, **other}}


def _failing(report: TestReport | None) -> dict[str, float]:
    weights: dict[str, float] = {}
    for suspect in report.suspects if report else ():
        weights[suspect.path] = max(weights.get(suspect.path, 0.0), suspect.score)
    return weights


def _open_work(repository: Repository, snapshot: str) -> list[str]:
    """The paths that differ from where this branch left the trunk, or on the trunk from HEAD."""
    base = _branched_off(repository)
    if base is None:
        return []
    listed = repository.git("diff-tree", "-r", "--name-only", "--no-renames", "-z", base, snapshot)
    return [path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0") if path]


def _branched_off(repository: Repository) -> str | None:
    """The last commit that HEAD shares with the trunk, wherever that is; HEAD itself where there is none."""
    head = repository.head
    if head is None:
        return None
    refs = repository.git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").decode().split("\n")
    trunk = next((ref for name in _TRUNKS for ref in (f"refs/heads/{name}", f"refs/remotes/{name}") if ref in refs), "")
    try:
        return repository.git("merge-base", "HEAD", trunk).decode().strip() if trunk else head
    except RepositoryError:  # they have nothing in common
        return head


def _asked(experiences: Sequence[Experience], paths: Sequence[str]) -> dict[str, float]:
    """What earlier tasks named, and what their patches changed; later ones say more."""
    weights: dict[str, float] = {}
    there = set(paths)
    for age, experience in enumerate(experiences):
        _, named = mentions(experience.task.request, paths)
        changed = {line[6:].strip() for line in experience.patch.splitlines() if line.startswith("+++ b/")}
        for path, weight in {**named, **dict.fromkeys(changed & there, 1.0)}.items():
            weights[path] = weights.get(path, 0.0) + weight * _FADES**age
    return weights
