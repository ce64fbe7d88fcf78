"""What a large model is told about a task, within a budget of tokens: the code that matters, the tests, the rules.

Everything that comes from the repository or from a command is data: it is quoted, and the prompt says so.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from agent.answer import MARKER
from agent.chat import Message, count_tokens
from agent.checkout import Checkout
from agent.checks import is_test_file
from agent.localise import Localisation
from agent.mentions import function_of, readable
from agent.relevance import is_source
from agent.task_map import TaskMap
from agent.templates import render
from memory.records import Task

RULES = "AGENTS.md"
"""Instructions of a repository to agents."""
WHOLE_FILE = 1500
"""Tokens; a file up to this size is shown whole, and may be answered whole."""
LONGEST_LINE = 500
"""Characters of a line of prose or output that are shown."""
FEW_FILES = 40
"""A repository with no more than these is small, if half the budget holds all its code."""
AROUND = 25
"""Lines shown around a suspicious one in a larger file."""
_AHEAD = AROUND - 5  # where a definition begins, what follows says more than what is before it
_BEGINS = re.compile(
    r"\s*(?:(?:export|default|pub|public|private|static|async) )*(?:def|class|func|fn|function|impl)\b"
)
SHOWN_TESTS = 5
"""Failing tests of a file around which it is shown, where it is large."""
WHOLE = "whole file"
_SECRET = (".env", ".env.*", "*.pem", "*.key", "id_rsa*", ".netrc", ".npmrc", ".pypirc")
_DULL = (".*", "LICEN[CS]E*", "COPYING*", "NOTICE*", "*.lock")
_INDEX = ("__init__.py", "index.js", "index.ts", "mod.rs", "lib.rs")
_WORD = re.compile(r"[\w./-]*\w")


@dataclass(frozen=True)
class Excerpt:
    """A part of a file, or the whole of it."""

    path: str
    text: str
    where: str
    """WHOLE, or which lines."""
    first: int = 1
    """The number of its first line."""

    @property
    def lines(self) -> range:
        return range(self.first, self.first + self.text.count("\n") + 1)


@dataclass(frozen=True)
class Briefing:
    """The conversation to begin with, and what is needed to read its answer."""

    messages: tuple[Message, ...]
    files: tuple[str, ...]
    marker: int
    """Length of the markers in the answer."""


@dataclass(frozen=True)
class Orientation:
    """What someone should know who can look at the repository by himself."""

    tests: str
    """The failing tests' output; empty where they pass or there are none."""
    failing: tuple[str, ...]
    suspects: tuple[str, ...]
    """path:line, the most suspicious first."""
    rules: tuple[Excerpt, ...]
    files: str
    notes: str
    """What is remembered that bears on the task."""
    signatures: str
    """The repository's map; empty where it is small enough to be listed."""


MOST_SUSPECTS = 15


