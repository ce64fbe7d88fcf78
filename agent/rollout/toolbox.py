"""The seven tools of one candidate at work in its worktree. Every call ends in an observation, whatever is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Protocol

from agent.briefing import RULES
from agent.checks import touches_tests
from agent.deadline import Deadline
from agent.errors import EditRefused
from agent.permissions import Permissions
from agent.rollout import files
from agent.rollout.observation import Observation, shortened
from agent.rollout.search import search
from agent.sandbox import Sandbox
from agent.shell_commands import Unclear, simple_commands
from agent.templates import fenced
from agent.tool_calls import Argument, Call
from agent.workspace import Repository
from memory.note_store import NoteStore
from memory.records import Task

COMMAND_SECONDS = 60.0
MOST_COMMAND_SECONDS = 600.0

_LONGEST_RULES = 8_000  # characters of a nested AGENTS.md

_READ_ONLY = frozenset(
    "[ basename cat cd cmp comm cut diff dirname du echo egrep false fgrep file grep head ls nl od printf pwd readlink"
    " realpath rg sha256sum stat tail test tr tree true type uname wc which".split()
)
"""Commands that write nothing but what the shell redirects."""
_READ_ONLY_GIT = frozenset("blame cat-file describe diff grep log ls-files ls-tree rev-parse show status".split())


class Recollection(Protocol):
    """What is remembered about the repository."""

    def recall(self, query: str) -> Sequence[str]:
        """Texts that bear on the query, the best first; empty where nothing does."""


class NothingRemembered:
    """A `Recollection` where there are no notes."""

    def recall(self, query: str) -> Sequence[str]:
        return ()


class Remembered:
    """A `Recollection` from the notes of a repository. Safe between threads."""

    def __init__(self, notes: NoteStore) -> None:
        self._notes = notes
        self._lock = Lock()

    def recall(self, query: str) -> Sequence[str]:
        with self._lock:
            return [note.text for note in self._notes.recall(query).notes]


@dataclass(frozen=True)
class Workplace:
    """What the candidates of one run share. Safe between threads."""

    repository: Repository
    worktrees: Path
    """The folder for throw-away worktrees."""
    sandbox: Sandbox
    permissions: Permissions
    deadline: Deadline
    notes: Recollection = field(default_factory=NothingRemembered)


class Toolbox:
    """Executes the calls of one candidate."""

    def __init__(self, workplace: Workplace, worktree: Path, task: Task, rules_shown: Sequence[str] = ()) -> None:
        """`rules_shown` are the AGENTS.md that the model knows already."""
        self._workplace = workplace
        self._worktree = worktree
        self._task = task
        self._rules_shown = {*rules_shown}
        self._was_warned = False
        self._tools: Mapping[str, Callable[..., Observation]] = {
            "bash": self._bash,
            "read": lambda path, **lines: files.read(worktree, path, **lines),
            "search": lambda pattern, path="", glob="": search(worktree, pattern, path, glob),
            "edit": lambda path, old, new: files.edit(worktree, path, old, new),
            "write": lambda path, content: files.write(worktree, path, content),
            "recall": self._recall,
            "submit": self._submit,
        }

    def use(self, call: Call) -> Observation:
        """What comes of a call; `submit` without failure ends the work."""
        if call.problem:
            return Observation(call.problem, failed=True)
        try:
            observation = self._tools[call.name](**call.arguments)
        except EditRefused as refusal:
            observation = Observation(f"Refused, nothing was done: {refusal}.", failed=True)
        except OSError as error:
            observation = Observation(f"It failed: {error.strerror or error}.", failed=True)
        rules = "".join(self.rules_on_the_way(call.arguments))
        return observation._replace(text=shortened(observation.text) + rules)

    def rules_on_the_way(self, arguments: Mapping[str, Argument]) -> list[str]:
        """The AGENTS.md of the folders above a path that have not been shown yet, quoted; they are known from now."""
        path = arguments.get("path")
        name = files.within(self._worktree, path) if isinstance(path, str) else ""
        parts = name.split("/")
        found = []
        for depth in range(1, len(parts)):
            rules = "/".join([*parts[:depth], RULES])
            try:
                if rules in self._rules_shown or not (self._worktree / rules).is_file():
                    continue
                self._rules_shown.add(rules)
                text = files.locate_any(self._worktree, rules).read_text("utf-8", "replace")
            except (EditRefused, OSError):
                continue
            quoted = fenced(shortened(text.strip("\n"), _LONGEST_RULES))
            found.append(f"\n\n{rules}, the repository's conventions for this folder:\n{quoted}")
        return found

    def _bash(self, command: str, timeout: float = COMMAND_SECONDS) -> Observation:
        place = self._workplace
        if problem := place.permissions.problem(command):
            return Observation(problem, failed=True)
        if not self._worktree.is_dir():
            return Observation("The repository's folder is gone: nothing can run in it.", failed=True)
        run = place.sandbox.run(
            command,
            self._worktree,
            timeout=max(0.1, min(timeout, MOST_COMMAND_SECONDS, place.deadline.left())),
            readable=[*place.repository.inputs, *place.repository.history(self._worktree)],
        )
        ended = f" (ended after {run.seconds:.0f} s)" if run.timed_out else ""
        output = run.output.strip("\n")
        return Observation(
            f"exit code {run.exit_code}{ended}\n{output or '(no output)'}",
            may_have_written=not is_read_only(command),
        )

    def _recall(self, query: str) -> Observation:
        found = self._workplace.notes.recall(query)
        if not found:
            return Observation("Nothing is remembered about this.")
        return Observation("Remembered from earlier work here; check it before you rely on it:\n" + "\n\n".join(found))

    def _submit(self, summary: str) -> Observation:
        """The end, but once for each submission that would be worth nothing it is said so."""
        repository, snapshot = self._workplace.repository, self._task.snapshot
        changed = repository.changed_paths(self._worktree, snapshot)
        tests = touches_tests(changed, lambda path: repository.read(snapshot, path), self._task.test_command)
        problem = ""
        if not changed:
            problem = "No file has changed. If that is what you want, submit again."
        elif tests:
            problem = (
                f"Tests that were there before have changed: {', '.join(tests[:10])}. They are what the work is"
                " measured by: put them back as they were, with tests of your own in new files, then submit again."
            )
        if problem and not self._was_warned:
            self._was_warned = True
            return Observation(problem, failed=True)
        return Observation(f"Submitted. Files changed: {', '.join(changed[:50]) or 'none'}.")


def is_read_only(command: str) -> bool:
    """Whether it is certain that a command line writes no file."""
    try:
        commands = simple_commands(command)
    except Unclear:
        return False
    return all(not found.writes and _only_reads([word.text for word in found.words]) for found in commands)


def _only_reads(words: Sequence[str]) -> bool:
    name, arguments = words[0], words[1:]
    if name == "git":
        return bool(arguments) and arguments[0] in _READ_ONLY_GIT and not any(w.startswith("--output") for w in words)
    if name == "find":
        return not any(w.startswith(("-delete", "-exec", "-ok", "-fprint", "-fls")) for w in arguments)
    return name in _READ_ONLY and not (name == "tree" and "-o" in arguments)