def orient(task: Task, checkout: Checkout, localisation: Localisation, budget: int, task_map: TaskMap) -> Orientation:
    """What is worth telling within about `budget` tokens."""
    is_small = _is_small(checkout, budget)
    localisation = localisation if is_small else _with_guesses(localisation, task_map)
    relevant = _relevant(task, checkout, localisation)
    tests = _tests(localisation, budget // 3)
    rules = _rules(checkout, relevant, budget // 3)
    told = (task.request, tests, *(rule.text for rule in rules), *localisation.notes)
    left = budget - sum(count_tokens(text) for text in told) - 500
    suspects = [suspect for suspect in localisation.suspects if suspect.path.isprintable()][:MOST_SUSPECTS]
    return Orientation(
        tests=tests,
        failing=tuple(localisation.failing[:20]),
        suspects=tuple(f"{suspect.path}:{suspect.line}" for suspect in suspects),
        rules=tuple(rules),
        notes="\n".join(localisation.notes),
        files=_listed(checkout, relevant, max(100, min(left // 2, 2_000))),
        signatures="" if is_small else task_map.text(left // 2),
    )


def brief(task: Task, checkout: Checkout, localisation: Localisation, budget: int, task_map: TaskMap) -> Briefing:
    """The first messages to the model, about `budget` tokens in all."""
    is_small = _is_small(checkout, budget)
    localisation = localisation if is_small else _with_guesses(localisation, task_map)
    relevant = _relevant(task, checkout, localisation)
    left = budget - count_tokens(task.request) - 600
    tests = _tests(localisation, left // 5)
    rules = _rules(checkout, relevant, left // 5)
    left -= sum(count_tokens(text) for text in (tests, *(rule.text for rule in rules), *localisation.notes))
    wanted = relevant + (_others(checkout, relevant) if is_small else [])
    excerpts = _excerpts(wanted, checkout, localisation, left * (4 if is_small else 3) // 5)
    left -= sum(count_tokens(excerpt.text) + 12 for excerpt in excerpts)
    shown: dict[str, set[int]] = {}
    for excerpt in excerpts:
        shown.setdefault(excerpt.path, set()).update(excerpt.lines)
    signatures = task_map.text(0 if is_small else left // 2, shown)
    left -= count_tokens(signatures)
    marker = _marker([signatures, *(excerpt.text for excerpt in excerpts)])
    user = render(
        "single",
        request=task.request,
        test_command=task.test_command,
        tests=tests,
        failing=localisation.failing[:20],
        excerpts=excerpts,
        signatures=signatures,
        rules=rules,
        notes="\n".join(localisation.notes),
        files=_listed(checkout, relevant, left),
        marker=marker,
    )
    system = render("single_system")
    return Briefing((Message("system", system), Message("user", user)), checkout.files, marker)


def _is_small(checkout: Checkout, budget: int) -> bool:
    """Whether the repository can be shown, so that nobody has to say where to look."""
    if len(checkout.files) > FEW_FILES:
        return False
    code = (checkout.read(path) or "" for path in checkout.files if is_source(path))
    return sum(map(count_tokens, code)) <= budget // 2


def _with_guesses(localisation: Localisation, task_map: TaskMap) -> Localisation:
    """With what the task may be about by its words, where no failing test says where to look."""
    fails = localisation.failing or (localisation.tests and not localisation.tests.passed)
    if fails and localisation.suspects:
        return localisation
    known = {(suspect.path, suspect.line) for suspect in localisation.suspects}
    guesses = [guess for guess in task_map.suspects if (guess.path, guess.line) not in known]
    both = sorted([*localisation.suspects, *guesses], key=lambda suspect: -suspect.score)
    return replace(localisation, suspects=tuple(both))


def _relevant(task: Task, checkout: Checkout, localisation: Localisation) -> list[str]:
    """Files worth showing, best first: the suspects', those that the task or the tests' output names, the tests'."""
    scores: dict[str, float] = {}
    for suspect in localisation.suspects:
        scores[suspect.path] = max(scores.get(suspect.path, 0.0), suspect.score)
    output = localisation.tests.output if localisation.tests and not localisation.tests.passed else ""
    for text, weight in ((task.request, 2.0), (output, 0.5)):
        for path in _named(text, checkout):
            scores[path] = scores.get(path, 0.0) + weight
    for path in {test.partition("::")[0] for test in localisation.failing} & set(checkout.files):
        scores[path] = scores.get(path, 0.0) + 0.1
    shown = (path for path in scores if path.isprintable() and not _is_called(path, _SECRET))
    # What the tests are is told after what they test.
    return sorted(shown, key=lambda path: (is_test_file(path) and scores[path] < 2, -scores[path], path))


def _others(checkout: Checkout, relevant: Sequence[str]) -> list[str]:
    """The other files of a small repository, without those that say nothing; code before tests before the rest."""
    others = {path for path in checkout.files if not _is_called(path, (RULES, *_SECRET, *_DULL))} - {*relevant}
    return sorted(others, key=lambda path: (not is_source(path), not is_test_file(path), path))


def _is_called(path: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns fits a file's name, or that of the folder at the top."""
    parts = (path.partition("/")[0], path.rpartition("/")[2])
    return any(fnmatch(part, pattern) for part in parts for pattern in patterns)


def _named(text: str, checkout: Checkout) -> list[str]:
    """Files that a text names: by path, by name where it is the only one, README.md as README; for one that is not
    there yet, the index of its folder."""
    words = {word.removeprefix("./") for word in _WORD.findall(readable(text)) if re.search(r"[./]|^[A-Z]+$", word)}
    by_name: dict[str, list[str]] = {}
    for path in checkout.files:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    by_stem = {path.rpartition(".")[0]: path for path in checkout.files}
    found = [path for path in checkout.files if path in words]
    for word in sorted(words):
        folder, _, name = word.rpartition("/")
        ends = [path for path in by_name.get(name, ()) if f"/{word}".endswith(f"/{path}") or path.endswith(f"/{word}")]
        if not ends and folder:
            ends = [
                path for index in _INDEX for path in by_name.get(index, ()) if f"/{path}".endswith(f"/{folder}/{index}")
            ]
        found += ends if len(ends) == 1 else ()
        found += [by_stem[word]] if word in by_stem else ()
    return list(dict.fromkeys(found))


def _tests(localisation: Localisation, budget: int) -> str:
    """The end of the failing tests' output, where runners say what went wrong."""
    if localisation.tests is None or localisation.tests.passed:
        return ""
    return _tail(localisation.tests.output.strip("\n"), budget)


def _rules(checkout: Checkout, relevant: Sequence[str], budget: int) -> list[Excerpt]:
    """The instructions of the repository: at its root, and in the folders above what is shown."""
    folders = dict.fromkeys(folder for path in relevant[:20] for folder in _above(path))
    found = []
    for path in dict.fromkeys([RULES, *(f"{folder}/{RULES}" for folder in folders)]):
        text = (checkout.read(path) or "").strip("\n")
        if text and budget > 50:
            text = _head(text, budget)
            budget -= count_tokens(text)
            found.append(Excerpt(path, text, WHOLE))
    return found


def _above(path: str) -> Iterable[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[: i + 1]) for i in range(len(parts)))


def _excerpts(relevant: Sequence[str], checkout: Checkout, localisation: Localisation, budget: int) -> list[Excerpt]:
    found: list[Excerpt] = []
    for path in relevant:
        text = checkout.read(path)
        if not text or budget < 50:
            continue
        if len(text) < 10 * WHOLE_FILE and count_tokens(text) <= min(WHOLE_FILE, budget):
            parts = [Excerpt(path, text, WHOLE)]
        else:
            lines = text.removesuffix("\n").split("\n")
            suspects = [suspect.line for suspect in localisation.suspects if suspect.path == path]
            middles = [line + _AHEAD * bool(_BEGINS.match(lines[line - 1])) for line in suspects if line <= len(lines)]
            middles += [line + _AHEAD for line in _tests_in(path, text, localisation.failing)]
            parts = _parts(path, lines, middles, budget if not found else budget // 2)
        budget -= sum(count_tokens(part.text) + 12 for part in parts)
        found += parts
    return found


def _tests_in(path: str, text: str, failing: Sequence[str]) -> Iterator[int]:
    """The lines of a file that name the functions of its failing tests, of each the first."""
    names = dict.fromkeys(function_of(test) for test in failing if test.partition("::")[0] == path)
    for name in [*names][:SHOWN_TESTS]:
        if match := re.search(rf"\b{re.escape(name)}\b", text):
            yield text.count("\n", 0, match.start()) + 1


def _parts(path: str, lines: Sequence[str], middles: Sequence[int], budget: int) -> list[Excerpt]:
    """Stretches around these lines, best first as far as the budget goes, in the file's order; else its beginning."""
    shown: set[int] = set()
    budget = budget if middles else min(budget, WHOLE_FILE)
    for middle in middles or range(1, len(lines) + 1, AROUND):
        around = set(range(max(0, middle - 1 - AROUND), min(len(lines), middle + AROUND))) - shown
        cost = count_tokens("\n".join(lines[i] for i in sorted(around)))
        if cost > budget:
            break
        budget -= cost
        shown |= around
    parts = []
    for first in sorted(i for i in shown if i - 1 not in shown):
        end = next(i for i in range(first, len(lines) + 1) if i not in shown)
        where = f"lines {first + 1} to {end} of {len(lines)}"
        parts.append(Excerpt(path, "\n".join(lines[first:end]) + "\n", where, first + 1))
    return parts


def _listed(checkout: Checkout, relevant: Sequence[str], budget: int) -> str:
    """The paths of the repository, those near the relevant files first."""
    near = {path.rpartition("/")[0] for path in relevant}
    order = sorted(checkout.files, key=lambda path: (path.rpartition("/")[0] not in near, path.count("/"), path))
    listed: list[str] = []
    for path in order:
        budget -= count_tokens(path) + 1
        if budget < 0:
            listed.append(f"... and {len(order) - len(listed)} more")
            break
        listed.append(path)
    return "\n".join(listed)


def _marker(texts: Sequence[str]) -> int:
    """A length of markers that stands in none of the texts."""
    taken = {len(match[0]) for text in texts for match in re.finditer(r"^[<=>]{5,}(?=\s|$)", text, re.MULTILINE)}
    return next(length for length in range(MARKER, MARKER + len(taken) + 1) if length not in taken)


def _tail(text: str, budget: int) -> str:
    """The last lines; long ones are clipped."""
    return "\n".join(reversed(_within(reversed(text.split("\n")), budget, "[... the beginning is left out ...]")))


def _head(text: str, budget: int) -> str:
    """The first lines; long ones are clipped."""
    return "\n".join(_within(text.split("\n"), budget, "[... the rest is left out ...]"))


def _within(lines: Iterable[str], budget: int, cut: str) -> list[str]:
    kept: list[str] = []
    for line in lines:
        clipped = line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " [...]"
        budget -= count_tokens(clipped) + 1
        if budget < 0:
            return [*kept, cut]
        kept.append(clipped)
    return kept
